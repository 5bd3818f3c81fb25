"""Our structures and enumerations against the BTF of a kernel."""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.layout import size_of
from bpfkit.btf.types import Array, Btf, Enum, Enum64, Struct, Union
from bpfkit.uapi import attr, bpf, info, netlink, perf_event
from bpfkit.uapi.btf import BtfKind

DATA = Path(__file__).resolve().parents[2] / "data" / "uapi.btf"


@pytest.fixture(scope="module")
def btf() -> Btf:
    return decode(DATA.read_bytes())


def record(btf: Btf, name: str) -> Struct | Union:
    (type_id,) = btf.by_name(name, {BtfKind.STRUCT, BtfKind.UNION})
    found = btf.type(type_id)
    assert isinstance(found, Struct | Union)
    return found


def places(btf: Btf, of: Struct | Union, base: int = 0) -> dict[str, tuple[int, int]]:
    """Offset and size of each member; members of anonymous records count as their owner's."""
    found: dict[str, tuple[int, int]] = {}
    for member in of.members:
        _, inner = btf.resolve(member.type_id)
        offset = base + member.bit_offset // 8
        if isinstance(inner, Struct | Union) and not member.name:
            found.update(places(btf, inner, offset))
        elif not member.bits:
            found[member.name] = offset, size_of(btf, member.type_id)
    return found


def command(btf: Btf, member: str) -> Struct | Union:
    """The part of union bpf_attr that has, or is, ``member``."""
    for part in record(btf, "bpf_attr").members:
        inner = btf.resolve(part.type_id)[1]
        assert isinstance(inner, Struct | Union)
        if part.name == member or (not part.name and member in places(btf, inner)):
            return inner
    raise AssertionError(member)


def agree(ours: type[ctypes.Structure], theirs: dict[str, tuple[int, int]]) -> None:
    for name, kind, *bits in ours._fields_:
        if bits:
            continue
        place = getattr(ours, name)
        assert (place.offset, ctypes.sizeof(kind)) == theirs[name], name


@pytest.mark.parametrize(
    ("ours", "member"),
    [
        pytest.param(attr.bpf_attr_map_create, "map_type", id="map_create"),
        pytest.param(attr.bpf_attr_map_elem, "key", id="map_elem"),
        pytest.param(attr.bpf_attr_map_update, "key", id="map_update"),
        pytest.param(attr.bpf_attr_batch, "batch", id="batch"),
        pytest.param(attr.bpf_attr_prog_load, "prog_type", id="prog_load"),
        pytest.param(attr.bpf_attr_obj, "pathname", id="obj"),
        pytest.param(attr.bpf_attr_prog_attach, "attach_bpf_fd", id="prog_attach"),
        pytest.param(attr.bpf_attr_test, "test", id="test"),
        pytest.param(attr.bpf_attr_id, "start_id", id="id"),
        pytest.param(attr.bpf_attr_info, "info", id="info"),
        pytest.param(attr.bpf_attr_query, "query", id="query"),
        pytest.param(attr.bpf_attr_raw_tracepoint, "raw_tracepoint", id="raw_tracepoint"),
        pytest.param(attr.bpf_attr_btf_load, "btf", id="btf_load"),
        pytest.param(attr.bpf_attr_link_update, "link_update", id="link_update"),
        pytest.param(attr.bpf_attr_iter_create, "iter_create", id="iter_create"),
        pytest.param(attr.bpf_attr_prog_bind_map, "prog_bind_map", id="prog_bind_map"),
    ],
)
def test_attributes_of_a_command_lie_where_the_kernel_looks(
    btf: Btf, ours: type[ctypes.Structure], member: str
) -> None:
    agree(ours, places(btf, command(btf, member)))


def test_attributes_of_link_create_lie_where_the_kernel_looks(btf: Btf) -> None:
    theirs = command(btf, "link_create")
    flat = places(btf, theirs)
    ours = attr.bpf_attr_link_create
    start = ours.options.offset
    for name in ("prog_fd", "target_fd", "attach_type", "flags"):
        assert getattr(ours, name).offset == flat[name][0]
    assert start == flat["target_btf_id"][0]
    fields: tuple[tuple[str, type[ctypes.Structure]], ...] = attr.link_options._fields_[1:]
    for name, kind in fields:
        if name in flat:
            union = next(
                u for m in theirs.members if isinstance(u := btf.resolve(m.type_id)[1], Union)
                and name in places(btf, u)
            )  # fmt: skip
            inner_id = next(m.type_id for m in union.members if m.name == name)
            inner = btf.resolve(inner_id)[1]
            assert isinstance(inner, Struct)
            agree(kind, places(btf, inner))


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        pytest.param(info.bpf_prog_info, "bpf_prog_info", id="prog"),
        pytest.param(info.bpf_map_info, "bpf_map_info", id="map"),
        pytest.param(info.bpf_btf_info, "bpf_btf_info", id="btf"),
        pytest.param(perf_event.perf_event_attr, "perf_event_attr", id="perf_event_attr"),
    ],
)
def test_a_record_lies_as_in_the_kernel(btf: Btf, ours: type[ctypes.Structure], name: str) -> None:
    agree(ours, places(btf, record(btf, name)))


