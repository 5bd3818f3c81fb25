"""The rooms below that do the work, each imported when a name of it is first used.

A script pays at ``from bpfkit import BPF`` for this face alone; the compiler, the loader, the hooks
and the readers come when it needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...btf.types import Struct as Struct
    from ...btf.types import Union as Union
    from ...collection import load as load
    from ...collection import preprocess_text as preprocess_text
    from ...compiler.reads import list_reads as list_reads
    from ...events.perf import PerfBuffer as PerfBuffer
    from ...events.poller import Poller as Poller
    from ...events.ring import RingBuffer as RingBuffer
    from ...events.trace_pipe import TracePipe as TracePipe
    from ...host.binaries import find_exe as find_exe
    from ...host.binaries import find_library as find_library
    from ...links.base import Link as Link
    from ...links.binary import find_binary as find_binary
    from ...links.cgroup import attach_cgroup as attach_cgroup
    from ...links.closing import close_links as close_links
    from ...links.func import attach_func as attach_func
    from ...links.func import detach_func as detach_func
    from ...links.iter import attach_iter as attach_iter
    from ...links.kernel_functions import kernel_functions as kernel_functions
    from ...links.kprobe import attach_kprobe as attach_kprobe
    from ...links.kprobe_multi import attach_functions as attach_functions
    from ...links.lsm import attach_lsm as attach_lsm
    from ...links.perf_event import attach_counter as attach_counter
    from ...links.perf_event import event_name as event_name
    from ...links.raw_tracepoint import attach_raw_tracepoint as attach_raw_tracepoint
    from ...links.socket import attach_raw_socket as attach_raw_socket
    from ...links.tc import attach_tc as attach_tc
    from ...links.tracepoint import attach_tracepoint as attach_tracepoint
    from ...links.tracing import attach_tracing as attach_tracing
    from ...links.uprobe import attach_spot as attach_spot
    from ...links.uprobe_multi import attach_spots as attach_spots
    from ...links.usdt import read_sites as read_sites
    from ...links.xdp import attach_xdp as attach_xdp
    from ...links.xdp import detach_xdp as detach_xdp
    from ...obj.relocate import reachable as reachable
    from ...symbols.kernel import KernelSymbols as KernelSymbols
    from ...syscalls.requests import PerfEvent as PerfEvent
    from ...system import System as System
    from ...uapi.btf import BtfKind as BtfKind
    from ...uapi.perf_event import PerfSw as PerfSw
    from ...uapi.perf_event import PerfType as PerfType
    from .debug import debug_output as debug_output
    from .table import Table as Table
    from .tables.buffers import PerfEventArray as PerfEventArray
    from .tables.buffers import RingBuf as RingBuf
    from .tables.opening import open_table as open_table
    from .usdt import USDT as USDT
    from .usdt import USDTException as USDTException
    from .usdt import USDTProbe as USDTProbe
    from .usdt import USDTProbeArgument as USDTProbeArgument
    from .usdt import USDTProbeLocation as USDTProbeLocation

_HOMES = {
    "BtfKind": "...uapi.btf",
    "KernelSymbols": "...symbols.kernel",
    "Link": "...links.base",
    "PerfBuffer": "...events.perf",
    "PerfEventArray": ".tables.buffers",
    "PerfEvent": "...syscalls.requests",
    "PerfSw": "...uapi.perf_event",
    "PerfType": "...uapi.perf_event",
    "Poller": "...events.poller",
    "RingBuf": ".tables.buffers",
    "RingBuffer": "...events.ring",
    "Struct": "...btf.types",
    "System": "...system",
    "Table": ".table",
    "TracePipe": "...events.trace_pipe",
    "USDT": ".usdt",
    "USDTException": ".usdt",
    "USDTProbe": ".usdt",
    "USDTProbeArgument": ".usdt",
    "USDTProbeLocation": ".usdt",
    "Union": "...btf.types",
    "attach_cgroup": "...links.cgroup",
    "attach_counter": "...links.perf_event",
    "attach_func": "...links.func",
    "attach_functions": "...links.kprobe_multi",
    "attach_iter": "...links.iter",
    "attach_lsm": "...links.lsm",
    "attach_tracing": "...links.tracing",
    "attach_kprobe": "...links.kprobe",
    "attach_raw_socket": "...links.socket",
    "attach_raw_tracepoint": "...links.raw_tracepoint",
    "attach_spot": "...links.uprobe",
    "attach_spots": "...links.uprobe_multi",
    "attach_tc": "...links.tc",
    "attach_tracepoint": "...links.tracepoint",
    "attach_xdp": "...links.xdp",
    "close_links": "...links.closing",
    "debug_output": ".debug",
    "detach_func": "...links.func",
    "detach_xdp": "...links.xdp",
    "event_name": "...links.perf_event",
    "find_binary": "...links.binary",
    "find_exe": "...host.binaries",
    "find_library": "...host.binaries",
    "kernel_functions": "...links.kernel_functions",
    "list_reads": "...compiler.reads",
    "load": "...collection",
    "preprocess_text": "...collection",
    "open_table": ".tables.opening",
    "reachable": "...obj.relocate",
    "read_sites": "...links.usdt",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home, __package__), name)
