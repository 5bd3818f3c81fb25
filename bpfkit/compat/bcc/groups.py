"""Many targets attached by one bpf_link, which scripts detach one by one.

bcc gives each function that a pattern matches a probe of its own. Where the kernel can attach to
all at once, that takes one link; taking a target out of it makes a new link for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from . import live

if TYPE_CHECKING:
    from ...collection import Collection
    from ...links.base import Link
    from ...obj.spec import ObjectSpec

Target = TypeVar("Target")

_CALL, _BYTES = 0x85, 8
# What works otherwise, or not at all, in programs that are attached to many functions at once:
# bpf_get_stackid, bpf_override_return, bpf_get_stack.
_ALONE = frozenset({27, 58, 67})


class Group(Generic[Target]):
    """A link that holds several targets, by the name that scripts have for them."""

    def __init__(
        self,
        collection: Collection,
        targets: Mapping[str, Target],
        attach: Callable[[list[Target]], Link],
    ) -> None:
        """Attach to all ``targets`` with ``attach``, which is called again for fewer of them."""
        self._collection = collection
        self._targets = dict(targets)
        self._attach = attach
        self._link = attach(list(self._targets.values()))
        collection.own(self._link)

    def remove(self, names: Iterable[str]) -> None:
        """Detach some targets; others miss calls while that is done, they are never called twice.

        Names that are not attached are fine.
        """
        before = len(self._targets)
        for name in names:
            self._targets.pop(name, None)
        if len(self._targets) == before:
            return
        self._collection.disown(self._link)
        self._link.close()
        if self._targets:
            self._link = self._attach(list(self._targets.values()))
            self._collection.own(self._link)


class Member:
    """One target of a group, where a link of its own could be."""

    def __init__(self, group: Group[Target], name: str) -> None:
        self.group = group
        self.name = name

    def close(self) -> None:
        """Detach this target; twice is harmless."""
        self.group.remove([self.name])


def works_in_groups(spec: ObjectSpec, program: str) -> bool:
    """Whether a program does the same attached to many functions at once as to each by itself."""
    for function in live.reachable(spec, program):
        insns = function.insns
        for at in range(0, len(insns), _BYTES):
            # A call of a helper: the upper half of the second byte is 0.
            if insns[at] == _CALL and not insns[at + 1] >> 4:
                number = int.from_bytes(insns[at + 4 : at + 8], "little")
                if number in _ALONE:
                    return False
    return True
