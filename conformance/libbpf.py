"""Programs of libbpf's dialect that run once, and the numbers they stored.

A text stores with ``OUT(index, value)`` into a global array. `run` runs its program by
BPF_PROG_TEST_RUN, in this process's own task: no hook, no trigger.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from bpfkit.collection import Collection, load

HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";
s64 out[{results}];
#define OUT(i, v) (out[i] = (s64)(v))
"""
PACKET = bytes(range(64))
WITH_PACKET = ("xdp", "tc", "socket")

RAW_TP_RUN = "5.10"
"""BPF_PROG_TEST_RUN of raw tracepoints, the oldest kernel that runs tracing programs so."""
PROGRAM = "program"


def load_text(
    text: str, results: int = 1, *, globals: Mapping[str, object] | None = None
) -> Collection:
    """Load a text that follows `HEAD`."""
    return load(HEAD.format(results=results) + text, name="case.bpf.c", globals=globals or {})


def trigger(collection: Collection, program: str = PROGRAM, words: Sequence[int] = ()) -> int:
    """Run a program of a loaded object once and give what it returned.

    ``words`` are the 64-bit arguments of a raw tracepoint.
    """
    loaded = collection.load_program(program)
    section = collection.spec.programs[program].section.split("/")[0]
    if section in WITH_PACKET:
        return loaded.test_run(PACKET).retval
    context = struct.pack(f"={len(words)}Q", *(word & (1 << 64) - 1 for word in words))
    return loaded.test_run(context=context, repeat=0).retval


def stored(collection: Collection) -> list[int]:
    """The numbers in ``out``."""
    found = collection.globals["out"]
    assert isinstance(found, tuple)
    return list(found)


def run(
    text: str,
    results: int = 1,
    words: Sequence[int] = (),
    *,
    globals: Mapping[str, object] | None = None,
) -> list[int]:
    """Run the program called ``program`` of a text and give the numbers it stored."""
    with load_text(text, results, globals=globals) as collection:
        trigger(collection, words=words)
        return stored(collection)


def in_tracepoint(
    body: str, results: int = 1, before: str = "", *, globals: Mapping[str, object] | None = None
) -> list[int]:
    """Run statements in this process's task, as a raw tracepoint program that gets ``ctx``."""
    text = f"""
{before}
SEC("raw_tp/sys_enter") int {PROGRAM}(struct bpf_raw_tracepoint_args *ctx) {{
    {body}
    return 0;
}}
"""
    return run(text, results, globals=globals)
