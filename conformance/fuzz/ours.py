"""Run a generated text through our compiler: in the kernel, and by JIT on this machine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from bpfkit.collection import load
from bpfkit.compiler.compiled import Compiled
from bpfkit.maps.array import ArrayMap

from .generate import INPUTS, OUTPUTS
from .jit import WORDS, Jit

Compile = Callable[[str, str], Compiled]
"""Compiles a text of a dialect."""

HEAD = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n'
IN_KERNEL = """
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct io);
} memory SEC(".maps");
SEC("xdp") int entry(struct xdp_md *ctx)
{
	u32 zero = 0;
	struct io *io = bpf_map_lookup_elem(&memory, &zero);
	return io ? compute(io) : 0;
}
char license[] SEC("license") = "GPL";
"""
BY_JIT = 'SEC("raw_tp") int entry(struct io *io) { return compute(io); }\n'
_VALUE = struct.Struct(f"={INPUTS + OUTPUTS}Q")


def run_in_kernel(text: str, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Load the text as an XDP program, run it for each input and return the words it left.

    Raises CompileError, and VerifierError when the kernel refuses the program.
    """
    with load(HEAD + text + IN_KERNEL) as collection:
        program = collection.load_program("entry")
        memory = collection.maps["memory"]
        assert isinstance(memory, ArrayMap)
        results = []
        for words in inputs:
            memory.set(0, _VALUE.pack(*words, *[0] * (INPUTS + OUTPUTS - len(words))))
            program.test_run(bytes(64))
            results.append([*_VALUE.unpack(memory.get(0)), *[0] * (WORDS - INPUTS - OUTPUTS)])
        return results


def run_by_jit(
    jit: Jit, compile: Compile, text: str, inputs: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Lower the text as ever, then have LLVM build it for this machine instead of BPF."""
    return jit.run(compile(HEAD + text + BY_JIT, "libbpf").ir, "entry", inputs)
