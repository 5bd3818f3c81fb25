"""Write ``bpfkit/uapi/bpf.py`` from the BTF of a kernel.

    gen_uapi.py VMLINUX_BTF RELEASE

Names and values come from the BTF, so a newer kernel gives a longer table. The release that brought
each value comes from the tables below: values are given out in order, so one number for each
release is enough. Flags that are macros are no part of BTF and stand in the text at the end.
"""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bpfkit.btf.decode import decode  # noqa: E402
from bpfkit.btf.types import Btf, Enum, Enum64  # noqa: E402

TARGET = ROOT / "bpfkit" / "uapi" / "bpf.py"


@dataclass(frozen=True)
class Table:
    """One enumeration: where it is, what it becomes, and the last value of each release."""

    member: str
    class_name: str
    doc: str
    prefix: str
    last: tuple[tuple[int, str], ...]
    base: str = "IntEnum"


# A name that is only an alias of another, or a limit and no value.
LEFT_OUT = ("__MAX_", "MAX_", "BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED",
            "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED", "BPF_PROG_RUN",
            "BPF_COMMON_ATTRS")  # fmt: skip

TABLES = (
    Table("BPF_MAP_CREATE", "BpfCmd", "enum bpf_cmd: the commands of bpf(2).", "BPF_", (
        (5, "3.18"), (7, "4.4"), (9, "4.10"), (10, "4.12"), (15, "4.13"), (16, "4.15"),
        (17, "4.17"), (20, "4.18"), (21, "4.20"), (22, "5.2"), (23, "5.4"), (27, "5.6"),
        (29, "5.7"), (33, "5.8"), (34, "5.9"), (35, "5.10"), (36, "6.9"), (37, "6.17"),
        (38, "7.0"),
    )),
    Table("BPF_MAP_TYPE_HASH", "MapType", "enum bpf_map_type.", "BPF_MAP_TYPE_", (
        (2, "3.19"), (3, "4.2"), (4, "4.3"), (7, "4.6"), (8, "4.8"), (10, "4.10"), (11, "4.11"),
        (13, "4.12"), (15, "4.14"), (16, "4.15"), (18, "4.18"), (20, "4.19"), (23, "4.20"),
        (24, "5.2"), (25, "5.4"), (26, "5.6"), (27, "5.8"), (28, "5.10"), (29, "5.11"),
        (30, "5.16"), (31, "6.1"), (32, "6.2"), (33, "6.9"), (34, "6.19"), (35, "7.3"),
    )),
    Table("BPF_PROG_TYPE_KPROBE", "ProgType", "enum bpf_prog_type.", "BPF_PROG_TYPE_", (
        (1, "3.19"), (4, "4.1"), (5, "4.7"), (6, "4.8"), (7, "4.9"), (12, "4.10"), (13, "4.13"),
        (14, "4.14"), (15, "4.15"), (18, "4.17"), (20, "4.18"), (21, "4.19"), (22, "4.20"),
        (24, "5.2"), (25, "5.3"), (26, "5.5"), (28, "5.6"), (29, "5.7"), (30, "5.9"),
        (31, "5.14"), (32, "6.4"),
    )),
    Table("BPF_CGROUP_INET_INGRESS", "AttachType", "enum bpf_attach_type.", "BPF_", (
        (2, "4.10"), (3, "4.13"), (5, "4.14"), (6, "4.15"), (13, "4.17"), (16, "4.18"),
        (17, "4.20"), (20, "5.2"), (22, "5.3"), (25, "5.5"), (27, "5.7"), (33, "5.8"),
        (37, "5.9"), (38, "5.13"), (40, "5.14"), (41, "5.15"), (42, "5.18"), (43, "6.0"),
        (45, "6.4"), (48, "6.6"), (55, "6.7"), (56, "6.10"), (57, "6.13"), (58, "7.0"),
        (61, "7.3"),
    )),
    Table("BPF_LINK_TYPE_XDP", "LinkType", "enum bpf_link_type.", "BPF_LINK_TYPE_", (
        (3, "5.7"), (5, "5.8"), (6, "5.9"), (7, "5.15"), (8, "5.18"), (9, "6.1"), (10, "6.4"),
        (12, "6.6"), (13, "6.7"), (14, "6.10"), (15, "7.3"),
    )),
    Table("BPF_ANY", "UpdateFlag", "Flags of BPF_MAP_UPDATE_ELEM and of the batches.", "BPF_", (
        (2, "3.19"), (4, "5.1"), (16, "7.0"),
    ), "IntFlag"),
    Table("BPF_F_NO_PREALLOC", "MapFlag", "Flags of BPF_MAP_CREATE.", "BPF_F_", (
        (1, "4.6"), (2, "4.10"), (4, "4.14"), (16, "4.15"), (32, "4.17"), (64, "5.0"),
        (256, "5.2"), (512, "5.4"), (1024, "5.5"), (4096, "5.10"), (8192, "6.4"),
        (16384, "6.5"), (65536, "6.9"), (262144, "6.9"), (524288, "6.19"),
    ), "IntFlag"),
)  # fmt: skip

HEAD = '''"""Maps, programs, hooks and commands of BPF as numbers, each with its kernel spelling.

Generated; do not edit.

ORIGIN: enumerations from the BTF of Linux {release}, by scripts/gen_uapi.py; flags and pseudo
registers, which are macros, from include/uapi/linux/bpf.h.

The release after a name is the first that has it. Where that is {release}, it may have come a
little earlier.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
'''

