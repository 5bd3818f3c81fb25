"""A place among the programs of a hook: before or after another, at the beginning or the end.

Hooks that keep a list (tcx, netkit, and cgroups of late) take it with Linux kernel commit
053c8e1f235d ("bpf: Add generic attach/detach/query API for multi-progs") (in v6.6).
"""

from __future__ import annotations

from typing import Literal

from ..syscalls.requests import RelativeLink
from ..uapi.bpf import AttachFlag, MapFlag
from .base import Attachable, Link

FIRST: Literal["first"] = "first"
LAST: Literal["last"] = "last"
Before = Link | Attachable | Literal["first"] | None
After = Link | Attachable | Literal["last"] | None


def place(before: Before, after: After) -> tuple[int, RelativeLink | None]:
    """Flags and options that say where: ``before`` or ``after`` a link or a program, not both.

    ``before="first"`` is the beginning, ``after="last"`` the end. Without both the kernel appends.
    """
    if before is not None and after is not None:
        raise ValueError("a place is before something or after something, not both")
    if before is None and after is None:
        return 0, None
    flags = int(AttachFlag.BEFORE if before is not None else AttachFlag.AFTER)
    other = before if before is not None else after
    if other is None or isinstance(other, str):
        return flags, RelativeLink()
    if isinstance(other, Link):
        flags |= int(MapFlag.LINK)  # BPF_F_LINK: the number is a link's, not a program's
    return flags, RelativeLink(relative=other.fileno())
