"""bcc's numbers: program types, XDP verdicts and flags, debug flags, perf events.

The values are the kernel's (include/uapi/linux/bpf.h, if_link.h, perf_event.h); the names are
bcc's.
"""

from __future__ import annotations

from ...uapi.bpf import AttachType, ProgType

DEBUG_LLVM_IR = 0x1
DEBUG_BPF = 0x2
DEBUG_PREPROCESSOR = 0x4
DEBUG_SOURCE = 0x8
DEBUG_BPF_REGISTER_STATE = 0x10
DEBUG_BTF = 0x20


class BPFProgType:
    """enum bpf_prog_type under bcc's names: plain numbers, as scripts print and compare them.

    bcc leaves some out that its attach_func takes; they are here.
    """

    SOCKET_FILTER = int(ProgType.SOCKET_FILTER)
    KPROBE = int(ProgType.KPROBE)
    SCHED_CLS = int(ProgType.SCHED_CLS)
    SCHED_ACT = int(ProgType.SCHED_ACT)
    TRACEPOINT = int(ProgType.TRACEPOINT)
    XDP = int(ProgType.XDP)
    PERF_EVENT = int(ProgType.PERF_EVENT)
    CGROUP_SKB = int(ProgType.CGROUP_SKB)
    CGROUP_SOCK = int(ProgType.CGROUP_SOCK)
    LWT_IN = int(ProgType.LWT_IN)
    LWT_OUT = int(ProgType.LWT_OUT)
    LWT_XMIT = int(ProgType.LWT_XMIT)
    SOCK_OPS = int(ProgType.SOCK_OPS)
    SK_SKB = int(ProgType.SK_SKB)
    CGROUP_DEVICE = int(ProgType.CGROUP_DEVICE)
    SK_MSG = int(ProgType.SK_MSG)
    RAW_TRACEPOINT = int(ProgType.RAW_TRACEPOINT)
    CGROUP_SOCK_ADDR = int(ProgType.CGROUP_SOCK_ADDR)
    LWT_SEG6LOCAL = int(ProgType.LWT_SEG6LOCAL)
    LIRC_MODE2 = int(ProgType.LIRC_MODE2)
    SK_REUSEPORT = int(ProgType.SK_REUSEPORT)
    FLOW_DISSECTOR = int(ProgType.FLOW_DISSECTOR)
    CGROUP_SYSCTL = int(ProgType.CGROUP_SYSCTL)
    CGROUP_SOCKOPT = int(ProgType.CGROUP_SOCKOPT)
    TRACING = int(ProgType.TRACING)
    LSM = int(ProgType.LSM)
    SK_LOOKUP = int(ProgType.SK_LOOKUP)
    NETFILTER = int(ProgType.NETFILTER)


BPFAttachType = AttachType


class Constants(BPFProgType):
    """The constants bcc hangs on its BPF class."""

    XDP_ABORTED = 0
    XDP_DROP = 1
    XDP_PASS = 2
    XDP_TX = 3
    XDP_REDIRECT = 4

    XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0
    XDP_FLAGS_SKB_MODE = 1 << 1
    XDP_FLAGS_DRV_MODE = 1 << 2
    XDP_FLAGS_HW_MODE = 1 << 3
    XDP_FLAGS_REPLACE = 1 << 4


class PerfType:
    """enum perf_type_id under bcc's names."""

    HARDWARE = 0
    SOFTWARE = 1
    TRACEPOINT = 2
    HW_CACHE = 3
    RAW = 4
    BREAKPOINT = 5


class PerfHWConfig:
    """enum perf_hw_id under bcc's names."""

    CPU_CYCLES = 0
    INSTRUCTIONS = 1
    CACHE_REFERENCES = 2
    CACHE_MISSES = 3
    BRANCH_INSTRUCTIONS = 4
    BRANCH_MISSES = 5
    BUS_CYCLES = 6
    STALLED_CYCLES_FRONTEND = 7
    STALLED_CYCLES_BACKEND = 8
    REF_CPU_CYCLES = 9


class PerfSWConfig:
    """enum perf_sw_ids under bcc's names."""

    CPU_CLOCK = 0
    TASK_CLOCK = 1
    PAGE_FAULTS = 2
    CONTEXT_SWITCHES = 3
    CPU_MIGRATIONS = 4
    PAGE_FAULTS_MIN = 5
    PAGE_FAULTS_MAJ = 6
    ALIGNMENT_FAULTS = 7
    EMULATION_FAULTS = 8
    DUMMY = 9
    BPF_OUTPUT = 10
