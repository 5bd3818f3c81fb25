"""The ways to attach a program by BTF: to kernel functions, security hooks, as an iterator; for
`hooked.HookedProgram`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..programs.program import Program
from ..programs.targets import function_of
from ..syscalls.api import SupportsFileno
from .base import Link
from .hooked_network import NetworkHooked

if TYPE_CHECKING:
    from .iter import IterLink, Over


class TracingHooked(NetworkHooked):
    """Attaches where the program was loaded for."""

    def attach_tracing(self, *, cookie: int = 0) -> Link:
        """Be called where the program was loaded for: fentry, fexit, fmod_ret, tp_btf."""

        from .tracing import attach_tracing

        return self._owned(attach_tracing(self._system, self, cookie=cookie))

    def attach_freplace(self, owner: Program | None = None, *, function: str = "") -> Link:
        """Run in place of the function it was loaded to replace, or of ``owner``'s function."""

        from .tracing import attach_freplace

        btf_id = function_of(self._system, owner, function).btf_id if owner is not None else 0
        return self._owned(attach_freplace(self._system, self, owner=owner, btf_id=btf_id))

    def attach_lsm(self, *, cookie: int = 0) -> Link:
        """Be asked at the security hook that the program was loaded for."""

        from .lsm import attach_lsm

        return self._owned(attach_lsm(self._system, self, cookie=cookie))

    def attach_lsm_cgroup(self, cgroup: SupportsFileno) -> Link:
        """Be asked about the processes of a control group: a descriptor of its directory."""

        from .lsm import attach_lsm_cgroup

        return self._owned(attach_lsm_cgroup(self._system, self, cgroup))

    def attach_iter(self, over: Over | None = None) -> IterLink:
        """Walk over the kernel's objects when the link is read; ``over`` narrows it."""

        from .iter import attach_iter

        return self._owned(attach_iter(self._system, self, over))
