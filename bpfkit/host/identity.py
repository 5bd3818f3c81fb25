"""Telling one kernel's facts from another's without reading them: build IDs and sizes.

Source: /sys/kernel/notes holds the ELF notes of vmlinux, its build ID among them (v2.6.23); modules
have theirs in /sys/module/NAME/notes. The build ID covers the BTF, which is linked in.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from .kconfig import find_kconfig

VMLINUX = "vmlinux"


def btf_identity(root: Path, module: str) -> str:
    """A name for the types of "vmlinux" or a module; "" when it cannot be told this way."""
    notes = build_notes(root, module)
    try:
        size = (root / "sys/kernel/btf" / module).stat().st_size
    except OSError:
        return ""
    return f"{notes} {size}" if notes else ""


def build_notes(root: Path, module: str = VMLINUX) -> str:
    """A name for the build of the kernel or a module; "" when it has no build ID."""
    place = "sys/kernel/notes"
    if module != VMLINUX:
        place = f"sys/module/{module}/notes/.note.gnu.build-id"
    try:
        data = (root / place).read_bytes()
    except OSError:
        return ""
    return blake2b(data, digest_size=20).hexdigest() if data else ""


def config_mark(root: Path, release: str) -> str:
    """A name for the kernel's configuration: its build, and which file tells about it."""
    notes = build_notes(root)
    path = find_kconfig(root, release)
    if not notes or path is None:
        return ""
    status = path.stat()
    # Files of /proc have neither size nor a time that means anything.
    stamp = "" if path.is_relative_to(root / "proc") else f"{status.st_size} {status.st_mtime_ns}"
    return f"{notes} {path} {stamp}"
