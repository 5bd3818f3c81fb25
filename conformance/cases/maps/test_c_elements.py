"""Elements of hashes, arrays and tries from C: every method, and every flag of the helpers."""

from __future__ import annotations

import errno

from conformance.case import case
from conformance.libbpf import run
from conformance.values import in_xdp

GONE, THERE, FULL, BAD = -errno.ENOENT, -errno.EEXIST, -errno.E2BIG, -errno.EINVAL

# The methods of bcc's dialect, on key 1 (missing at first where keys can miss).
METHODS = """
    u32 key = 1, other = 2, third = 3;
    u64 five = 5, six = 6, *found;
    OUT(0, t.lookup(&key) == 0);
    OUT(1, t.update(&key, &five));
    found = t.lookup(&key);
    OUT(2, found ? *found : -1);
    OUT(3, t.insert(&key, &six));
    found = t.lookup_or_try_init(&other, &six);
    OUT(4, found ? (*found)++ : -1);
    found = t.lookup_or_init(&other, &five);
    OUT(5, *found);
    t.increment(key);
    t.increment(key, 10);
    t.atomic_increment(key);
    t.atomic_increment(key, 20);
    found = t.lookup(&key);
    OUT(6, found ? *found : -1);
    t.increment(third, 4);
    found = t.lookup(&third);
    OUT(7, found ? *found : -1);
    OUT(8, t.delete(&key));
    OUT(9, t.delete(&key));
"""
# The helpers, with the flags that bcc's methods do not have.
HELPERS = """
    u32 key = 1, other = 2;
    u64 five = 5, six = 6, *found;
    OUT(0, bpf_map_update_elem(&t, &key, &five, BPF_EXIST));
    OUT(1, bpf_map_update_elem(&t, &key, &five, BPF_NOEXIST));
    OUT(2, bpf_map_update_elem(&t, &key, &six, BPF_EXIST));
    found = bpf_map_lookup_elem(&t, &key);
    if (found)
        __sync_fetch_and_add(found, 4);
    OUT(3, found != 0);
    found = bpf_map_lookup_elem(&t, &key);
    OUT(4, found ? *found : -1);
    OUT(5, bpf_map_delete_elem(&t, &key));
    OUT(6, bpf_map_lookup_elem(&t, &key) == 0);
    OUT(7, bpf_map_update_elem(&t, &other, &five, 77));
"""
MISSING_METHODS = [1, 0, 5, THERE, 6, 7, 37, None, 0, GONE]
ARRAY_METHODS = [0, 0, 5, THERE, 0, 1, 37, None, BAD, BAD]
HASH_HELPERS = [GONE, 0, 0, 1, 10, 0, 1, BAD]
ARRAY_HELPERS = [0, THERE, 0, 1, 10, BAD, 0, BAD]


def bcc(kind: str, *, inserts: bool = True) -> list[int | None]:
    """Run the methods on a table; what increment does to a missing key where kinds differ is left
    out unless ``inserts``.
    """
    found: list[int | None] = list(in_xdp(METHODS, 10, f'BPF_TABLE("{kind}", u32, u64, t, 8);'))
    assert found[7] == (4 if inserts else -1), kind
    found[7] = None
    return found


def libbpf(kind: str) -> list[int]:
    head = f"""
    struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, 8); __type(key, u32);
             __type(value, u64); }} t SEC(".maps");
    SEC("xdp") int program(struct xdp_md *ctx) {{
    """
    casts = HELPERS.replace("OUT(", "OUT_INT(")
    return run("#define OUT_INT(i, v) OUT(i, (int)(v))\n" + head + casts + "return 2; }", 8)


@case("maps/hash/c-elements", kernel="4.8", feature="map_type/hash")
def test_hashes() -> None:
    """Every method and flag on a hash: missing keys, existing keys, increments that insert."""
    assert bcc("hash") == MISSING_METHODS
    assert libbpf("HASH") == HASH_HELPERS


@case("maps/lru_hash/c-elements", kernel="4.10", feature="map_type/lru_hash")
def test_lru_hashes() -> None:
    """The same on an LRU hash, where increment leaves a missing key alone, as in bcc."""
    assert bcc("lru_hash", inserts=False) == MISSING_METHODS
    assert libbpf("LRU_HASH") == HASH_HELPERS


