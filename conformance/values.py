"""What C computes in the kernel: statements in, the numbers they stored out.

Statements store with ``OUT(index, value)``. `in_xdp` runs them once on a packet of ours
(BPF_PROG_TEST_RUN: no hook, no trigger), `in_task` in a tracepoint that this process enters, for
what needs a task.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from bpfkit.collection import Collection, load
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.uapi.bpf import ProgType

from .triggers import getpgid_call, only_mine

PACKET = bytes(range(64))
_OUT = """
BPF_ARRAY(out, s64, {results});
#define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
"""
_XDP = """
{before}
int program(struct xdp_md *ctx) {{
    {body}
    return XDP_PASS;
}}
"""
_TASK = """
#include <linux/sched.h>
{before}
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {{
    if (NOT_MINE)
        return 0;
    {body}
    return 0;
}}
"""


def in_xdp(
    body: str,
    results: int = 1,
    before: str = "",
    *,
    packet: bytes = PACKET,
    cflags: Sequence[str] = (),
) -> list[int]:
    """Run statements as an XDP program (``ctx`` is its context) and give what they stored."""
    text = _OUT.format(results=results) + _XDP.format(before=before, body=body)
    with load(text, cflags=cflags) as collection:
        collection.load_program("program", ProgType.XDP).test_run(packet)
        return stored(collection)


def in_task(
    body: str,
    results: int = 1,
    before: str = "",
    *,
    cflags: Sequence[str] = (),
    argument: int = 0,
) -> list[int]:
    """Run statements once in a system call of this process and give what they stored.

    ``args`` is the context of raw_syscalls:sys_enter; ``argument`` is what ``args->args[0]`` holds.
    """
    text = _OUT.format(results=results) + _TASK.format(before=before, body=body)
    with load(text, cflags=[*only_mine(), *cflags]) as collection:
        name = "tracepoint__raw_syscalls__sys_enter"
        program = collection.load_program(name, ProgType.TRACEPOINT)
        with attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"):
            getpgid_call(argument)
        return stored(collection)


def stored(collection: Collection, name: str = "out") -> list[int]:
    """The numbers in an array of 64-bit values, signed."""
    return [struct.unpack("=q", value)[0] for _, value in collection.maps[name].raw.items()]
