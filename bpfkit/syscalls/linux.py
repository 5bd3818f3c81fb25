"""`LinuxSyscalls`: the real `Syscalls`."""

from __future__ import annotations

from .bpf import MapCommands, ObjectCommands
from .call import Caller
from .command import HasFileno
from .descriptors import DescriptorCommands
from .in_place import InPlaceCommands
from .info import InfoCommands
from .links import LinkCommands
from .mmap import MemoryCommands
from .perf import PerfCommands
from .programs import ProgramCommands
from .rtnetlink import NetlinkCommands


class LinuxSyscalls(
    MapCommands,
    InPlaceCommands,
    ObjectCommands,
    InfoCommands,
    ProgramCommands,
    LinkCommands,
    PerfCommands,
    MemoryCommands,
    NetlinkCommands,
    DescriptorCommands,
):
    """This machine's kernel, entered through the C library."""

    def __init__(self, token: HasFileno | None = None) -> None:
        """With ``token``, a BPF token, what is created is created by its right."""
        caller = Caller()
        MapCommands.__init__(self, caller, token)
        InPlaceCommands.__init__(self, caller)
        PerfCommands.__init__(self, caller)
        MemoryCommands.__init__(self)
        DescriptorCommands.__init__(self)
