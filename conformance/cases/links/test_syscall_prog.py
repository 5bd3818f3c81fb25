"""Syscall programs: they run when they are asked to, in the caller's task, and may sleep."""

from __future__ import annotations

import os
import struct

import pytest

from bpfkit.errors import SyscallError
from conformance.case import case
from conformance.libbpf import load_text, stored

TEXT = """
struct arguments { u64 number; u64 result; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, u32);
         __type(value, u64); } table SEC(".maps");
SEC("syscall") int program(struct arguments *arguments) {
    u32 key = 3; u64 value = arguments->number * 2;
    bpf_map_update_elem(&table, &key, &value, 0);
    arguments->result = value + 1;
    OUT(0, bpf_get_current_pid_tgid() >> 32);
    return 5;
}
"""


@case("links/syscall/test-run", kernel="5.14", feature="program_type/syscall")
def test_it_runs_with_arguments_and_gives_them_back() -> None:
    """A syscall program gets a structure of ours and changes it, and the caller sees that."""
    with load_text(TEXT) as c:
        ran = c.load_program("program").test_run(context=struct.pack("=QQ", 21, 0), repeat=0)
        assert ran.retval == 5
        assert struct.unpack("=QQ", ran.context) == (21, 43)
        assert c.maps["table"].raw.lookup(struct.pack("=I", 3)) == struct.pack("=Q", 42)
        assert stored(c) == [os.getpid()]


@case("links/syscall/refused", kernel="5.14", feature="program_type/syscall")
def test_what_it_cannot_take_is_told() -> None:
    """A packet for a syscall program is refused with a hint at what it takes."""
    with load_text(TEXT) as c, pytest.raises(SyscallError, match="context") as refused:
        c.load_program("program").test_run(bytes(64), repeat=1)
    assert "EINVAL" in str(refused.value)
