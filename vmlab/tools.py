"""Programs of the system: where they are, which package brings them, and running one.

The lab calls few programs and none on the path of a cached run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmlab.errors import ToolMissingError

PACKAGES: Mapping[str, str] = {
    "apt-get": "apt",
    "apt-cache": "apt",
    "apt-config": "apt",
    "dpkg-deb": "dpkg",
    "depmod": "kmod",
    "zstd": "zstd",
    "lz4": "lz4",
    "qemu-system-x86_64": "qemu-system-x86",
    "mkfs.erofs": "erofs-utils",
    "busybox": "busybox-static",
}
"""Program to the Debian or Ubuntu package that holds it."""

# Debian keeps depmod and mkfs out of the PATH of users who are not root.
_EXTRA_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find_tool(name: str) -> Path | None:
    """Return where a program is, looking also where only root's PATH does; None if missing."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_EXTRA_PATH])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def install_hint(name: str) -> str:
    """Return the command that installs a program."""
    return f"install it with: apt-get install {PACKAGES.get(name, name)}"


def require_tool(name: str, purpose: str) -> Path:
    """Return where a program is, or raise `ToolMissingError` saying what it was wanted for."""
    found = find_tool(name)
    if found is None:
        raise ToolMissingError(f"{name} is not installed, needed for {purpose}", install_hint(name))
    return found


def run_tool(
    name: str,
    arguments: Sequence[str | Path],
    *,
    purpose: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end with messages in English; the caller judges its exit status."""
    return subprocess.run(
        [require_tool(name, purpose), *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        cwd=cwd,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        check=False,
    )


def last_line(output: bytes) -> str:
    """Return the last line with something in it, which is where programs say why they failed."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
