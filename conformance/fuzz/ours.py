"""Run generated programs through our compiler: in the kernel, and by JIT on this machine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from bpfkit.collection import Collection, load
from bpfkit.compiler.compiled import Compiled
from bpfkit.errors import VerifierError

from .generate import HEAD, INPUTS, OUTPUTS, Program
from .jit import WORDS, Jit

Compile = Callable[[str, str], Compiled]
"""Compiles a text of a dialect."""
Results = list[list[int]]
"""The words a program left, for each input."""

INCLUDES = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n'
MEMORY = """
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct io);
} memory SEC(".maps");
char license[] SEC("license") = "GPL";
"""
ENTRY = """
SEC("xdp") int entry_{name}(struct xdp_md *ctx)
{{
	u32 zero = 0;
	struct io *io = bpf_map_lookup_elem(&memory, &zero);
	return io ? {name}(io) : 0;
}}
"""
_VALUE = struct.Struct(f"={INPUTS + OUTPUTS}Q")
_FIRST = bytes(4)


def whole(programs: Sequence[Program]) -> str:
    """A text with several programs, each an XDP program."""
    texts = "".join(program.text for program in programs)
    entries = "".join(ENTRY.format(name=program.function) for program in programs)
    return INCLUDES + HEAD + MEMORY + texts + entries


def run_in_kernel(
    elf: bytes, programs: Sequence[Program], inputs: Sequence[Sequence[int]]
) -> list[Results | VerifierError]:
    """Load an object's programs and run each for each input; a refusal stands for its results."""
    with load(elf) as collection:
        return [_run(collection, program.function, inputs) for program in programs]


def _run(
    collection: Collection, name: str, inputs: Sequence[Sequence[int]]
) -> Results | VerifierError:
    try:
        program = collection.load_program(f"entry_{name}")
    except VerifierError as refused:
        return refused
    memory = collection.maps["memory"].raw
    results = []
    for words in inputs:
        memory.update(_FIRST, _VALUE.pack(*words, *[0] * (INPUTS + OUTPUTS - len(words))))
        program.test_run(bytes(64))
        found = memory.lookup(_FIRST) or b""
        results.append([*_VALUE.unpack(found), *[0] * (WORDS - INPUTS - OUTPUTS)])
    return results


def run_by_jit(
    jit: Jit, ir: str, programs: Sequence[Program], inputs: Sequence[Sequence[int]]
) -> list[Results]:
    """Have LLVM build our module for this machine instead of BPF."""
    return jit.run(ir, [program.function for program in programs], inputs)
