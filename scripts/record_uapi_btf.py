"""Write ``tests/data/uapi.btf``: the kernel types that tests compare our structures with.

    record_uapi_btf.py VMLINUX_BTF

Only the named records and enumerations and what they are made of are kept.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bpfkit.btf.decode import decode  # noqa: E402
from bpfkit.btf.encode import encode  # noqa: E402
from bpfkit.btf.types import (  # noqa: E402
    Array,
    Btf,
    Const,
    Ptr,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)
from bpfkit.uapi.btf import BtfKind  # noqa: E402

TARGET = ROOT / "tests" / "data" / "uapi.btf"
RECORDS = (
    "bpf_attr", "bpf_insn", "bpf_prog_info", "bpf_map_info", "bpf_btf_info", "bpf_link_info",
    "bpf_func_info", "bpf_line_info", "perf_event_attr", "perf_event_mmap_page", "nlmsghdr",
    "ifinfomsg", "nlattr",
)  # fmt: skip
ENUMERATORS = (
    "BPF_MAP_CREATE", "BPF_MAP_TYPE_HASH", "BPF_PROG_TYPE_KPROBE", "BPF_CGROUP_INET_INGRESS",
    "BPF_LINK_TYPE_XDP", "BPF_ANY", "BPF_F_NO_PREALLOC", "BPF_F_KPROBE_MULTI_RETURN",
    "BPF_F_UPROBE_MULTI_RETURN", "BPF_STATS_RUN_TIME", "PERF_TYPE_HARDWARE",
    "PERF_COUNT_HW_CPU_CYCLES", "PERF_COUNT_SW_CPU_CLOCK", "PERF_SAMPLE_RAW", "PERF_RECORD_LOST",
    "IFLA_XDP_FD",
)  # fmt: skip
_TYPES = {BtfKind.STRUCT, BtfKind.UNION}


class Pruner:
    """Copies types with all they are made of; new ids count from 1."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.ids: dict[int, int] = {}
        self.types: list[Type] = []

    def take(self, type_id: int) -> int:
        """Copy a type; its new id."""
        if type_id == 0:
            return 0
        known = self.ids.get(type_id)
        if known is not None:
            return known
        found = self.btf.type(type_id)
        self.types.append(found)
        new = self.ids[type_id] = len(self.types)
        self.types[new - 1] = self.copy(found)
        return new

    def copy(self, found: Type) -> Type:
        """The same type with new ids; what a pointer leads to is left out."""
        if isinstance(found, Struct | Union):
            members = tuple(
                dataclasses.replace(m, type_id=self.take(m.type_id)) for m in found.members
            )
            return dataclasses.replace(found, members=members)
        if isinstance(found, Ptr):
            return Ptr(0)
        if isinstance(found, Array):
            return Array(self.take(found.type_id), self.take(found.index_id), found.count)
        if isinstance(found, Typedef | Const | Volatile | TypeTag):
            return dataclasses.replace(found, type_id=self.take(found.type_id))
        return found


def main() -> None:
    """Write the file."""
    btf = decode(Path(sys.argv[1]).read_bytes())
    pruner = Pruner(btf)
    for name in RECORDS:
        pruner.take(btf.by_name(name, _TYPES)[0])
    for name in ENUMERATORS:
        found = btf.by_enumerator(name)
        if found is None:
            raise SystemExit(f"no enumeration has {name}")
        pruner.take(found)
    TARGET.write_bytes(encode(pruner.types))


if __name__ == "__main__":
    main()
