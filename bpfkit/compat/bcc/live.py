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
    from .table import EventSource as EventSource
    from .table import table_class as table_class
    from .types import record_view as record_view
    from .types import view as view

_HOMES = {
    "BtfKind": "...uapi.btf",
    "EventSource": ".table",
    "KernelSymbols": "...symbols.kernel",
    "PerfBuffer": "...events.perf",
    "Poller": "...events.poller",
    "RingBuffer": "...events.ring",
    "Struct": "...btf.types",
    "System": "...system",
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
    "record_view": ".types",
    "table_class": ".table",
    "view": ".types",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home, __package__), name)
