"""bcc's own API over bpfkit: ``from bpfkit import BPF`` and this package's other names."""

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
    "PerfHWConfig",
    "PerfSWConfig",
    "PerfType",
]
