"""The small initramfs of a guest: busybox, the init script, the agent, the first modules.

Format: newc, Documentation/driver-api/early-userspace/buffer-format.rst of the kernel;
uncompressed, since the guest would pay for unpacking it.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmlab.bzimage import file_identity, write_whole
from vmlab.engine import guest
from vmlab.engine.elf import is_static
from vmlab.engine.modules import BOOT_MODULES, closure, module_name, read_index, read_module
from vmlab.errors import EngineError, ToolMissingError
from vmlab.model import KernelImage
from vmlab.tools import install_hint, require_tool

_FORMAT = 1
_GUEST = Path(guest.__file__).parent
_AGENT_PACKAGE = ("vmlab", "vmlab/engine", "vmlab/engine/guest")
_AGENT_FILES = ("__init__.py", "agent.py", "frames.py", "mounts.py")
_DIRECTORIES = ("bin", "dev", "proc", "sys", "image", "modules", "agent")
_APPLETS = ("sh", "mount", "mkdir", "insmod", "sleep", "ip", "chroot", "poweroff")


class MissingDriversError(EngineError):
    """The kernel has neither built in nor as a module what a guest cannot start without."""

    def __init__(self, message: str, missing: Sequence[str]) -> None:
        options = ", ".join(BOOT_MODULES[name] for name in missing)
        super().__init__(message, f"build it with {options}")
        self.missing = frozenset(missing)


class CpioWriter:
    """Collects the entries of a cpio archive in the newc format."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def add(
        self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        """Add one entry; ``mode`` has its type, ``data`` is a link's target or a file's content."""
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (
            self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0,
        )  # fmt: skip
        head = b"070701" + b"".join(b"%08X" % value for value in fields) + encoded
        self._parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def add_directory(self, name: str) -> None:
        """Add a directory."""
        self.add(name, stat.S_IFDIR | 0o755)

    def add_file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a regular file."""
        self.add(name, stat.S_IFREG | mode, data)

    def add_link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def finish(self) -> bytes:
        """Return the archive."""
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def guest_sources() -> Mapping[str, bytes]:
    """Return the files that run in a guest, by name."""
    return {name: (_GUEST / name).read_bytes() for name in ("init.sh", *_AGENT_FILES)}


def static_busybox() -> Path:
    """Return a busybox that needs no shared library.

    Raises ToolMissingError.
    """
    path = require_tool("busybox", "the first program of a guest")
    if not is_static(path):
        raise ToolMissingError(f"{path} is not statically linked", install_hint("busybox"))
    return path


def make_initramfs(image: KernelImage, python: str, cache: Path) -> Path:
    """Return the initramfs for ``image``, made once; ``python`` is the interpreter in the root.

    Raises MissingDriversError, naming the options, when the kernel has none of the drivers it
    takes.
    """
    busybox = static_busybox()
    sources = guest_sources()
    key = hashlib.sha256(f"{_FORMAT}\0{image.digest}\0{python}\0".encode())
    key.update(file_identity(busybox).encode())
    for name, content in sources.items():
        key.update(f"{name}\0{len(content)}\0".encode() + content)
    target = cache / "initramfs" / f"{image.id}-{key.hexdigest()[:24]}.cpio"
    if not target.exists():
        modules = boot_modules(image)
        write_whole(target, build(busybox, python, sources, modules))
        for stale in target.parent.glob(f"{image.id}-{'[0-9a-f]' * 24}.cpio"):
            if stale != target:
                stale.unlink(missing_ok=True)
    return target


def boot_modules(image: KernelImage) -> list[tuple[str, bytes]]:
    """Return name and content of each module a guest must load, in order.

    Raises MissingDriversError.
    """
    if image.modules is None:
        missing = [name for name in BOOT_MODULES if _configured_out(image, BOOT_MODULES[name])]
        paths: Sequence[str] = ()
    else:
        paths, missing = closure(read_index(image.modules), BOOT_MODULES)
        # Without modules.builtin nothing is known of what is built in; the guest will say.
        if not (image.modules / "modules.builtin").exists():
            missing = [name for name in missing if _configured_out(image, BOOT_MODULES[name])]
    if missing:
        raise MissingDriversError(
            f"kernel {image.id} ({image.release}) has no {', '.join(missing)}", missing
        )
    directory = image.modules or Path()
    return [(module_name(path), read_module(directory / path)) for path in paths]


def _configured_out(image: KernelImage, option: str) -> bool:
    """Whether the kernel's configuration is known and leaves ``option`` out."""
    if image.config is None:
        return False
    lines = image.config.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"{option}=y" not in lines


def build(
    busybox: Path, python: str, sources: Mapping[str, bytes], modules: Sequence[tuple[str, bytes]]
) -> bytes:
    """Return the archive."""
    cpio = CpioWriter()
    for name in (*_DIRECTORIES, *(f"agent/{package}" for package in _AGENT_PACKAGE)):
        cpio.add_directory(name)
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    cpio.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    cpio.add_file("bin/busybox", busybox.read_bytes(), 0o755)
    for applet in _APPLETS:
        cpio.add_link(f"bin/{applet}", "busybox")
    cpio.add_file("init", sources["init.sh"], 0o755)
    cpio.add_file("python", f"{python}\n".encode())
    for package in _AGENT_PACKAGE[:-1]:
        cpio.add_file(f"agent/{package}/__init__.py", b"")
    for name in _AGENT_FILES:
        cpio.add_file(f"agent/{_AGENT_PACKAGE[-1]}/{name}", sources[name])
    for name, content in modules:
        cpio.add_file(f"modules/{name}.ko", content)
    cpio.add_file("modules/order", "".join(f"{name}.ko\n" for name, _ in modules).encode())
    return cpio.finish()