TAIL = '''

class ProgFlag(IntFlag):
    """Flags of BPF_PROG_LOAD."""

    STRICT_ALIGNMENT = 1 << 0  # BPF_F_STRICT_ALIGNMENT, v4.12
    ANY_ALIGNMENT = 1 << 1  # BPF_F_ANY_ALIGNMENT, v5.0
    TEST_RND_HI32 = 1 << 2  # BPF_F_TEST_RND_HI32, v5.3
    TEST_STATE_FREQ = 1 << 3  # BPF_F_TEST_STATE_FREQ, v5.4
    SLEEPABLE = 1 << 4  # BPF_F_SLEEPABLE, v5.10
    XDP_HAS_FRAGS = 1 << 5  # BPF_F_XDP_HAS_FRAGS, v5.18
    XDP_DEV_BOUND_ONLY = 1 << 6  # BPF_F_XDP_DEV_BOUND_ONLY, v6.3
    TEST_REG_INVARIANTS = 1 << 7  # BPF_F_TEST_REG_INVARIANTS, v6.8
    TOKEN_FD = 1 << 16  # BPF_F_TOKEN_FD, v6.9


class AttachFlag(IntFlag):
    """Flags of BPF_PROG_ATTACH."""

    ALLOW_OVERRIDE = 1 << 0  # BPF_F_ALLOW_OVERRIDE, v4.11
    ALLOW_MULTI = 1 << 1  # BPF_F_ALLOW_MULTI, v4.15
    REPLACE = 1 << 2  # BPF_F_REPLACE, v5.6
    BEFORE = 1 << 3  # BPF_F_BEFORE, v6.6
    AFTER = 1 << 4  # BPF_F_AFTER, v6.6
    ID = 1 << 5  # BPF_F_ID, v6.6
    PREORDER = 1 << 6  # BPF_F_PREORDER, v6.15


class TestRunFlag(IntFlag):
    """Flags of BPF_PROG_TEST_RUN."""

    ON_CPU = 1 << 0  # BPF_F_TEST_RUN_ON_CPU, v5.10
    XDP_LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES, v5.18
    SKB_CHECKSUM_COMPLETE = 1 << 2  # BPF_F_TEST_SKB_CHECKSUM_COMPLETE, v6.15


class KprobeMultiFlag(IntFlag):
    """Flags of a kprobe.multi link."""

    RETURN = 1 << 0  # BPF_F_KPROBE_MULTI_RETURN, v5.18


class UprobeMultiFlag(IntFlag):
    """Flags of a uprobe.multi link."""

    RETURN = 1 << 0  # BPF_F_UPROBE_MULTI_RETURN, v6.6


class StatsType(IntEnum):
    """enum bpf_stats_type."""

    RUN_TIME = 0  # BPF_STATS_RUN_TIME, v5.8


# src_reg of a 16-byte load (BPF_LD | BPF_IMM | BPF_DW).
BPF_PSEUDO_MAP_FD = 1  # v3.18
BPF_PSEUDO_MAP_VALUE = 2  # v5.2
BPF_PSEUDO_BTF_ID = 3  # v5.10
BPF_PSEUDO_FUNC = 4  # v5.13
BPF_PSEUDO_MAP_IDX = 5  # v5.14
BPF_PSEUDO_MAP_IDX_VALUE = 6  # v5.14

# src_reg of a call (BPF_JMP | BPF_CALL).
BPF_PSEUDO_CALL = 1  # v4.16
BPF_PSEUDO_KFUNC_CALL = 2  # v5.13

BPF_OBJ_NAME_LEN = 16  # v4.15; the NUL included
BPF_TAG_SIZE = 8  # v4.10
BPF_MAX_STACK_DEPTH = 127  # PERF_MAX_STACK_DEPTH, v4.6
'''

SINCE = '''

def first_release(type: MapType | ProgType) -> str:
    """Return the first release that has a map or program type."""
    table = _MAP_TYPES if isinstance(type, MapType) else _PROG_TYPES
    return next(release for last, release in table if type <= last)


# Types are numbered in the order they came: the last one of each release is enough.
'''


def since(table: Table, value: int) -> str:
    """The release that brought ``value``; a value above the table is an error to fix there."""
    index = bisect_left(table.last, (value, ""))
    if index == len(table.last):
        raise SystemExit(f"{table.class_name}: no release known for value {value}")
    return table.last[index][1]


def emit_table(btf: Btf, table: Table) -> str:
    """Emit one class."""
    type_id = btf.by_enumerator(table.member)
    found = btf.type(type_id) if type_id is not None else None
    if not isinstance(found, Enum | Enum64):
        raise SystemExit(f"the BTF has no enumeration with {table.member}")
    lines = ["", "", f"class {table.class_name}({table.base}):", f'    """{table.doc}"""', ""]
    for value in found.values:
        if value.name.startswith(LEFT_OUT):
            continue
        name = value.name.removeprefix(table.prefix).removeprefix("F_")
        lines.append(f"    {name} = {value.value}  # {value.name}, v{since(table, value.value)}")
    if table.base == "IntEnum":
        text = f'        return f"{table.prefix}{{self.name}}"'
        lines += ["", "    def __str__(self) -> str:", text]
    return "\n".join(lines) + "\n"


def emit_since(table: Table, name: str) -> str:
    """Emit the releases of a table as data: the last value of each."""
    return f"\n{name}: tuple[tuple[int, str], ...] = {table.last}\n"


def main() -> None:
    """Write the module."""
    path, release = sys.argv[1:]
    btf = decode(Path(path).read_bytes())
    tables = "".join(emit_table(btf, table) for table in TABLES)
    releases = SINCE + emit_since(TABLES[1], "_MAP_TYPES") + emit_since(TABLES[2], "_PROG_TYPES")
    TARGET.write_text(HEAD.format(release=release) + tables + TAIL + releases)
    subprocess.run(["ruff", "format", "--quiet", str(TARGET)], check=True)


if __name__ == "__main__":
    main()
