"""Compute ``expected.json``: what a native build of ``constructs.c`` gives.

    python tests/kernel/compiler/programs/native.py

Needs a C compiler (cc). Of signed char, byte order and type sizes it expects those of x86-64.
"""

from __future__ import annotations

import ctypes
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = ("-O1", "-fwrapv", "-fsigned-char", "-fno-strict-aliasing", "-w", "-shared", "-fPIC")


def inputs() -> list[tuple[int, int]]:
    """Pairs of numbers: corners first, then mixed small and large ones."""
    rng = random.Random(1)
    corners = [(0, 0), (5, 3), (1, 2**32 - 1), (2**31, 7), (1, 2), (2**32 - 1, 2**32 - 1)]
    pick = (lambda: rng.getrandbits(32), lambda: rng.randrange(20), lambda: rng.randrange(70000))
    return corners + [(rng.choice(pick)(), rng.choice(pick)()) for _ in range(42)]


def names(text: str) -> list[str]:
    """The functions under test."""
    return re.findall(r"^T\((\w+)\)$", text, re.MULTILINE)


def main() -> None:
    """Write the file."""
    text = (HERE / "constructs.c").read_text()
    tests = names(text)
    wrappers = "".join(f"int run_{n}(u32 a, u32 b) {{ return {n}(a, b); }}\n" for n in tests)
    results: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "native.c", Path(folder) / "native.so"
        source.write_text(text + wrappers)
        subprocess.run(["cc", *FLAGS, "-o", library, source], check=True)
        native = ctypes.CDLL(str(library))
        for name in tests:
            function = getattr(native, f"run_{name}")
            function.argtypes = [ctypes.c_uint32, ctypes.c_uint32]
            function.restype = ctypes.c_uint32
            results[name] = [function(a, b) for a, b in inputs()]
    data = {"inputs": inputs(), "results": results}
    rows = ",\n".join(f"  {json.dumps(n)}: {json.dumps(r)}" for n, r in results.items())
    text = f'{{"inputs": {json.dumps(data["inputs"])},\n "results": {{\n{rows}\n }}}}\n'
    (HERE / "expected.json").write_text(text)


if __name__ == "__main__":
    main()
