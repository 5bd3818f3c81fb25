"""bcc's own API over bpfkit: ``from bpfkit import BPF`` and this package's other names."""

from typing import TYPE_CHECKING

from . import live
from .bpf import BPF
from .constants import (
    DEBUG_BPF,
    DEBUG_BPF_REGISTER_STATE,
    DEBUG_BTF,
    DEBUG_LLVM_IR,
    DEBUG_PREPROCESSOR,
    DEBUG_SOURCE,
    BPFAttachType,
    BPFProgType,
    PerfHWConfig,
    PerfSWConfig,
    PerfType,
)

if TYPE_CHECKING:
    from .table import Table
    from .tables.buffers import PerfEventArray, RingBuf

__all__ = [
    "BPF",
    "DEBUG_BPF",
    "DEBUG_BPF_REGISTER_STATE",
    "DEBUG_BTF",
    "DEBUG_LLVM_IR",
    "DEBUG_PREPROCESSOR",
    "DEBUG_SOURCE",
    "BPFAttachType",
    "BPFProgType",
    "PerfEventArray",
    "PerfHWConfig",
    "PerfSWConfig",
    "PerfType",
    "RingBuf",
    "Table",
]

# Tables come when somebody uses one.
_LATER = frozenset({"PerfEventArray", "RingBuf", "Table"})


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(live, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
