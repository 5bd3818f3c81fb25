"""The questions about the kernel that bcc's BPF class answers without an object.

bcc has them as static methods, so this face keeps one `System` for the process; nothing below it
does.
"""

from __future__ import annotations

import functools
import re
import time
from typing import TYPE_CHECKING

from . import live
from .text import Text, to_bytes, to_text

if TYPE_CHECKING:
    from ...btf.types import Btf
    from ...links.kernel_functions import KernelFunction
    from ...symbols.kernel import KernelSymbols
    from ...system import System

SYSCALL_PREFIXES = (
    b"sys_",
    b"__x64_sys_",
    b"__x32_compat_sys_",
    b"__ia32_compat_sys_",
    b"__arm64_sys_",
    b"__s390x_sys_",
    b"__s390_sys_",
    b"__riscv_sys_",
)


@functools.cache
def shared_system() -> System:
    """The one system of bcc's static methods."""
    return live.System.live()


@functools.cache
def kernel_symbols() -> KernelSymbols:
    """The kernel's symbols, read once."""
    return live.KernelSymbols.live(shared_system())


def matching_functions(system: System, pattern: bytes) -> list[KernelFunction]:
    """Functions that can be probed and that ``pattern`` matches in full."""
    return live.kernel_functions(system, re.compile(pattern))


def tracepoints(system: System, pattern: bytes) -> list[bytes]:
    """``category:event`` of every tracepoint that ``pattern`` matches from its start."""
    start = re.compile(pattern)
    names = (f"{category}:{event}".encode() for category, event in system.facts.tracefs.events())
    return [name for name in names if start.match(name)]


class KernelQuestions:
    """bcc's static methods."""

    @staticmethod
    def ksym(addr: int, show_module: bool = False, show_offset: bool = False) -> bytes:
        """The name of the kernel function at an address; ``[unknown]`` when none is."""
        found = kernel_symbols().resolve(addr)
        if found is None:
            return b"[unknown]"
        text = found.name
        if show_offset:
            text += f"+0x{found.offset:x}"
        if show_module:
            text += f" [{found.module or 'kernel'}]"
        return text.encode()

    @staticmethod
    def ksymname(name: Text) -> int:
        """The address of a kernel function; -1 when there is none of that name."""
        address = kernel_symbols().address_of(to_text(name))
        return -1 if address is None else address

    @staticmethod
    def get_kprobe_functions(event_re: Text | re.Pattern[bytes]) -> set[bytes]:
        """Names of kernel functions that a pattern matches in full and that can be probed."""
        # Scripts give compiled patterns, too.
        pattern = event_re if isinstance(event_re, re.Pattern) else re.compile(to_bytes(event_re))
        return {f.name.encode() for f in live.kernel_functions(shared_system(), pattern)}

    @staticmethod
    def get_tracepoints(tp_re: Text) -> list[bytes]:
        """``category:event`` of every tracepoint that a pattern matches from its start."""
        return tracepoints(shared_system(), to_bytes(tp_re))

    @staticmethod
    def tracepoint_exists(category: Text, event: Text) -> bool:
        """Whether the kernel has the tracepoint."""
        facts = shared_system().facts
        return facts.tracepoint_format(to_text(category), to_text(event)) is not None

    @staticmethod
    def get_syscall_prefix() -> bytes:
        """What this kernel puts before the names of system calls."""
        return next((p for p in SYSCALL_PREFIXES if _has(p + b"bpf")), SYSCALL_PREFIXES[0])

    @classmethod
    def get_syscall_fnname(cls, name: Text) -> bytes:
        """The kernel function behind a system call."""
        return cls.get_syscall_prefix() + to_bytes(name)

    @classmethod
    def fix_syscall_fnname(cls, name: Text) -> bytes:
        """Give a system call's function the prefix of this kernel; other names stay as they are."""
        for prefix in SYSCALL_PREFIXES:
            if to_bytes(name).startswith(prefix):
                return cls.get_syscall_fnname(to_bytes(name).removeprefix(prefix))
        return to_bytes(name)

    @staticmethod
    def kernel_struct_has_field(struct_name: Text, field_name: Text) -> int:
        """1 when the kernel's struct has the member, anonymous ones included, 0 when not, -1 when
        no struct.
        """
        btf = shared_system().facts.btf
        ids = btf.by_name(to_text(struct_name), (live.BtfKind.STRUCT,))
        if not ids:
            return -1
        return int(_has_member(btf, ids[0], to_text(field_name)))

    @staticmethod
    def support_kfunc() -> bool:
        """Whether fentry programs can be attached, as bcc decides it."""
        return _has(b"bpf_trampoline_link_prog")

    @staticmethod
    def support_fmod_ret() -> bool:
        """Whether programs may decide what kernel functions return, as bcc decides it."""
        btf = shared_system().facts.btf
        found = (btf.type(i) for i in btf.by_name("bpf_attach_type", (live.BtfKind.ENUM,)))
        return any(v.name == "BPF_MODIFY_RETURN" for e in found for v in getattr(e, "values", ()))

    @staticmethod
    def support_lsm() -> bool:
        """Whether LSM programs can be attached, as bcc decides it."""
        return _has(b"bpf_lsm_bpf")

    @staticmethod
    def support_raw_tracepoint() -> bool:
        """Whether raw tracepoints exist, as bcc decides it."""
        return _has(b"bpf_find_raw_tracepoint") or _has(b"bpf_get_raw_tracepoint")

    @staticmethod
    def monotonic_time() -> float:
        """Nanoseconds of CLOCK_MONOTONIC: the clock of bpf_ktime_get_ns."""
        return float(time.clock_gettime_ns(time.CLOCK_MONOTONIC))


def _has(name: bytes) -> bool:
    return shared_system().facts.has_symbol(name.decode())


def _has_member(btf: Btf, type_id: int, name: str) -> bool:
    record = btf.resolve(type_id)[1]
    if not isinstance(record, (live.Struct, live.Union)):
        return False
    return any(
        m.name == name or (not m.name and _has_member(btf, m.type_id, name)) for m in record.members
    )
