"""System calls by their name: the kernel's function behind ``openat``, whatever it is called here.

Source: the names that arch/*/include/asm/syscall_wrapper.h make up (since Linux 4.17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Attachable, Link
from .kprobe import attach_kprobe

if TYPE_CHECKING:
    from ..system import System

_WRAPPED = {
    "x86_64": "__x64_sys_",
    "aarch64": "__arm64_sys_",
    "s390x": "__s390x_sys_",
    "riscv64": "__riscv_sys_",
}


def syscall_function(system: System, name: str) -> str:
    """The function that system call ``name`` enters: ``__x64_sys_openat``, or ``__se_sys_…``."""
    facts = system.facts
    candidates = [prefix + name for prefix in (_WRAPPED.get(facts.arch, ""), "__se_sys_", "sys_")]
    return next((c for c in candidates if c != name and facts.has_symbol(c)), candidates[0])


def attach_ksyscall(
    system: System, program: Attachable, name: str, *, retprobe: bool = False, cookie: int = 0
) -> Link:
    """Call ``program`` when a process makes a system call, or when the call returns.

    Raises AttachError that says why, and what to try.
    """
    return attach_kprobe(
        system, program, syscall_function(system, name), retprobe=retprobe, cookie=cookie
    )