@case("maps/percpu_hash/c-elements", kernel="4.8", feature="map_type/percpu_hash")
def test_percpu_hashes() -> None:
    """The same on per-CPU hashes, which give this CPU's value."""
    for kind in ("percpu_hash", "lru_percpu_hash"):
        assert bcc(kind, inserts=False) == MISSING_METHODS
        assert libbpf(kind.upper()) == HASH_HELPERS


@case("maps/array/c-elements", kernel="4.8", feature="map_type/array")
def test_arrays() -> None:
    """On arrays, per-CPU or not, every element exists and none can be deleted."""
    for kind in ("array", "percpu_array"):
        assert bcc(kind) == ARRAY_METHODS
        assert libbpf(kind.upper()) == ARRAY_HELPERS


@case("maps/hash/c-full", kernel="4.8", feature="map_type/hash")
def test_a_full_hash_takes_no_more() -> None:
    """update gives E2BIG when a hash is full, lookup_or_try_init null; lookup_or_init leaves the
    function.
    """
    body = """
    u64 value = 1;
    for (int i = 0; i < 4; i++) {
        u32 key = i;
        OUT(0, full.update(&key, &value));
    }
    u32 more = 9;
    OUT(1, full.update(&more, &value));
    OUT(2, full.lookup_or_try_init(&more, &value) == 0);
    OUT(3, 1);
    full.lookup_or_init(&more, &value);
    OUT(3, 2);
    """
    assert in_xdp(body, 4, 'BPF_TABLE("hash", u32, u64, full, 4);') == [0, FULL, 1, 1]


PREFIXES = """
    struct prefix wide = {.length = 8, .address = {10}};
    struct prefix narrow = {.length = 16, .address = {10, 1}};
    struct prefix inside = {.length = 32, .address = {10, 1, 2, 3}};
    struct prefix beside = {.length = 32, .address = {10, 9, 2, 3}};
    struct prefix outside = {.length = 32, .address = {11, 1, 2, 3}};
    u64 one = 1, two = 2, *found;
    OUT(0, UPDATE(&wide, &one) | UPDATE(&narrow, &two));
    found = LOOKUP(&inside);
    OUT(1, found ? *found : -1);
    found = LOOKUP(&beside);
    OUT(2, found ? *found : -1);
    OUT(3, LOOKUP(&outside) == 0);
    OUT(4, DELETE(&narrow));
    found = LOOKUP(&inside);
    OUT(5, found ? *found : -1);
    OUT(6, (int)DELETE(&narrow));
"""
PREFIX = "struct prefix { u32 length; u8 address[4]; };"
MATCHED = [0, 2, 1, 1, 0, 1, GONE]


@case("maps/lpm_trie/c-bcc", kernel="4.11", feature="map_type/lpm_trie")
def test_bcc_longest_prefixes() -> None:
    """BPF_LPM_TRIE finds the longest prefix that matches."""
    before = (
        PREFIX
        + """
    BPF_LPM_TRIE(t, struct prefix, u64, 8);
    #define UPDATE t.update
    #define LOOKUP t.lookup
    #define DELETE t.delete
    """
    )
    assert in_xdp(PREFIXES, 7, before) == MATCHED


@case("maps/lpm_trie/c-libbpf", kernel="4.11", feature="map_type/lpm_trie")
def test_longest_prefixes() -> None:
    """The helpers do on a BTF-defined trie."""
    text = (
        PREFIX
        + """
    struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 8);
             __type(key, struct prefix); __type(value, u64);
             __uint(map_flags, BPF_F_NO_PREALLOC); } t SEC(".maps");
    #define UPDATE(k, v) bpf_map_update_elem(&t, k, v, BPF_ANY)
    #define LOOKUP(k) bpf_map_lookup_elem(&t, k)
    #define DELETE(k) bpf_map_delete_elem(&t, k)
    SEC("xdp") int program(struct xdp_md *ctx) {
    """
    )
    assert run(text + PREFIXES + "return 2; }", 7) == MATCHED
