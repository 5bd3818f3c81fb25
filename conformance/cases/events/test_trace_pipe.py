"""bpf_trace_printk and the trace pipe."""

from __future__ import annotations

import os

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine, until


@case("events/trace-printk", kernel="4.7")
def test_trace_fields_gives_what_printk_wrote() -> None:
    """``trace_fields`` gives task, pid, cpu, flags, time and message of a bpf_trace_printk call."""
    text = r"""
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        if (!(NOT_MINE))
            bpf_trace_printk("hello %d %s\n", 42, "world");
        return 0;
    }
    """
    got = []
    with BPF(text=text, cflags=only_mine()) as b:
        b.trace_open(nonblocking=True)
        getpid_calls(1)

        def look() -> None:
            fields = b.trace_fields(nonblocking=True)
            if fields[1] == os.getpid():
                got.append(fields)

        assert until(lambda: bool(got), look)
    task, _, cpu, flags, stamp, message = got[0]
    assert message.startswith(b"hello 42 world")
    assert task
    assert 0 <= cpu < (os.cpu_count() or 1)
    assert flags
    assert stamp > 0
