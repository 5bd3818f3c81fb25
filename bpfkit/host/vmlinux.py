"""The BTF of the running kernel and of its modules: /sys/kernel/btf."""

from __future__ import annotations

from pathlib import Path

from ..btf.decode import decode
from ..btf.types import Btf
from ..errors import NotSupportedError

_FOLDER = "sys/kernel/btf"


def read_btf_bytes(root: Path, name: str) -> bytes:
    """Return the BTF of "vmlinux" or of a module. Raises NotSupportedError when it has none."""
    path = root / _FOLDER / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotSupportedError(
            "BTF of the running kernel" if name == "vmlinux" else f"BTF of the module '{name}'",
            "5.4" if name == "vmlinux" else "5.11",
            f"{path} cannot be read ({error.strerror}); the kernel must be built with "
            "CONFIG_DEBUG_INFO_BTF",
        ) from error


def read_vmlinux_btf(root: Path) -> Btf:
    """Return the kernel's types. Raises NotSupportedError when it has none, FormatError."""
    return decode(read_btf_bytes(root, "vmlinux"))


def module_names(root: Path) -> list[str]:
    """Names of the loaded modules that bring BTF, sorted."""
    try:
        return sorted(p.name for p in (root / _FOLDER).iterdir() if p.name != "vmlinux")
    except OSError:
        return []


def read_module_btf(root: Path, module: str, base: Btf) -> Btf | None:
    """Return a module's types on top of the kernel's, None when it is not loaded or has none."""
    try:
        data = (root / _FOLDER / module).read_bytes()
    except OSError:
        return None
    return decode(data, base)
