"""The host side of a fast start: bytecode, and one archive of what a guest imports.

A guest reads the host's files by 9p, several milliseconds each, and each process that a case starts
imports two hundred. It cannot keep bytecode, and an emulated one would compile for 15 seconds.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bpfkit", "conformance", "examples")
"""What the suite imports and runs of this tree."""
ARCHIVE = "tree.tar"
OBJECTS = "CONFORMANCE_OBJECTS"
"""Variable of the guest that names the directory of the objects made for it (`objects`)."""
WHY_NOT = "why-not"
"""File there that says why there are none."""


def stage(share: Path, guest_share: str, collect: Sequence[str]) -> list[str]:
    """Put the archive into ``share``; return what stands before a command that is to use it.

    ``collect`` is a pytest command: as it collects, pytest writes the form of the modules in which
    assertions explain themselves. Where the tree cannot be written to, guests compile.
    """
    for package in PACKAGES:
        compileall.compile_dir(ROOT / package, quiet=2)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(collect, cwd=ROOT, env=env, capture_output=True, check=False)
    with tarfile.open(share / ARCHIVE, "w") as archive:
        for package in PACKAGES:
            archive.add(ROOT / package, package)
    unpack = ROOT / "conformance" / "unpack.py"
    return [sys.executable, "-I", "-S", str(unpack), f"{guest_share}/{ARCHIVE}", str(ROOT)]
