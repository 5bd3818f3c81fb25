"""Cgroups: programs on what the processes of a cgroup (version 2) and below it do.

Sockets, addresses, packets, options, devices, sysctls: which hook it is, is an attach type. Links
came with Linux kernel commit af6eea57437a ("bpf: Implement bpf_link-based cgroup BPF program
attachment") (in v5.7); before that, and where the caller wants other rules than "several programs
side by side", it is BPF_PROG_ATTACH.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..features.probe import Support
from ..host.mounts import read_mounts
from ..obj.sections import SECTIONS
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachFlag, AttachType, ProgType
from .base import Attachable, Link
from .bpf_link import BpfLink
from .explain import Explanation
from .order import After, Before, place
from .prog_attach import attach_by_command
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

Cgroup = str | os.PathLike[str] | SupportsFileno
"""A cgroup's directory: its path, or something open on it."""

HOOKS: dict[AttachType, ProgType] = {
    row.attach_type: row.type
    for row in SECTIONS
    if row.attach_type is not None
    and (row.attach_type.name.startswith("CGROUP_") or row.attach_type is AttachType.LSM_CGROUP)
}
"""Every attach type of cgroups, and the type of program it runs."""

_ONLY = {
    kind: hooks[0]
    for kind in set(HOOKS.values())
    if len(hooks := [hook for hook, runs in HOOKS.items() if runs is kind]) == 1
}
_HINTS = {
    errno.E2BIG: "64 programs are attached to this hook, which is the most there can be",
    errno.ENOENT: "the program or link to stand beside is not attached to this hook",
    errno.EEXIST: "this program is attached to this hook already",
    errno.EPERM: "run as root, or with CAP_NET_ADMIN and CAP_BPF; as root: a program is attached "
    "here with other flags, or above with flags that let none be attached below it",
    errno.EINVAL: "the program must be loaded for this attach type, and the flags be "
    "ALLOW_OVERRIDE, ALLOW_MULTI or neither",
}


def attach_cgroup(
    system: System,
    program: Attachable,
    cgroup: Cgroup,
    attach_type: AttachType | None = None,
    *,
    flags: int | None = None,
    before: Before = None,
    after: After = None,
) -> Link:
    """Call ``program`` when processes of ``cgroup`` do what ``attach_type`` stands for.

    The type may be left out where the program's type has only one. Without ``flags`` the program
    runs beside others, here and below, through a bpf_link; ``before`` and ``after`` choose its
    place since Linux 6.17. ``flags`` of AttachFlag (0, ALLOW_OVERRIDE, ALLOW_MULTI, PREORDER) make
    a BPF_PROG_ATTACH, which the link undoes. Raises AttachError.
    """
    hook = attach_type if attach_type is not None else _ONLY.get(program.type)
    name = str(cgroup) if isinstance(cgroup, str | os.PathLike) else f"#{cgroup.fileno()}"
    where = f"{hook} of cgroup {name}" if hook is not None else f"cgroup {name}"
    if hook is None or hook not in HOOKS:
        types = [str(each) for each, kind in HOOKS.items() if kind is program.type]
        raise AttachError(
            program.name,
            where,
            f"an attach type of cgroups is needed for {program.type}",
            f"one of {', '.join(types)}" if types else "its type does not run on cgroups",
        )
    check_type(program, where, HOOKS[hook])
    try:
        directory = _open(system, cgroup)
        if flags is None:
            return _attach(system, program, directory, hook, where, before, after)
        return attach_by_command(
            system, program, directory, hook, hook="cgroup", where=where, flags=flags, shared=True
        )
    except SyscallError as error:
        why = _explain(system, error, name, hook)
        raise AttachError(program.name, where, why.reason, why.hint) from error


def _attach(
    system: System,
    program: Attachable,
    directory: OwnedFd,
    hook: AttachType,
    where: str,
    before: Before,
    after: After,
) -> Link:
    """A bpf_link; BPF_PROG_ATTACH with the same meaning where the kernel has none."""
    try:
        order, options = place(before, after)
        fd = system.syscalls.link_create(
            program.fileno(), directory.fileno(), hook, flags=order, options=options
        )
    except BaseException as error:
        lacking = isinstance(error, SyscallError) and error.errno == errno.EINVAL
        if not lacking or system.features.get("link/cgroup") is not Support.NO:
            directory.close()
            raise
        return attach_by_command(
            system,
            program,
            directory,
            hook,
            hook="cgroup",
            where=where,
            flags=AttachFlag.ALLOW_MULTI,
            shared=True,
        )
    directory.close()
    return BpfLink(system, fd, hook="cgroup", program=program.name, target=where)


def _open(system: System, cgroup: Cgroup) -> OwnedFd:
    """A descriptor of our own of the directory."""
    if not isinstance(cgroup, str | os.PathLike):
        return system.syscalls.duplicate(cgroup.fileno(), "cgroup")
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return OwnedFd(os.open(cgroup, flags), f"cgroup {cgroup}")
    except OSError as error:
        raise SyscallError(error.errno or 0, "open", f"cgroup {cgroup}") from error


def _explain(system: System, error: SyscallError, name: str, hook: AttachType) -> Explanation:
    if error.call == "open" or error.errno == errno.EBADF:
        places = [m.path for m in read_mounts(system.facts.root) if m.type == "cgroup2"]
        where = f"version 2 is mounted at {', '.join(places)}" if places else "mount -t cgroup2"
        reason = f"{error}; {name} is not a directory of cgroup version 2"
        return Explanation(reason, f"name a cgroup below a mount of it: {where}")
    return explain_refusal(system, error, _HINTS, f"attach_type/{hook.name.lower()}")


def cgroup_of(pid: int | str = "self", *, root: Path = Path("/")) -> Path | None:
    """The directory of the cgroup (version 2) that a process is in; None when there is none."""
    mounts = [mount.path for mount in read_mounts(root) if mount.type == "cgroup2"]
    try:
        lines = (root / f"proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    paths = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    return Path(mounts[0] + paths[0]) if mounts and paths else None
