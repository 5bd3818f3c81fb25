"""Run the same text as a C compiler of this machine builds it: the oracle, where there is one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .generate import HEAD, Program
from .jit import Jit

PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64;
"""
FLAGS = ("-w", "-O1", "-fwrapv", "-fno-strict-aliasing", "-std=gnu11", "-shared", "-fPIC")


def compilers() -> list[str]:
    """The C compilers that are installed; clang first, whose bit-fields are promoted as ours."""
    named = ("clang", *(f"clang-{version}" for version in range(20, 12, -1)))
    clang = next((path for name in named if (path := shutil.which(name))), None)
    gcc = shutil.which("gcc")
    return [path for path in (clang, gcc) if path]


def run_native(
    jit: Jit, compiler: str, programs: Sequence[Program], inputs: Sequence[Sequence[int]]
) -> list[list[list[int]]]:
    """Build programs as a shared library and run each of them in the child for each input.

    Raises CalledProcessError when the compiler refuses the text.
    """
    text = PRELUDE + HEAD + "".join(program.text for program in programs)
    names = [program.function for program in programs]
    for name in names:
        text += f"int entry_{name}(struct io *io) {{ return {name}(io); }}\n"
    with tempfile.TemporaryDirectory() as directory:
        source, library = Path(directory) / "x.c", Path(directory) / "x.so"
        source.write_text(text)
        command = [compiler, *FLAGS, "-o", str(library), str(source)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return jit.run_library(str(library), [f"entry_{name}" for name in names], inputs)
