"""perf_event_open(2): attributes, ioctls, samples and records.

Source: include/uapi/linux/perf_event.h (v7.3).
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag

u16 = ctypes.c_uint16
u32 = ctypes.c_uint32
s32 = ctypes.c_int32
u64 = ctypes.c_uint64


class PerfType(IntEnum):
    """enum perf_type_id. PMUs of other kinds have numbers in /sys/bus/event_source/devices."""

    HARDWARE = 0  # PERF_TYPE_HARDWARE, v2.6.31
    SOFTWARE = 1  # PERF_TYPE_SOFTWARE, v2.6.31
    TRACEPOINT = 2  # PERF_TYPE_TRACEPOINT, v2.6.31
    HW_CACHE = 3  # PERF_TYPE_HW_CACHE, v2.6.31
    RAW = 4  # PERF_TYPE_RAW, v2.6.31
    BREAKPOINT = 5  # PERF_TYPE_BREAKPOINT, v2.6.33

    def __str__(self) -> str:
        return f"PERF_TYPE_{self.name}"


class PerfHw(IntEnum):
    """enum perf_hw_id."""

    CPU_CYCLES = 0  # PERF_COUNT_HW_CPU_CYCLES, v2.6.31
    INSTRUCTIONS = 1  # PERF_COUNT_HW_INSTRUCTIONS, v2.6.31
    CACHE_REFERENCES = 2  # PERF_COUNT_HW_CACHE_REFERENCES, v2.6.31
    CACHE_MISSES = 3  # PERF_COUNT_HW_CACHE_MISSES, v2.6.31
    BRANCH_INSTRUCTIONS = 4  # PERF_COUNT_HW_BRANCH_INSTRUCTIONS, v2.6.31
    BRANCH_MISSES = 5  # PERF_COUNT_HW_BRANCH_MISSES, v2.6.31
    BUS_CYCLES = 6  # PERF_COUNT_HW_BUS_CYCLES, v2.6.31
    STALLED_CYCLES_FRONTEND = 7  # PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, v3.0
    STALLED_CYCLES_BACKEND = 8  # PERF_COUNT_HW_STALLED_CYCLES_BACKEND, v3.0
    REF_CPU_CYCLES = 9  # PERF_COUNT_HW_REF_CPU_CYCLES, v3.3

    def __str__(self) -> str:
        return f"PERF_COUNT_HW_{self.name}"


class PerfSw(IntEnum):
    """enum perf_sw_ids."""

    CPU_CLOCK = 0  # PERF_COUNT_SW_CPU_CLOCK, v2.6.31
    TASK_CLOCK = 1  # PERF_COUNT_SW_TASK_CLOCK, v2.6.31
    PAGE_FAULTS = 2  # PERF_COUNT_SW_PAGE_FAULTS, v2.6.31
    CONTEXT_SWITCHES = 3  # PERF_COUNT_SW_CONTEXT_SWITCHES, v2.6.31
    CPU_MIGRATIONS = 4  # PERF_COUNT_SW_CPU_MIGRATIONS, v2.6.31
    PAGE_FAULTS_MIN = 5  # PERF_COUNT_SW_PAGE_FAULTS_MIN, v2.6.31
    PAGE_FAULTS_MAJ = 6  # PERF_COUNT_SW_PAGE_FAULTS_MAJ, v2.6.31
    ALIGNMENT_FAULTS = 7  # PERF_COUNT_SW_ALIGNMENT_FAULTS, v2.6.33
    EMULATION_FAULTS = 8  # PERF_COUNT_SW_EMULATION_FAULTS, v2.6.33
    DUMMY = 9  # PERF_COUNT_SW_DUMMY, v3.12
    BPF_OUTPUT = 10  # PERF_COUNT_SW_BPF_OUTPUT, v4.4
    CGROUP_SWITCHES = 11  # PERF_COUNT_SW_CGROUP_SWITCHES, v5.13

    def __str__(self) -> str:
        return f"PERF_COUNT_SW_{self.name}"


class SampleFormat(IntFlag):
    """enum perf_event_sample_format."""

    IP = 1 << 0  # PERF_SAMPLE_IP, v2.6.31
    TID = 1 << 1  # PERF_SAMPLE_TID, v2.6.31
    TIME = 1 << 2  # PERF_SAMPLE_TIME, v2.6.31
    ADDR = 1 << 3  # PERF_SAMPLE_ADDR, v2.6.31
    CALLCHAIN = 1 << 5  # PERF_SAMPLE_CALLCHAIN, v2.6.31
    CPU = 1 << 7  # PERF_SAMPLE_CPU, v2.6.31
    PERIOD = 1 << 8  # PERF_SAMPLE_PERIOD, v2.6.31
    RAW = 1 << 10  # PERF_SAMPLE_RAW, v2.6.31


class RecordType(IntEnum):
    """enum perf_event_type: what a ring of perf holds."""

    LOST = 2  # PERF_RECORD_LOST, v2.6.31
    THROTTLE = 5  # PERF_RECORD_THROTTLE, v2.6.31
    UNTHROTTLE = 6  # PERF_RECORD_UNTHROTTLE, v2.6.31
    SAMPLE = 9  # PERF_RECORD_SAMPLE, v2.6.31
    LOST_SAMPLES = 13  # PERF_RECORD_LOST_SAMPLES, v4.2

    def __str__(self) -> str:
        return f"PERF_RECORD_{self.name}"


# Flags of the system call.
PERF_FLAG_FD_CLOEXEC = 1 << 3  # v3.14
PERF_FLAG_PID_CGROUP = 1 << 2  # v2.6.39

# ioctl numbers: '$' << 8 | number, with direction and size where there is an argument.
PERF_EVENT_IOC_ENABLE = 0x2400  # v2.6.31
PERF_EVENT_IOC_DISABLE = 0x2401  # v2.6.31
PERF_EVENT_IOC_RESET = 0x2403  # v2.6.31
PERF_EVENT_IOC_SET_BPF = 0x40042408  # v4.1

# Places in struct perf_event_mmap_page, the first page of a ring.
MMAP_PAGE_DATA_HEAD = 1024
MMAP_PAGE_DATA_TAIL = 1032


class perf_event_attr(ctypes.Structure):
    """struct perf_event_attr. Unions have the name of their first member."""

    _fields_ = (
        ("type", u32),
        ("size", u32),
        ("config", u64),
        ("sample_period", u64),
        ("sample_type", u64),
        ("read_format", u64),
        ("disabled", u64, 1),
        ("inherit", u64, 1),
        ("pinned", u64, 1),
        ("exclusive", u64, 1),
        ("exclude_user", u64, 1),
        ("exclude_kernel", u64, 1),
        ("exclude_hv", u64, 1),
        ("exclude_idle", u64, 1),
        ("mmap", u64, 1),
        ("comm", u64, 1),
        ("freq", u64, 1),
        ("inherit_stat", u64, 1),
        ("enable_on_exec", u64, 1),
        ("task", u64, 1),
        ("watermark", u64, 1),
        ("precise_ip", u64, 2),
        ("more_flags", u64, 47),
        ("wakeup_events", u32),
        ("bp_type", u32),
        ("config1", u64),
        ("config2", u64),
        ("branch_sample_type", u64),
        ("sample_regs_user", u64),
        ("sample_stack_user", u32),
        ("clockid", s32),
        ("sample_regs_intr", u64),
        ("aux_watermark", u32),
        ("sample_max_stack", u16),
        ("__reserved_2", u16),
    )
