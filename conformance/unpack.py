"""The guest's first step: put the packages of the tree on a tmpfs, then become the suite.

    python unpack.py ARCHIVE ROOT COMMAND…

What ARCHIVE holds is mounted over the same directories of ROOT, so that only the speed of reading
changes; what cannot be mounted is read from the host. A script of the standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PLACE = Path("/run/conformance")


def main(arguments: Sequence[str]) -> None:
    """Unpack, and run the command in place of this process."""
    archive, root, *command = arguments
    if Path(archive).is_file():
        mount_over(archive, root)
    os.execv(command[0], command)


def mount_over(archive: str, root: str) -> None:
    """Mount each directory of the archive over the one in ``root``."""
    PLACE.mkdir(exist_ok=True)
    done = subprocess.run(["tar", "-xf", archive, "-C", str(PLACE)], check=False)
    if done.returncode == 0:
        for package in PLACE.iterdir():
            over = f"{root}/{package.name}"
            subprocess.run(["mount", "--bind", str(package), over], check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
