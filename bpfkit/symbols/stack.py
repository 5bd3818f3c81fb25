"""Stack traces as a stack map keeps them: addresses, the innermost first, ended by a zero.

Source: bpf_get_stackid, kernel/bpf/stackmap.c (v4.6).
"""

from __future__ import annotations

import errno
import struct

from ..errors import FormatError

MAX_DEPTH = 127  # PERF_MAX_STACK_DEPTH

_FAILURES = {
    errno.EFAULT: "no stack: the task has no user stack, or it could not be read",
    errno.EEXIST: "another stack has the same hash; make the map larger or add BPF_F_REUSE_STACKID",
    errno.ENOMEM: "no memory for the stack; make the map larger",
}


def read_stack(value: bytes | memoryview) -> tuple[int, ...]:
    """Decode one value of a stack map: native 8-byte addresses.

    Raises FormatError when the length is not a multiple of 8.
    """
    if len(value) % 8:
        raise FormatError(f"a stack of {len(value)} bytes is not made of addresses", len(value))
    addresses = struct.unpack(f"={len(value) // 8}Q", value)[:MAX_DEPTH]
    return addresses[: addresses.index(0)] if 0 in addresses else addresses


def explain_stack_id(stack_id: int) -> str:
    """Say why bpf_get_stackid() gave a negative id; empty for one that is an id."""
    if stack_id >= 0:
        return ""
    name = errno.errorcode.get(-stack_id, str(-stack_id))
    return f"{name}: {_FAILURES.get(-stack_id, 'the kernel took no stack')}"
