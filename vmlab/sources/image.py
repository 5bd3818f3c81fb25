"""Kernels that are files already: a bzImage, a vmlinux, or a tree that one was built in."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from vmlab.bzimage import ImageError, file_identity, read_release, write_whole
from vmlab.errors import CacheError, FetchError
from vmlab.model import Kernel, KernelImage

_IN_A_TREE = ("arch/x86/boot/bzImage", "vmlinux", "vmlinuz", "bzImage")


def user_image(
    image: Path,
    modules: Path | None,
    cache: Path,
    *,
    kernel_id: str = "",
    cmdline: tuple[str, ...] = (),
) -> KernelImage:
    """Make a `KernelImage` of the user's files.

    ``image`` may be a kernel or a directory that holds one; ``modules`` a directory with
    modules.dep, or one with lib/modules below it. Without ``modules`` those installed beside the
    image are used, if any.
    """
    file = find_image(image)
    release, digest = _facts(file, cache)
    directory = (
        find_modules(modules, release) if modules is not None else _modules_beside(file, release)
    )
    if directory is not None:
        digest = hashlib.sha256(f"{digest}\n{_tree_digest(directory)}".encode()).hexdigest()
    return KernelImage(
        id=kernel_id or file.name,
        release=release,
        image=file,
        modules=directory,
        config=_config_beside(file, image.absolute(), release),
        digest=digest,
        origin=f"image {file}",
        cmdline=cmdline,
    )


def image_instead_of(
    kernel: Kernel,
    image: Path,
    modules: Path | None,
    cache: Path,
    notice: Callable[[str], None],
) -> KernelImage:
    """Make a `KernelImage` of files that were named in place of ``kernel``.

    Whoever names a file means that file, so another series is worth a notice, not a refusal. Its
    id is not the kernel's, whose saved guest would have to make room for this one's.
    """
    own_id = f"{kernel.id}-image"
    found = user_image(image, modules, cache, kernel_id=own_id, cmdline=kernel.cmdline)
    if not is_of_series(found.release, kernel.series):
        notice(f"{found.image} is Linux {found.release}, not of series {kernel.series}")
    return found


def is_of_series(release: str, series: str) -> bool:
    """Whether ``uname -r`` says this in a kernel of ``series``: 6.1.0-rc2 is of 6.1, 6.12 not."""
    return f"{release}.".replace("-", ".").startswith(f"{series}.")


def find_image(path: Path) -> Path:
    """Return the kernel a path names: the file itself, or the one in a build tree."""
    path = path.absolute()
    if path.is_dir():
        for name in _IN_A_TREE:
            if (path / name).is_file():
                return path / name
        raise ImageError(
            f"{path}: no kernel in this directory",
            f"build it, or name one of {', '.join(_IN_A_TREE)}",
        )
    if not path.is_file():
        raise ImageError(
            f"{path}: no such file", "--image names a bzImage, a vmlinux or a built kernel tree"
        )
    return path


def find_modules(path: Path, release: str) -> Path:
    """Return the directory of modules.dep at or below ``path``."""
    path = path.absolute()
    candidates = (
        path,
        path / "lib/modules" / release,
        path / "usr/lib/modules" / release,
        path / release,
    )
    for directory in candidates:
        if (directory / "modules.dep").is_file():
            if directory.name != release:
                raise FetchError(
                    f"{directory}: modules of {directory.name}, but the image is {release}",
                    "name the modules that were built with the image",
                )
            return directory
    for directory in candidates:
        if (directory / "modules.order").is_file() and directory.parts[-3:-1] == ("lib", "modules"):
            raise FetchError(
                f"{directory}: the modules have no index",
                f"make it with: depmod -b {directory.parents[2]} {release}",
            )
    raise FetchError(
        f"{path}: no modules of {release} here (no modules.dep)",
        f"run make modules_install INSTALL_MOD_PATH={path} in the kernel tree",
    )


def _modules_beside(file: Path, release: str) -> Path | None:
    # /boot/vmlinuz-REL has /lib/modules/REL, an unpacked package likewise.
    for base in (file.parent, file.parent.parent):
        directory = base / "lib/modules" / release
        if (directory / "modules.dep").is_file():
            return directory
    return None


def _config_beside(file: Path, given: Path, release: str) -> Path | None:
    candidates = [
        file.with_name(f"config-{release}"),
        file.with_name("config"),
        file.parent / ".config",
    ]
    if given.is_dir():
        candidates.append(given / ".config")
    return next((path for path in candidates if path.is_file()), None)


def _facts(file: Path, cache: Path) -> tuple[str, str]:
    """Return release and SHA256 of a kernel file, remembered by the file's identity.

    A vmlinux with debugging information takes seconds to read; a run should not.
    """
    memory = cache / "images" / f"{file_identity(file)}.json"
    try:
        release, digest = json.loads(memory.read_text(encoding="utf-8"))
        return str(release), str(digest)
    except (OSError, ValueError):
        pass
    release = read_release(file)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    # It is only a memory: without it the next run reads the file again.
    with contextlib.suppress(CacheError):
        write_whole(memory, json.dumps([release, digest]).encode())
    return release, digest


def _tree_digest(directory: Path) -> str:
    """Return a digest of names, sizes and times below a directory: a rebuilt module changes it."""
    rows = []
    for base, _, files in os.walk(directory):
        for name in files:
            state = (Path(base) / name).lstat()
            rows.append(f"{base}/{name} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