def test_link_info_is_as_large_as_in_the_kernel(btf: Btf) -> None:
    assert ctypes.sizeof(info.bpf_link_info) == record(btf, "bpf_link_info").size
    flat = places(btf, record(btf, "bpf_link_info"))
    assert info.bpf_link_info.u.offset == flat["xdp"][0] == flat["tracing"][0]


def test_flags_of_perf_events_are_bits_where_the_kernel_looks(btf: Btf) -> None:
    theirs = {m.name: m.bit_offset for m in record(btf, "perf_event_attr").members if m.bits}
    for name in ("disabled", "inherit", "exclude_user", "exclude_kernel", "freq", "watermark"):
        blank = perf_event.perf_event_attr(**{name: 1})
        assert int.from_bytes(bytes(blank), "little") == 1 << theirs[name]


@pytest.mark.parametrize(
    ("ours", "member", "prefix"),
    [
        pytest.param(bpf.BpfCmd, "BPF_MAP_CREATE", "BPF_", id="cmd"),
        pytest.param(bpf.MapType, "BPF_MAP_TYPE_HASH", "BPF_MAP_TYPE_", id="map-type"),
        pytest.param(bpf.ProgType, "BPF_PROG_TYPE_KPROBE", "BPF_PROG_TYPE_", id="prog-type"),
        pytest.param(bpf.AttachType, "BPF_CGROUP_INET_INGRESS", "BPF_", id="attach-type"),
        pytest.param(bpf.LinkType, "BPF_LINK_TYPE_XDP", "BPF_LINK_TYPE_", id="link-type"),
        pytest.param(bpf.MapFlag, "BPF_F_NO_PREALLOC", "BPF_F_", id="map-flag"),
        pytest.param(bpf.StatsType, "BPF_STATS_RUN_TIME", "BPF_STATS_", id="stats"),
        pytest.param(perf_event.PerfType, "PERF_TYPE_HARDWARE", "PERF_TYPE_", id="perf-type"),
        pytest.param(perf_event.PerfHw, "PERF_COUNT_HW_CPU_CYCLES", "PERF_COUNT_HW_", id="hw"),
        pytest.param(perf_event.PerfSw, "PERF_COUNT_SW_CPU_CLOCK", "PERF_COUNT_SW_", id="sw"),
        pytest.param(perf_event.RecordType, "PERF_RECORD_LOST", "PERF_RECORD_", id="record"),
        pytest.param(perf_event.SampleFormat, "PERF_SAMPLE_RAW", "PERF_SAMPLE_", id="sample"),
        pytest.param(netlink.IflaXdp, "IFLA_XDP_FD", "IFLA_XDP_", id="ifla-xdp"),
    ],
)
def test_values_are_the_kernels(
    btf: Btf, ours: type[IntEnum] | type[IntFlag], member: str, prefix: str
) -> None:
    type_id = btf.by_enumerator(member)
    assert type_id is not None
    found = btf.type(type_id)
    assert isinstance(found, Enum | Enum64)
    theirs = {value.name: value.value for value in found.values}
    for name, mine in ours.__members__.items():
        assert theirs[prefix + name] == mine


@pytest.mark.parametrize("kind", [bpf.MapType, bpf.ProgType])
def test_every_type_has_a_first_release(kind: type[bpf.MapType] | type[bpf.ProgType]) -> None:
    for member in kind:
        major, minor = bpf.first_release(member).split(".")
        assert (3, 18) <= (int(major), int(minor)) < (8, 0)


def test_names_print_as_the_kernel_spells_them() -> None:
    assert str(bpf.MapType.RINGBUF) == "BPF_MAP_TYPE_RINGBUF"
    assert str(bpf.AttachType.XDP) == "BPF_XDP"
    assert str(bpf.BpfCmd.PROG_LOAD) == "BPF_PROG_LOAD"


def test_a_name_fits_its_place(btf: Btf) -> None:
    parts = [btf.resolve(m.type_id)[1] for m in command(btf, "map_type").members]
    arrays = [part for part in parts if isinstance(part, Array)]
    assert [array.count for array in arrays] == [bpf.BPF_OBJ_NAME_LEN]


def test_a_query_has_room_for_all_that_kernels_write(btf: Btf) -> None:
    theirs = places(btf, command(btf, "query"))
    assert ctypes.sizeof(attr.bpf_attr_query) == max(at + size for at, size in theirs.values())
