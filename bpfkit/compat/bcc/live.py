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
    from ...links.kprobe import attach_kprobe as attach_kprobe
    from ...links.raw_tracepoint import attach_raw_tracepoint as attach_raw_tracepoint
    from ...links.tracepoint import attach_tracepoint as attach_tracepoint
    from ...links.xdp import attach_xdp as attach_xdp
    from ...links.xdp import detach_xdp as detach_xdp
    from ...symbols.kernel import KernelSymbols as KernelSymbols
    from ...system import System as System
    from ...uapi.btf import BtfKind as BtfKind
    from .debug import debug_output as debug_output
    from .table import Table as Table
    from .tables.buffers import PerfEventArray as PerfEventArray
    from .tables.buffers import RingBuf as RingBuf
    from .tables.opening import open_table as open_table

_HOMES = {
    "BtfKind": "...uapi.btf",
    "KernelSymbols": "...symbols.kernel",
    "PerfBuffer": "...events.perf",
    "PerfEventArray": ".tables.buffers",
    "Poller": "...events.poller",
    "RingBuf": ".tables.buffers",
    "RingBuffer": "...events.ring",
    "Struct": "...btf.types",
    "System": "...system",
    "Table": ".table",
    "TracePipe": "...events.trace_pipe",
    "Union": "...btf.types",
    "attach_kprobe": "...links.kprobe",
    "attach_raw_tracepoint": "...links.raw_tracepoint",
    "attach_tracepoint": "...links.tracepoint",
    "attach_xdp": "...links.xdp",
    "debug_output": ".debug",
    "detach_xdp": "...links.xdp",
    "list_reads": "...compiler.reads",
    "load": "...collection",
    "preprocess_text": "...collection",
    "open_table": ".tables.opening",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home, __package__), name)
