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
    from .usdt import USDT as USDT
    from .usdt import USDTException as USDTException
    from .usdt import USDTProbe as USDTProbe
    from .usdt import USDTProbeArgument as USDTProbeArgument
    from .usdt import USDTProbeLocation as USDTProbeLocation

__all__ = [
    "BPF",
    "DEBUG_BPF",
    "DEBUG_BPF_REGISTER_STATE",
    "DEBUG_BTF",
    "DEBUG_LLVM_IR",
    "DEBUG_PREPROCESSOR",
    "DEBUG_SOURCE",
    "USDT",
    "BPFAttachType",
    "BPFProgType",
    "PerfEventArray",
    "PerfHWConfig",
    "PerfSWConfig",
    "PerfType",
    "RingBuf",
    "Table",
    "USDTException",
    "USDTProbe",
    "USDTProbeArgument",
    "USDTProbeLocation",
]

# Tables and USDT come when somebody uses them.
_LATER = frozenset(
    {
        "PerfEventArray", "RingBuf", "Table", "USDT", "USDTException", "USDTProbe",
        "USDTProbeArgument", "USDTProbeLocation",
    }
)  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(live, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
