"""bcc's stack traces."""

from __future__ import annotations

import errno

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine

TEXT = """
BPF_STACK_TRACE(stacks, 1000);
BPF_STACK_TRACE_BUILDID(files, 64);
BPF_HASH(counts, int, u64);
BPF_ARRAY(seen, s64, 4);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int id = stacks.get_stackid(args, 0), slot = 0;
    counts.increment(id);
    s64 user = stacks.get_stackid(args, BPF_F_USER_STACK);
    seen.update(&slot, &user);
    slot = 1;
    user = files.get_stackid(args, BPF_F_USER_STACK);
    seen.update(&slot, &user);
    slot = 2;
    user = stacks.get_stackid(args, BPF_F_REUSE_STACKID | BPF_F_FAST_STACK_CMP | 1);
    seen.update(&slot, &user);
    return 0;
}
"""


@case("maps/bcc/stacks", kernel="4.18", feature="map_type/stack_trace")
def test_a_stack_is_walked_by_its_number() -> None:
    """get_stackid stores kernel and user stacks; walk gives their addresses, resolved or not; a
    number below zero is KeyError; clear keeps the stacks.
    """
    with BPF(text=TEXT, cflags=only_mine()) as b:
        getpid_calls(3)
        stacks = b["stacks"]
        assert stacks.max_entries == 1024
        ((id, count),) = b["counts"].items()
        assert count.value == 3
        assert id.value >= 0
        addresses = list(stacks.walk(id.value))
        assert addresses
        assert all(address >> 63 for address in addresses)  # they are the kernel's
        assert list(stacks.walk(id.value, hex)) == [hex(a) for a in addresses]
        assert list(stacks[id].ip)[: len(addresses)] == addresses
        names = [b.ksym(address) for address in addresses]
        assert any(b"syscall" in name for name in names), names
        user = b["seen"][0].value
        assert user >= 0
        assert all(0 < address < 1 << 63 for address in stacks.walk(user))
        assert b["seen"][2].value >= 0
        for missing in (-errno.EFAULT, -errno.EEXIST, 1023 if id.value != 1023 else 1022):
            with pytest.raises(KeyError):
                stacks.walk(missing)
        known = len(stacks)
        assert known >= 2
        stacks.clear()
        assert len(stacks) == known
        assert id.value in [key.value for key in stacks]
        assert len(stacks.items()) == known


@case("maps/bcc/stacks-build-id", kernel="4.18", feature="map_type/stack_trace")
def test_a_stack_of_build_ids_gives_files_and_offsets() -> None:
    """BPF_STACK_TRACE_BUILDID gives the build ID and the offset of each place in user space."""
    with BPF(text=TEXT, cflags=only_mine()) as b:
        getpid_calls(1)
        files = b["files"]
        assert files.flags == files.BPF_F_STACK_BUILD_ID
        number = b["seen"][1].value
        assert number >= 0
        frames = list(files.walk(number))
        for frame in frames:
            assert frame.status == files.BPF_STACK_BUILD_ID_VALID
            assert any(frame.build_id)
        # Where the page with the build ID is not in memory the kernel gives an address instead.
        first = files[number].trace[0]
        assert first.status in (files.BPF_STACK_BUILD_ID_VALID, files.BPF_STACK_BUILD_ID_IP)
        assert bool(frames) == (first.status == files.BPF_STACK_BUILD_ID_VALID)
