"""Maps of maps from C: the inner map is looked up, then used by raw helpers."""

from __future__ import annotations

import struct

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError, VerifierError
from bpfkit.maps.base import Map
from bpfkit.uapi.bpf import ProgType
from conformance import values
from conformance.case import case
from conformance.libbpf import PACKET, load_text, stored, trigger

OUT = """
BPF_ARRAY(out, s64, 4);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
"""


def put(outer: Map, key: int, inner: Map) -> None:
    outer.update(struct.pack("=I", key), struct.pack("=i", inner.fileno()))


INSIDE = """
    void *inner = LOOKUP(&where);
    OUT(3, inner == 0);
    if (inner) {
        u32 key = 3;
        u64 value = 30, *found;
        OUT(0, bpf_map_update_elem(inner, &key, &value, BPF_ANY));
        found = bpf_map_lookup_elem(inner, &key);
        if (found) OUT(1, *found += 12);
        OUT(2, bpf_map_delete_elem(inner, &key));
    }
"""
KINDS = ("hash_of_maps", "array_of_maps")
DECLARED = {
    "array_of_maps": 'BPF_ARRAY_OF_MAPS(outer, "inner", 4);',
    "hash_of_maps": 'BPF_HASH_OF_MAPS(outer, u32, "inner", 4);',
}


def bcc(kind: str) -> Collection:
    return load(f"""
    {OUT}
    BPF_TABLE("hash", u32, u64, inner, 8);
    BPF_TABLE("hash", u32, u64, other, 8);
    {DECLARED[kind]}
    int program(struct xdp_md *ctx) {{
        int where = 2;
        #define LOOKUP outer.lookup
        {INSIDE}
        return XDP_PASS;
    }}
    """)


def check_bcc(kind: str) -> None:
    with bcc(kind) as collection:
        program = collection.load_program("program", ProgType.XDP)
        program.test_run(PACKET)
        assert values.stored(collection) == [0, 0, 0, 1]
        put(collection.maps["outer"].raw, 2, collection.maps["other"].raw)
        program.test_run(PACKET)
        assert values.stored(collection) == [0, 42, 0, 0]


@case("maps/array_of_maps/c-bcc", kernel="4.12", feature="map_type/array_of_maps")
def test_bcc_array_of_maps() -> None:
    """``lookup`` on BPF_ARRAY_OF_MAPS gives the inner map, for raw helpers to update, look up and
    delete in.
    """
    check_bcc("array_of_maps")


@case("maps/hash_of_maps/c-bcc", kernel="4.12", feature="map_type/hash_of_maps")
def test_bcc_hash_of_maps() -> None:
    """The same of BPF_HASH_OF_MAPS."""
    check_bcc("hash_of_maps")


@case("maps/hash_of_maps/c-bcc-arguments", kernel="4.12", feature="map_type/hash_of_maps")
def test_bcc_hash_of_maps_takes_two_to_four_arguments() -> None:
    """The key is int and the size 10240 where BPF_HASH_OF_MAPS is not told."""
    text = """
    BPF_ARRAY(inner, u64, 1);
    struct name { char text[16]; };
    BPF_HASH_OF_MAPS(two, "inner");
    BPF_HASH_OF_MAPS(three, struct name, "inner");
    BPF_HASH_OF_MAPS(four, u64, "inner", 5);
    """
    with load(text) as collection:
        shapes = {n: (m.raw.key_size, m.raw.max_entries) for n, m in collection.maps.items()}
    assert shapes == {"inner": (4, 1), "two": (4, 10240), "three": (16, 10240), "four": (8, 5)}


@case("maps/array_of_maps/c-libbpf", kernel="5.10", feature="map_type/array_of_maps")
def test_inner_maps_are_defined_in_place_or_by_name() -> None:
    """``__array(values, …)`` defines the inner map by a struct or by ``typeof`` of a map; slots may
    be filled from the start.
    """
    for kind, size in (("ARRAY_OF_MAPS", 4), ("HASH_OF_MAPS", 4)):
        text = f"""
        struct inner {{ __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, u32);
                       __type(value, u64); }} first SEC(".maps"), second SEC(".maps");
        struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, {size}); __type(key, u32);
                 __array(values, struct inner); }} outer SEC(".maps")
            = {{ .values = {{ [2] = &second }} }};
        struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, {size}); __type(key, u32);
                 __array(values, typeof(first)); }} empty SEC(".maps");
        SEC("xdp") int program(struct xdp_md *ctx) {{
            u32 where = 2;
            #define LOOKUP(k) bpf_map_lookup_elem(&outer, k)
            {INSIDE}
            OUT(4, bpf_map_lookup_elem(&empty, &where) == 0);
            return 2;
        }}
        """
        with load_text(text, 5) as collection:
            trigger(collection)
            assert stored(collection) == [0, 42, 0, 0, 1], kind


@case("maps/array_of_maps/c-ring-buffers", kernel="5.8", feature="map_type/ringbuf")
def test_inner_maps_may_be_ring_buffers() -> None:
    """Records go to whichever ring buffer the outer map holds."""
    text = """
    struct ring { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); }
        one SEC(".maps"), two SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2);
             __uint(key_size, 4); __array(values, struct ring); } rings SEC(".maps")
        = { .values = { &one, &two } };
    SEC("xdp") int program(struct xdp_md *ctx) {
        u32 at = 1, word = 5;
        void *ring = bpf_map_lookup_elem(&rings, &at);
        if (!ring) return 1;
        OUT(0, bpf_ringbuf_output(ring, &word, sizeof(word), 0));
        OUT(1, bpf_ringbuf_query(&one, BPF_RB_AVAIL_DATA));
        OUT(2, bpf_ringbuf_query(&two, BPF_RB_AVAIL_DATA));
        return 2;
    }
    """
    with load_text(text, 3) as collection:
        trigger(collection)
        assert stored(collection) == [0, 0, 16]


@case("maps/array_of_maps/c-unchecked", kernel="4.12", feature="map_type/array_of_maps")
def test_an_inner_map_must_be_checked_for_null() -> None:
    """An inner map used without a check is refused with the line it is used in."""
    text = """
    BPF_ARRAY(inner, u64, 1);
    BPF_ARRAY_OF_MAPS(outer, "inner", 1);
    int program(struct xdp_md *ctx) {
        int zero = 0;
        void *map = outer.lookup(&zero);
        return bpf_map_lookup_elem(map, &zero) != 0;
    }
    """
    with load(text) as collection, pytest.raises(VerifierError, match="bpf_map_lookup_elem"):
        collection.load_program("program", ProgType.XDP)


@case("maps/array_of_maps/c-wrong-inner")
def test_wrong_inner_maps_are_refused_at_their_place() -> None:
    """An inner map that does not exist, or is a map of maps itself, is a located error."""
    with pytest.raises(CompileError, match=r"program\.c:1:\d+.*'nothing', which does not exist"):
        load('BPF_ARRAY_OF_MAPS(outer, "nothing", 1);')
    with pytest.raises(CompileError, match=r"program\.c:3:\d+.*itself a map of maps"):
        load(
            "BPF_ARRAY(i, u64, 1);\n"
            'BPF_ARRAY_OF_MAPS(middle, "i", 1);\nBPF_ARRAY_OF_MAPS(outer, "middle", 1);'
        )
