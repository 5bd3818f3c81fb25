"""tcx and netkit: programs on the packets of a device, in an order that everybody can see.

tcx runs SCHED_CLS programs where clsact filters run, before them; it came with Linux kernel commit
e420bed02507 ("bpf: Add fd-based tcx multi-prog infra with link support") (in v6.6). netkit is a
device of two ends, whose programs run in the sender's context; it came with Linux kernel commit
35dfaad7188c ("netkit, bpf: Add bpf programmable net device") (in v6.7).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Literal

from ..errors import AttachError, SyscallError
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable
from .bpf_link import BpfLink
from .device import find_device
from .order import After, Before, place
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

Direction = Literal["ingress", "egress"]
_TCX = {"ingress": AttachType.TCX_INGRESS, "egress": AttachType.TCX_EGRESS}
_LIST_HINTS = {
    errno.ENOENT: "the program or link to stand beside is not attached to this hook",
    errno.EEXIST: "this program is attached to this hook already",
    errno.ESTALE: "somebody else attached or detached meanwhile: try again",
    errno.ERANGE: "64 programs are attached, which is the most there can be",
}
_NETKIT_HINTS = _LIST_HINTS | {
    errno.EACCES: "programs are attached to the primary device of a pair, also those of its peer",
    errno.EINVAL: "the device must be of type netkit (ip link add … type netkit)",
    errno.ENXIO: "the device must be of type netkit (ip link add … type netkit)",
}


def attach_tcx(
    system: System,
    program: Attachable,
    device: str,
    direction: Direction = "ingress",
    *,
    before: Before = None,
    after: After = None,
) -> BpfLink:
    """Call ``program`` for every packet that enters or leaves ``device``.

    ``before`` or ``after`` another program or link, or at the ``"first"`` or ``"last"`` place.
    Raises AttachError.
    """
    target = f"tcx {direction} of {device}"
    kind = _TCX[direction]
    return _attach(system, program, device, kind, target, "link/tcx", _LIST_HINTS, before, after)


def attach_netkit(
    system: System,
    program: Attachable,
    device: str,
    *,
    peer: bool = False,
    before: Before = None,
    after: After = None,
) -> BpfLink:
    """Call ``program`` for every packet that the netkit ``device`` sends, or its ``peer`` does.

    ``device`` is the primary one of the pair for both. Raises AttachError.
    """
    target = f"netkit {'peer of ' if peer else ''}{device}"
    kind = AttachType.NETKIT_PEER if peer else AttachType.NETKIT_PRIMARY
    feature = "link/netkit"
    return _attach(system, program, device, kind, target, feature, _NETKIT_HINTS, before, after)


def _attach(
    system: System,
    program: Attachable,
    device: str,
    kind: AttachType,
    target: str,
    feature: str,
    hints: dict[int, str],
    before: Before,
    after: After,
) -> BpfLink:
    check_type(program, target, ProgType.SCHED_CLS)
    flags, options = place(before, after)
    index = find_device(program, target, device)
    try:
        fd = system.syscalls.link_create(
            program.fileno(), index, kind, flags=flags, options=options
        )
    except SyscallError as error:
        why = explain_refusal(system, error, hints, feature)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    hook = feature.partition("/")[2]
    return BpfLink(system, fd, hook=hook, program=program.name, target=target)
