"""How maps are declared in C: attributes, flags, pins, and tables that programs share."""

from __future__ import annotations

import struct

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.errors import CompileError, LoadError
from bpfkit.uapi.bpf import MapFlag, MapType, ProgType
from conformance import values
from conformance.case import case
from conformance.hooks import pinned
from conformance.libbpf import PACKET, load_text, stored, trigger

OUT = """
BPF_ARRAY(out, s64, 4);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
"""


@case("maps/declare/c-attributes", kernel="5.10")
def test_attributes_reach_the_kernel() -> None:
    """type, max_entries, map_flags, sizes by number or type, numa_node and map_extra are what the
    kernel says of the map.
    """
    text = """
    struct wide { u64 a[3]; };
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 7); __type(key, struct wide);
             __type(value, u16); __uint(map_flags, BPF_F_NO_PREALLOC); }
        one SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __uint(key_size, 4);
             __uint(value_size, sizeof(struct wide)); __uint(numa_node, 0);
             __uint(map_flags, BPF_F_MMAPABLE); } two SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 5); __type(key, u64);
             __type(value, u8); __uint(map_flags, BPF_F_NO_PREALLOC); } three SEC(".maps");
    """
    with load_text(text) as collection:
        infos = {name: collection.maps[name].raw.info() for name in ("one", "two", "three")}
    one, two, three = infos["one"], infos["two"], infos["three"]
    assert (one.type, one.key_size, one.value_size, one.max_entries) == (MapType.HASH, 24, 2, 7)
    assert one.flags == MapFlag.NO_PREALLOC
    assert (two.value_size, two.flags) == (24, MapFlag.MMAPABLE | MapFlag.NUMA_NODE)
    assert (three.type, three.max_entries) == (MapType.LPM_TRIE, 5)
    assert (one.key_type_id != 0, one.value_type_id != 0) == (True, True)


@case("maps/declare/c-unknown-attribute")
def test_a_misspelt_attribute_is_named() -> None:
    """An attribute that maps do not have is an error that names the map and the attribute."""
    text = 'struct { __uint(type, 1); __uint(max_entrees, 7); } one SEC(".maps");'
    with pytest.raises(CompileError, match=r"map 'one' has an attribute 'max_entrees'"):
        load_text(text)


@case("maps/declare/c-flags", kernel="5.10")
def test_bcc_flags_reach_the_kernel() -> None:
    """BPF_F_TABLE passes flags on; what user space may not write, programs still do."""
    text = (
        OUT
        + """
    BPF_F_TABLE("hash", u32, u64, counts, 8, BPF_F_NO_PREALLOC | BPF_F_RDONLY);
    BPF_F_TABLE("lru_hash", u32, u64, recent, 8, BPF_F_NO_COMMON_LRU);
    BPF_F_TABLE("array", u32, u64, given, 1, BPF_F_RDONLY_PROG);
    int program(struct xdp_md *ctx) {
        u32 key = 4;
        u64 value = 5;
        OUT(0, counts.update(&key, &value));
        OUT(1, counts.max_entries * 1000 + counts.flags);
        return XDP_PASS;
    }
    """
    )
    with load(text) as collection:
        collection.load_program("program", ProgType.XDP).test_run(PACKET)
        flags = {
            name: collection.maps[name].raw.info().flags for name in ("counts", "recent", "given")
        }
        assert values.stored(collection)[:2] == [0, 8009]
        assert collection.maps["counts"].raw.lookup(struct.pack("=I", 4)) == struct.pack("=Q", 5)
        with pytest.raises(OSError, match="EPERM"):
            collection.maps["counts"].raw.update(struct.pack("=I", 4), bytes(8))
    assert flags == {
        # Access flags belong to the descriptor, not to the map.
        "counts": MapFlag.NO_PREALLOC,
        "recent": MapFlag.NO_COMMON_LRU,
        "given": MapFlag.RDONLY_PROG,
    }


@case("maps/declare/c-bcc-pinned", kernel="5.10")
def test_bcc_pinned_tables() -> None:
    """BPF_TABLE_PINNED creates and pins a map, or takes the one that is there; flags may follow."""
    with pinned("bk_case/table") as pin:
        text = OUT + (
            f'BPF_TABLE_PINNED("hash", u32, u64, counts, 8, "{pin}", BPF_F_NO_PREALLOC);'
            "int program(struct xdp_md *ctx)"
            "{ u32 key = 1; counts.increment(key); OUT(0, counts.flags); return XDP_PASS; }"
        )
        for expected in (1, 2):
            with load(text) as collection:
                collection.load_program("program", ProgType.XDP).test_run(PACKET)
                found = collection.maps["counts"].raw.lookup(struct.pack("=I", 1))
                assert found == struct.pack("=Q", expected)
                assert collection.maps["counts"].raw.info().flags == MapFlag.NO_PREALLOC
        other = text.replace("u32, u64", "u32, u32")
        with pytest.raises(LoadError, match=r"map 'counts' is pinned at .*/table.*values of 8"):
            load(other)


