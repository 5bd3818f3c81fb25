"""Uprobes: a program at an instruction of a binary, in every process that runs it, or in one.

The kernel knows files and offsets into them; symbols and addresses are translated here. The perf
PMU "uprobe" makes a probe that lives in a descriptor; it came with Linux kernel commit
33ea4b24277b ("perf/core: Implement the 'perf_uprobe' PMU") (in v4.17).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, NotSupportedError, SyscallError
from ..host.pmu import ProbePmu, read_probe_pmu
from ..syscalls.requests import PerfEvent
from .base import Attachable, Link
from .binary import Binary, Spot, open_binary
from .explain import Explanation
from .perf import attach_to_event, open_everywhere

if TYPE_CHECKING:
    from ..syscalls.fd import OwnedFd
    from ..system import System


def attach_uprobe(
    system: System,
    program: Attachable,
    binary: str | Binary,
    symbol: str = "",
    *,
    address: int | None = None,
    offset: int = 0,
    pid: int = -1,
    retprobe: bool = False,
    semaphore: int = 0,
    cookie: int = 0,
) -> Link:
    """Call ``program`` when a process passes a place in ``binary``, or returns from there.

    ``binary`` is a path, or the name of a library (``c``) or program, as process ``pid`` sees it
    when one is given. The place is ``symbol``, or the virtual ``address`` that disassemblers show,
    and ``offset`` bytes behind it. ``semaphore`` is the virtual address of a counter that is raised
    while the probe is there. ``cookie`` is what bpf_get_attach_cookie() gives, since Linux 5.15.

    Raises AttachError that says why, and what to try.
    """
    hook = "uretprobe" if retprobe else "uprobe"
    named = binary if isinstance(binary, str) else binary.name
    where = symbol or f"0x{address or 0:x}"
    target = f"{hook} {named}:{where}" + (f"+0x{offset:x}" if offset else "")
    file = (
        binary if isinstance(binary, Binary) else open_binary(system, binary, pid, program, target)
    )
    spot = file.spot(symbol, address, offset, program.name, target)
    counter = file.offset_of_data(semaphore, program.name, target) if semaphore else 0
    return attach_spot(
        system,
        program,
        file,
        spot,
        hook=hook,
        target=target,
        pid=pid,
        counter=counter,
        cookie=cookie,
    )


def attach_spot(
    system: System,
    program: Attachable,
    file: Binary,
    spot: Spot,
    *,
    hook: str,
    target: str,
    pid: int = -1,
    counter: int = 0,
    cookie: int = 0,
) -> Link:
    """Attach to a place that was looked up. Raises AttachError."""
    try:
        event = open_spot(
            system, file, spot, target, retprobe=hook == "uretprobe", pid=pid, counter=counter
        )
        return attach_to_event(system, program, event, hook=hook, target=target, cookie=cookie)
    except NotSupportedError as error:
        raise AttachError(program.name, target, str(error)) from error
    except SyscallError as error:
        why = explain_uprobe(error, program, file, pid, counter)
        raise AttachError(program.name, target, why.reason, why.hint) from error


def open_spot(
    system: System,
    file: Binary,
    spot: Spot,
    target: str,
    *,
    retprobe: bool,
    pid: int,
    counter: int = 0,
) -> OwnedFd:
    """Open the perf event of a place. Raises SyscallError and NotSupportedError."""
    pmu = probe_pmu(system)
    config = retprobe << pmu.retprobe_bit
    if counter:
        if pmu.ref_ctr_shift is None:
            raise NotSupportedError("semaphores of user-space probes", "4.20")
        config |= counter << pmu.ref_ctr_shift
    event = PerfEvent(
        type=pmu.type,
        config=config,
        path=str(file.path),
        config2=spot.offset,
        sample_period=1,
        wakeup_events=1,
        disabled=True,
    )
    return open_everywhere(system, event, target, pid)


def probe_pmu(system: System) -> ProbePmu:
    """The source of uprobes. Raises NotSupportedError when this kernel has none."""
    pmu = read_probe_pmu("uprobe", system.facts.root)
    if pmu is None:
        built = system.facts.config("CONFIG_UPROBE_EVENTS")
        missing = system.facts.config_text() is not None and built != "y"
        hint = "it is built without CONFIG_UPROBE_EVENTS" if missing else "is /sys mounted?"
        raise NotSupportedError("uprobes as perf events", "4.17", hint)
    return pmu


def explain_uprobe(
    error: SyscallError, program: Attachable, file: Binary, pid: int, counter: int
) -> Explanation:
    """Say why the kernel refused a uprobe."""
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    match error.errno:
        case errno.EPERM | errno.EACCES:
            return Explanation(
                f"{name}: not permitted",
                "run as root, or with CAP_BPF and CAP_PERFMON; kernel lockdown forbids probes that"
                " read memory, too",
            )
        case errno.ESRCH:
            return Explanation(f"{name}: there is no process {pid}", "it may have ended")
        case errno.ENOENT:
            return Explanation(f"{name}: the file {file.path} is not there")
        case errno.EIO:
            return Explanation(
                f"{name}: the file system of {file.path} cannot be probed",
                "files without pages in the page cache (hugetlbfs, some FUSE) have no uprobes",
            )
        case errno.EINVAL if counter:
            return Explanation(
                f"{name}: the kernel refused the place, or its semaphore",
                "another tracer may be there without raising the semaphore, or with another one",
            )
        case errno.EINVAL:
            return Explanation(
                f"{name}: the kernel refused the place",
                f"no instruction begins there, or the program ({program.type}) is none for probes",
            )
        case errno.EOPNOTSUPP:
            return Explanation(f"{name}: the instruction there cannot be probed")
    return Explanation(str(error))
