"""Run the same text as a C compiler of this machine builds it: the oracle, where there is one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .jit import WORDS

PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64;
"""
ENTRY = "int entry(struct io *io) { return compute(io); }\n"
FLAGS = ("-w", "-O1", "-fwrapv", "-fno-strict-aliasing", "-std=gnu11", "-shared", "-fPIC")


def compilers() -> list[str]:
    """The C compilers that are installed; clang first, whose bit-fields are promoted as ours."""
    named = ("clang", *(f"clang-{version}" for version in range(20, 12, -1)))
    clang = next((path for name in named if (path := shutil.which(name))), None)
    gcc = shutil.which("gcc")
    return [path for path in (clang, gcc) if path]


def run_native(
    compiler: str, text: str, inputs: Sequence[Sequence[int]], entry: str = ENTRY
) -> list[list[int]]:
    """Build ``text`` as a shared library and call ``entry`` in this process for each input.

    The generated programs cannot crash, whatever a compiler makes of them within the standard.
    """
    with tempfile.TemporaryDirectory() as directory:
        source, library = Path(directory) / "x.c", Path(directory) / "x.so"
        source.write_text(PRELUDE + text + entry)
        subprocess.run([compiler, *FLAGS, "-o", str(library), str(source)], check=True)
        function = ctypes.CDLL(str(library)).entry
        results = []
        for words in inputs:
            memory = (ctypes.c_uint64 * WORDS)(*words)
            function(ctypes.byref(memory))
            results.append(list(memory))
        return results


def compares_with_gcc(text: str) -> bool:
    """gcc computes with bit-fields wider than int in their own width; clang and we promote them."""
    return " : " not in text
