"""Bring one linked program into the kernel; its log is asked for only when that failed."""

from __future__ import annotations

import dataclasses
import errno
import struct
from collections.abc import Mapping

from ..errors import SyscallError, VerifierError
from ..host.version import version_code
from ..obj.relocate import Linked
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ProgLoad, VerifierLog
from ..system import System
from ..uapi.bpf import AttachType, ProgType
from .program import Program
from .verifier import Places, explain, lacks_state

_SHORT_LOG = 1 << 18
_LOG_SIZES = (1 << 16, 1 << 20, 1 << 24)
_PREFIXES = (
    "kprobe__", "kretprobe__", "tracepoint__", "raw_tracepoint__", "syscall__", "kfunc__vmlinux__",
    "kretfunc__vmlinux__", "kfunc__", "kretfunc__", "kmod_ret__", "lsm__", "bpf_iter__",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a program is loaded as."""

    type: ProgType
    attach_type: AttachType | int | None = None
    """Of a struct_ops program the number of the operation."""
    attach_to: str = ""
    flags: int = 0
    license: str = "GPL"
    attach_btf_id: int = 0
    attach_target_fd: int = 0
    btf_fd: int = 0
    fd_array: tuple[int, ...] = ()
    log_level: int = 0
    """1 or 2: keep the verifier's log of a program that loads, too (`Program.log`)."""


def load_linked(
    name: str,
    linked: Linked,
    options: LoadOptions,
    system: System,
    places: Places = lambda number: None,
) -> Program:
    """Load a program; ``places`` tells where in the C text an instruction comes from.

    Raises VerifierError with the log, or SyscallError when there is none.
    """
    request = ProgLoad(
        type=options.type,
        insns=bytes(linked.insns),
        license=options.license,
        name=short_name(name),
        kern_version=version_code(system.facts.version),
        flags=options.flags,
        expected_attach_type=options.attach_type or 0,
        btf_fd=options.btf_fd,
        attach_btf_id=options.attach_btf_id,
        attach_target_fd=options.attach_target_fd,
        fd_array=options.fd_array,
    )
    if options.btf_fd:
        request = dataclasses.replace(
            request,
            func_info=b"".join(struct.pack("=II", *entry) for entry in linked.func_info),
            line_info=b"".join(struct.pack("=IIII", *entry) for entry in linked.line_info),
        )
    fd, log = _load(name, request, linked.poisoned, options.log_level, system, places)
    program = Program(fd, name, options.type, system, log)
    program.attach_to = options.attach_to
    if isinstance(options.attach_type, AttachType):
        program.attach_type = options.attach_type
    return program


def _load(
    name: str,
    request: ProgLoad,
    poisoned: Mapping[int, str],
    log_level: int,
    system: System,
    places: Places,
) -> tuple[OwnedFd, str]:
    first: SyscallError | None = None
    if not log_level:
        try:
            return system.syscalls.prog_load(request), ""
        except SyscallError as error:
            first = error
        # Programs, too, were counted against RLIMIT_MEMLOCK before Linux 5.11.
        if first.errno == errno.EPERM:
            system.syscalls.raise_memlock_limit()
    for size in _LOG_SIZES:
        outcome, log = system.syscalls.prog_log(request, size, log_level or 1)
        if isinstance(outcome, OwnedFd):
            return outcome, log.text
        first = first or outcome
        if not log.truncated:
            break
    assert first is not None
    if not log.text.strip():
        raise first
    told = explain(log.text, places, _detail(request, log, system))
    hint = told.hint
    if poisoned:
        hint = "; ".join(filter(None, [hint, f"this kernel lacks {', '.join(poisoned.values())}"]))
    raise VerifierError(first.errno or errno.EINVAL, name, log.text, told.summary, hint)


def _detail(request: ProgLoad, log: VerifierLog, system: System) -> str:
    """A log with every state, where the first one does not tell the one that matters.

    At level 1 kernels before Linux 5.17 tell states only where ways part.
    """
    if log.truncated or len(log.text) > _SHORT_LOG or not lacks_state(log.text):
        return ""
    outcome, detail = system.syscalls.prog_log(request, _LOG_SIZES[-1], 2)
    if isinstance(outcome, OwnedFd):
        outcome.close()
        return ""
    return "" if detail.truncated else detail.text


def short_name(name: str) -> str:
    """The name the kernel shows: without bcc's prefix, at most 15 bytes."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and name != prefix:
            name = name.removeprefix(prefix)
            break
    return name[:15]
