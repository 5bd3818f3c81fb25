"""Which helper functions the kernel has: a program that calls one is shown to the verifier.

The call is wrong on purpose, without arguments. A kernel that has no helper of that number says so
before it looks at anything else.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from functools import partial

from ..syscalls.api import Syscalls
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ProgLoad
from ..uapi.bpf import ProgType
from ..uapi.helpers import HELPERS
from ..uapi.insn import CALL, EXIT, Insn
from .probe import Facts, Feature, Probe, Support
from .programs import nothing

_UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
_LOG_BYTES = 1 << 14
_NO_HELPER = re.compile(r"invalid func ")
_NOT_FOR_TYPE = re.compile(r"unknown func |program of this type cannot use helper")

FEATURES = tuple(Feature(f"helper/{helper.name}", helper.since) for helper in HELPERS)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each helper."""
    return {
        f"helper/{helper.name}": partial(probe_helper, syscalls, facts, helper.number)
        for helper in HELPERS
    }


def probe_helper(
    syscalls: Syscalls, facts: Facts, number: int, kind: ProgType | None = None
) -> Support:
    """Ask whether the kernel has a helper; with ``kind``, whether such programs may call it."""
    base = nothing(kind or ProgType.SOCKET_FILTER, facts)
    insns = Insn(CALL, imm=number).encode() + Insn(EXIT).encode()
    request = ProgLoad(
        type=base.type,
        insns=insns,
        name=base.name,
        kern_version=base.kern_version,
        flags=base.flags,
        expected_attach_type=base.expected_attach_type,
    )
    result, log = syscalls.prog_log(request, _LOG_BYTES)
    if isinstance(result, OwnedFd):
        result.close()
        return Support.YES
    if _NO_HELPER.search(log.text):
        return Support.NO
    if _NOT_FOR_TYPE.search(log.text):
        return Support.YES if kind is None else Support.NO
    # Any other complaint is about the missing arguments.
    return Support.YES if log.text else Support.UNKNOWN
