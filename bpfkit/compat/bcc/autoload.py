"""Attach the programs whose names say where: ``kprobe__FN``, ``tracepoint__CAT__EVENT`` and their
like.

As in bcc ``kmod_ret__`` and ``bpf_iter__`` wait for their attach method. Programs are taken in
alphabetical order, as bcc takes them; the first that fails raises from the constructor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bpf import BPF


def _kprobe(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_kprobe(event=bpf.fix_syscall_fnname(rest.encode()), fn_name=name)


def _kretprobe(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_kretprobe(event=bpf.fix_syscall_fnname(rest.encode()), fn_name=name)


def _tracepoint(bpf: BPF, name: str, rest: str) -> None:
    # The event's own name may hold "__": only the first pair separates it from its category.
    bpf.attach_tracepoint(tp=rest.replace("__", ":", 1), fn_name=name)


def _raw_tracepoint(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_raw_tracepoint(tp=rest, fn_name=name)


def _kfunc(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_kfunc(fn_name=name)


def _kretfunc(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_kretfunc(fn_name=name)


def _lsm(bpf: BPF, name: str, rest: str) -> None:
    bpf.attach_lsm(fn_name=name)


_PREFIXES: dict[str, Callable[[BPF, str, str], None]] = {
    "kprobe__": _kprobe,
    "kretprobe__": _kretprobe,
    "tracepoint__": _tracepoint,
    "raw_tracepoint__": _raw_tracepoint,
    "kfunc__": _kfunc,
    "kretfunc__": _kretfunc,
    "lsm__": _lsm,
}


def autoload(bpf: BPF) -> None:
    """Load and attach every program of ``bpf`` that a prefix names a hook for."""
    for name in sorted(bpf.collection.spec.programs):
        for prefix, attach in _PREFIXES.items():
            if name.startswith(prefix):
                attach(bpf, name, name.removeprefix(prefix))
                break