@case("maps/declare/c-libbpf-pinned", kernel="5.10")
def test_maps_are_pinned_and_shared_between_objects() -> None:
    """With LIBBPF_PIN_BY_NAME two objects have one map; queues are pinned too."""
    with pinned("bk_case_line") as pin:
        text = """
        struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 8); __type(value, u32);
                 __uint(pinning, LIBBPF_PIN_BY_NAME); } bk_case_line SEC(".maps");
        SEC("xdp") int program(struct xdp_md *ctx) {
            u32 n = 5, got = 0;
            OUT(1, (int)bpf_map_pop_elem(&bk_case_line, &got));
            OUT(0, got);
            return bpf_map_push_elem(&bk_case_line, &n, 0);
        }
        """
        with load_text(text, 2) as first, load_text(text, 2) as second:
            trigger(first)
            trigger(second)
            assert (stored(first), stored(second)) == ([0, -2], [5, 0])
            assert pin.exists()


EXPORTING = (
    OUT
    + """
BPF_TABLE_SCOPE("hash", u32, u64, bk_shared, 8);
int program(struct xdp_md *ctx) { u32 key = 7; bk_shared.increment(key, 10); return XDP_PASS; }
"""
)
IMPORTING = (
    OUT
    + """
BPF_TABLE("extern", u32, u64, bk_shared, 8);
int program(struct xdp_md *ctx) {
    u32 key = 7;
    u64 *found = bk_shared.lookup(&key);
    OUT(0, found ? *found : -1);
    bk_shared.increment(key);
    return XDP_PASS;
}
"""
)


@case("maps/declare/c-bcc-public", kernel="5.10")
def test_bcc_public_tables_are_found_by_later_objects() -> None:
    """BPF_TABLE_PUBLIC (and _SHARED) offers a table to later objects of the process, which import
    it as "extern" under its name: one map, seen by both.
    """
    for scope in ("PUBLIC", "SHARED"):
        with BPF(text=EXPORTING.replace("SCOPE", scope)) as one:
            with BPF(text=IMPORTING) as two:
                for b in (one, two, two):
                    b.load_func("program", BPF.XDP)
                    b.collection.programs["program"].test_run(PACKET)
                assert two["out"][0].value == 11
                assert {k.value: v.value for k, v in one["bk_shared"].items()} == {7: 12}
                assert {k.value: v.value for k, v in two["bk_shared"].items()} == {7: 12}
            assert len(one["bk_shared"]) == 1
        with pytest.raises(LoadError, match=r"undefined table 'bk_shared'.*BPF_TABLE_PUBLIC"):
            BPF(text=IMPORTING)


@case("maps/declare/c-bcc-extern-shape", kernel="5.10")
def test_bcc_imported_tables_must_have_the_same_shape() -> None:
    """Importing a table with other sizes is an error that says both."""
    with (
        BPF(text=EXPORTING.replace("SCOPE", "PUBLIC")),
        pytest.raises(LoadError, match=r"'bk_shared'.*values of 8 bytes.*declares.*4"),
    ):
        BPF(text=IMPORTING.replace("u64", "u32"))


@case("maps/declare/c-bcc-pinned-others", kernel="5.10")
def test_bcc_queues_and_socket_maps_are_pinned() -> None:
    """BPF_QUEUESTACK_PINNED and the third argument of BPF_XSKMAP name a pin."""
    with pinned("bk_case_queue") as queue, pinned("bk_case_xsk") as xsk:
        text = f"""
        BPF_QUEUESTACK_PINNED("queue", line, u32, 4, 0, "{queue}");
        BPF_XSKMAP(socks, 4, "{xsk}");
        """
        with load(text) as one, load(text) as two:
            one.maps["line"].raw.update(b"", struct.pack("=I", 9))
            assert two.maps["line"].raw.lookup_and_delete(b"") == struct.pack("=I", 9)
            assert two.maps["socks"].raw.info().id == one.maps["socks"].raw.info().id
        assert queue.exists()
        assert xsk.exists()


@case("maps/declare/c-bcc-public-others", kernel="5.10")
def test_bcc_other_public_tables() -> None:
    """Queues and LRU hashes are offered too; an imported table has the type it was made with."""
    importing = (
        OUT
        + """
    BPF_TABLE("extern", u32, u64, elsewhere, 8);
    int program(struct xdp_md *ctx) {
        u32 key = 1;
        u64 value = 4;
        OUT(0, elsewhere.update(&key, &value));
        elsewhere.increment(key, 2);
        return XDP_PASS;
    }
    """
    )
    exporting = 'BPF_TABLE_PUBLIC("lru_hash", u32, u64, elsewhere, 8);' + (
        'BPF_QUEUESTACK_PUBLIC("queue", line, u32, 4, 0);'
    )
    with BPF(text=exporting) as one, BPF(text=importing) as two:
        two.load_func("program", BPF.XDP)
        two.collection.programs["program"].test_run(PACKET)
        assert one.collection.maps["elsewhere"].raw.lookup(struct.pack("=I", 1)) == struct.pack(
            "=Q", 6
        )
        assert two.collection.maps["elsewhere"].raw.type is MapType.LRU_HASH
