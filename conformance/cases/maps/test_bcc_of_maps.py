"""bcc's maps of maps."""

from __future__ import annotations

import ctypes

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.maps import run_xdp

TEXT = """
BPF_ARRAY(a, u32, 4);
BPF_ARRAY(a_other, u32, 4);
BPF_HASH(h, u32, u32, 4);
BPF_HASH(h_other, u32, u32, 4);
BPF_ARRAY_OF_MAPS(arrays, "a", 4);
BPF_HASH_OF_MAPS(hashes2, "h");
BPF_HASH_OF_MAPS(hashes3, u64, "h");
BPF_HASH_OF_MAPS(hashes, u32, "h", 8);
BPF_ARRAY(seen, u32, 4);
int f(struct xdp_md *ctx) {
    int one = 1, slot = 0;
    u32 key = 5;
    void *inner = arrays.lookup(&one);
    if (inner) {
        u32 *v = bpf_map_lookup_elem(inner, &one);
        if (v) seen.update(&slot, v);
    }
    slot = 1;
    inner = hashes.lookup(&key);
    if (inner) {
        u32 *v = bpf_map_lookup_elem(inner, &key);
        if (v) { seen.update(&slot, v); *v += 1; }
    }
    return 2;
}
"""


@case("maps/bcc/of-maps", kernel="4.12", feature="map_type/hash_of_maps")
def test_an_inner_map_goes_in_as_table_map_and_descriptor() -> None:
    """BPF_ARRAY_OF_MAPS and BPF_HASH_OF_MAPS take a table, a map, a descriptor or a leaf; a program
    looks up in what is inside; deleting takes it out.
    """
    with BPF(text=TEXT) as b:
        arrays, hashes, seen = b["arrays"], b["hashes"], b["seen"]
        assert [b[n].max_entries for n in ("hashes2", "hashes3", "hashes")] == [10240, 10240, 8]
        assert b["hashes3"].Key is ctypes.c_ulonglong
        for number, name in ((10, "a"), (20, "a_other")):
            b[name][1] = b[name].Leaf(number)
        for number, name in ((30, "h"), (40, "h_other")):
            b[name][ctypes.c_uint(5)] = b[name].Leaf(number)
        run_xdp(b, "f")
        assert [seen[0].value, seen[1].value] == [0, 0]
        arrays[1] = b["a"]
        hashes[hashes.Key(5)] = b["h"].map_fd
        run_xdp(b, "f")
        assert [seen[0].value, seen[1].value] == [10, 30]
        arrays[ctypes.c_int(1)] = ctypes.c_int(b["a_other"].get_fd())
        hashes[hashes.Key(5)] = b["h_other"].map
        run_xdp(b, "f")
        assert [seen[0].value, seen[1].value] == [20, 40]
        assert b["h_other"][ctypes.c_uint(5)].value == 41
        ids = {b[n].map.info().id for n in ("a_other", "h_other")}
        assert {arrays.items()[0][1].value, hashes.items()[0][1].value} == ids
        del arrays[1]
        hashes.clear()
        with pytest.raises(KeyError):
            arrays[1]
        assert (len(hashes), arrays.items()) == (0, [])
        with pytest.raises(Exception, match=r"^Could not update table: "):
            arrays[1] = b["h"]
