"""The lock file ``kernels/lock.toml``: for each kernel the exact packages, with version and SHA256.

A pin makes two machines test the same kernel. It is written by ``vmlab fetch KERNEL --update-lock``
alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vmlab.errors import ManifestError
from vmlab.manifest import KERNELS_DIR, read_toml

LOCK_NAME = "lock.toml"

_HEADER = """\
# The packages each kernel is made of. Written by `vmlab fetch KERNEL --update-lock`; do not edit.
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One .deb: what it is called and which bytes it must have."""

    name: str
    version: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pin:
    """The packages that together are one kernel; ``release`` is what ``uname -r`` says in it."""

    release: str
    packages: tuple[Package, ...]

    @property
    def digest(self) -> str:
        """A hex digest that changes whenever any byte of any package does."""
        rows = sorted(
            f"{package.name}={package.version} {package.sha256}" for package in self.packages
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(package.size for package in self.packages)


def load_pins(root: Path = KERNELS_DIR) -> dict[str, Pin]:
    """Read the lock file; a missing one pins nothing."""
    path = root / LOCK_NAME
    if not path.exists():
        return {}
    tables = read_toml(path).get("kernel", {})
    if not isinstance(tables, dict):
        raise ManifestError(f"{path}: 'kernel' must be a table", "restore it from version control")
    return {identifier: _parse_pin(table, identifier, path) for identifier, table in tables.items()}


def save_pin(identifier: str, pin: Pin, root: Path = KERNELS_DIR) -> Path:
    """Set the pin of one kernel, keep the others, and return the file, replaced in one step."""
    path = root / LOCK_NAME
    pins = {**load_pins(root), identifier: pin}
    temporary = path.with_name(f".{LOCK_NAME}.{os.getpid()}")
    try:
        temporary.write_text(emit_lock(pins), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ManifestError(
            f"{path}: cannot be written: {error}", "run it in a writable checkout"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def emit_lock(pins: Mapping[str, Pin]) -> str:
    """Return the text of a lock file, sorted so that a change shows as a small diff."""
    lines = [_HEADER]
    for identifier, pin in sorted(pins.items()):
        # JSON strings without control characters are TOML basic strings.
        key = json.dumps(identifier)
        lines.append(f"[kernel.{key}]\nrelease = {json.dumps(pin.release)}\n")
        for package in pin.packages:
            lines.append(f"[[kernel.{key}.packages]]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in asdict(package).items()]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _parse_pin(table: dict[str, Any], identifier: str, path: Path) -> Pin:
    try:
        return _read_pin(table)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(
            f"{path}: the pin of kernel {identifier!r} is malformed ({error!r})",
            f"write it anew with: vmlab fetch {identifier} --update-lock",
        ) from error


def _read_pin(table: Mapping[str, Any]) -> Pin:
    """Make a `Pin` of decoded TOML; KeyError, TypeError or ValueError when it is not one."""
    packages = tuple(
        Package(str(row["name"]), str(row["version"]), int(row["size"]), str(row["sha256"]))
        for row in table["packages"]
    )
    if not packages or any(len(package.sha256) != 64 for package in packages):
        raise ValueError("no packages, or a hash that is not SHA256")
    return Pin(str(table["release"]), packages)
