"""Make ``counter.o`` out of ``counter.c`` with our own compiler: python tests/data/objects/make.py.

ORIGIN: types are those of the kernel it is run on (Linux 6.18 for the file that is here).
"""

from __future__ import annotations

from pathlib import Path

from bpfkit.collection import compile_text
from bpfkit.system import System

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Compile and write the object beside its source."""
    text = (HERE / "counter.c").read_text()
    (HERE / "counter.o").write_bytes(compile_text(text, system=System.live()).elf)


if __name__ == "__main__":
    main()
