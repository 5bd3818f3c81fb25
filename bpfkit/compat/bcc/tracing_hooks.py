"""bcc's programs on kernel functions by BTF (kfunc, kretfunc, fmod_ret), LSM hooks, and iterators.

A program's name says what it attaches to, with the prefix that its macro gives or without:
``attach_kfunc("vfs_read")`` takes program ``kfunc__vfs_read`` or ``kfunc__vmlinux__vfs_read``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ...uapi.bpf import AttachType, ProgType
from . import live
from .attached import Attached
from .text import Text, to_text

if TYPE_CHECKING:
    from ...links.base import Link
    from ...links.iter import IterLink, Over

_KFUNC, _KRETFUNC, _FMOD_RET, _LSM = "kfunc__", "kretfunc__", "kmod_ret__", "lsm__"
_ITER = "bpf_iter__"
_TYPES = {
    _KFUNC: (ProgType.TRACING, AttachType.TRACE_FENTRY, "Kernel entry func"),
    _KRETFUNC: (ProgType.TRACING, AttachType.TRACE_FEXIT, "Kernel exit func"),
    _FMOD_RET: (ProgType.TRACING, AttachType.MODIFY_RETURN, "Fmod_ret func"),
    _LSM: (ProgType.LSM, AttachType.LSM_MAC, "LSM"),
}


class TracingHooks(Attached):
    """attach_kfunc and its kin."""

    def __init__(self) -> None:
        super().__init__()
        self.tracing_links: dict[str, Link] = {}

    def attach_kfunc(self, fn_name: Text = b"") -> Self:
        """Call a program at the entry of the kernel function that its name says."""
        return self._attach_named(_KFUNC, fn_name)

    def attach_kretfunc(self, fn_name: Text = b"") -> Self:
        """Call a program when the kernel function that its name says returns."""
        return self._attach_named(_KRETFUNC, fn_name)

    def attach_fmod_ret(self, fn_name: Text = b"") -> Self:
        """Let a program decide what the kernel function that its name says returns."""
        return self._attach_named(_FMOD_RET, fn_name)

    def attach_lsm(self, fn_name: Text = b"") -> Self:
        """Ask a program at the security hook that its name says."""
        return self._attach_named(_LSM, fn_name)

    def attach_iter(self, fn_name: Text = b"", over: Over | None = None) -> IterLink:
        """Make an iterator of a program ``BPF_ITER(target)``; not in bcc.

        The link's ``read_text()``, ``read()`` and ``records(codec)`` walk; ``over`` narrows it.
        """
        name = self._named(_ITER, fn_name)
        function = self._bpf.load_func(name, ProgType.TRACING, attach_type=AttachType.TRACE_ITER)
        link = live.attach_iter(self._bpf.collection.system, function.program, over)
        self._bpf.own(link)
        return link

    def detach_kfunc(self, fn_name: Text = b"") -> None:
        """End what attach_kfunc began."""
        self._detach_named(_KFUNC, fn_name)

    def detach_kretfunc(self, fn_name: Text = b"") -> None:
        """End what attach_kretfunc began."""
        self._detach_named(_KRETFUNC, fn_name)

    def detach_fmod_ret(self, fn_name: Text = b"") -> None:
        """End what attach_fmod_ret began."""
        self._detach_named(_FMOD_RET, fn_name)

    def detach_lsm(self, fn_name: Text = b"") -> None:
        """End what attach_lsm began."""
        self._detach_named(_LSM, fn_name)

    def _attach_named(self, prefix: str, fn_name: Text) -> Self:
        type_, attach_type, what = _TYPES[prefix]
        name = self._named(prefix, fn_name)
        if name in self.tracing_links:
            raise Exception(f"{what} {name} has been attached")
        function = self._bpf.load_func(name, type_, attach_type=attach_type)
        attach = live.attach_lsm if prefix == _LSM else live.attach_tracing
        link = attach(self._bpf.collection.system, function.program)
        self._bpf.own(link)
        self.tracing_links[name] = link
        return self

    def _detach_named(self, prefix: str, fn_name: Text) -> None:
        name = self._named(prefix, fn_name)
        link = self.tracing_links.pop(name, None)
        if link is None:
            raise Exception(f"{_TYPES[prefix][2]} {name} is not attached")
        self._close([link])

    def _named(self, prefix: str, fn_name: Text) -> str:
        """The program's whole name; without a module in it the kernel's own is meant."""
        name = to_text(fn_name)
        whole = name if name.startswith(prefix) else prefix + name
        programs = self._bpf.collection.spec.programs
        in_kernel = f"{prefix}vmlinux__{whole.removeprefix(prefix)}"
        return in_kernel if whole not in programs and in_kernel in programs else whole
