"""TC: a program as a filter of the qdisc "clsact", on packets that enter or leave a device.

Filters run in the order of their priority, lowest first; the program's return value (TC_ACT_*)
decides, for it runs in direct-action mode. clsact came with Linux kernel commit 1f211a1b929c ("net,
sched: add clsact qdisc") (in v4.5). Filters stay when a process ends, so the link removes its own,
and the qdisc too if it was made for it and nobody else uses it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..errors import AttachError, SyscallError
from ..syscalls.requests import TcFilter, TcPlace
from ..uapi.bpf import ProgType
from ..uapi.netlink import ETH_P_ALL, TC_H_MIN_EGRESS, TC_H_MIN_INGRESS
from .attaching import attaching
from .base import Attachable, Link, Method
from .device import find_device
from .explain import Explanation
from .namespace import Namespace
from .refusal import PERMISSION, check_type

if TYPE_CHECKING:
    from ..system import System

Direction = Literal["ingress", "egress"]
_HOOKS = {"ingress": TC_H_MIN_INGRESS, "egress": TC_H_MIN_EGRESS}
_HINTS = {
    errno.EPERM: PERMISSION,
    errno.EEXIST: "a filter has this priority and handle: leave out the handle, or replace it",
    errno.ENOENT: "this kernel is built without CONFIG_NET_CLS_BPF or CONFIG_NET_SCH_INGRESS, or "
    "their modules cls_bpf and sch_ingress are not there",
    errno.EINVAL: "the priority may belong to filters of another kind or protocol: choose another",
}


def attach_tc(
    system: System,
    program: Attachable,
    device: str,
    direction: Direction = "ingress",
    *,
    priority: int = 0,
    handle: int = 0,
    replace_filter: bool = False,
    protocol: int = ETH_P_ALL,
) -> TcLink:
    """Call ``program`` for every packet that enters or leaves ``device``, as a filter of clsact.

    The qdisc is made when the device has none. The kernel chooses a priority and a handle that are
    0; `TcLink.place` has them. ``replace_filter`` takes the place of the filter that has both.
    Raises AttachError.
    """
    target = f"TC {direction} of {device}"
    check_type(program, target, ProgType.SCHED_CLS)
    index = find_device(program, target, device)
    try:
        number = system.syscalls.prog_info(program.fileno()).id
        place = TcPlace(index, _HOOKS[direction], priority, handle, protocol)
        state = _Filter(system, Namespace(system), place, number)
        link = TcLink(state, program.name, target)
        with attaching(link, state):
            state.ensure_clsact()
            state.place = system.syscalls.filter_set(
                place, program.fileno(), program.name, replace=replace_filter
            )
    except SyscallError as error:
        why = _explain(error, device)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    return link


class TcLink(Link):
    """A filter."""

    def __init__(self, state: _Filter, program: str, target: str) -> None:
        super().__init__(
            hook="tc", program=program, target=target, method=Method.NETLINK, undo=state.remove
        )
        self._state = state

    @property
    def place(self) -> TcPlace:
        """Its device, side, priority and handle."""
        return self._state.place

    def update(self, program: Attachable) -> None:
        """Put another program in place of ours, with no packet in between. Raises AttachError."""
        syscalls = self._state.system.syscalls
        try:
            number = syscalls.prog_info(program.fileno()).id
            with self._state.namespace.entered():
                syscalls.filter_set(self.place, program.fileno(), program.name, replace=True)
        except SyscallError as error:
            why = _explain(error, "")
            raise AttachError(program.name, self.target, why.reason, why.hint) from error
        self._state.program_id = number
        self.program = program.name


@dataclass
class _Filter:
    """A filter of ours: what has to be removed. Its place may not be known yet."""

    system: System
    namespace: Namespace
    place: TcPlace
    program_id: int
    armed: bool = True

    @property
    def _qdisc(self) -> tuple[object, ...]:
        """How the system remembers that we made it."""
        return "clsact", self.namespace.number, self.place.ifindex

    def ensure_clsact(self) -> None:
        """Make the qdisc, and remember that we did, unless there is one. Raises SyscallError."""
        syscalls, index = self.system.syscalls, self.place.ifindex
        kind = syscalls.ingress_qdisc(index)
        if kind == "clsact":
            return
        if kind:
            raise SyscallError(
                errno.EEXIST, "RTM_NEWQDISC", f"qdisc clsact of device {index}", kind
            )
        self.system.made.add(self._qdisc)
        try:
            syscalls.clsact_create(index)
        except SyscallError as error:
            self.system.made.discard(self._qdisc)
            if error.errno != errno.EEXIST:  # somebody else was faster
                raise

    def remove(self) -> None:
        """Remove our filter, unless it is gone, replaced, or its device is; then our qdisc."""
        syscalls, index = self.system.syscalls, self.place.ifindex
        try:
            with self.namespace.entered():
                for found in syscalls.filters(index, self.place.hook):
                    if self.armed and self._is_ours(found):
                        syscalls.filter_delete(found.place)
                if self._qdisc in self.system.made and not self._used():
                    self.system.made.discard(self._qdisc)
                    syscalls.clsact_delete(index)
        except SyscallError as error:
            if error.errno not in (errno.ENODEV, errno.ENOENT, errno.EINVAL):
                raise
        finally:
            self.namespace.close()

    def _is_ours(self, found: TcFilter) -> bool:
        chosen = replace(
            found.place,
            priority=found.place.priority if self.place.priority else 0,
            handle=found.place.handle if self.place.handle else 0,
        )
        return found.prog_id == self.program_id and chosen == self.place

    def _used(self) -> bool:
        index = self.place.ifindex
        return any(self.system.syscalls.filters(index, hook) for hook in _HOOKS.values())


def _explain(error: SyscallError, device: str) -> Explanation:
    if error.call == "RTM_NEWQDISC" and error.errno == errno.EEXIST:
        return Explanation(
            f"{error.call}: EEXIST: {device} has the qdisc '{error.hint}' in the place of 'clsact'",
            f"remove it (tc qdisc del dev {device} {error.hint}), or attach through tcx",
        )
    return Explanation(str(error), _HINTS.get(error.errno or 0, ""))
