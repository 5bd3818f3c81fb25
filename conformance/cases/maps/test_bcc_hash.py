"""bcc's hashes: the macros, their defaults, every method from C, and the table in Python."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.maps import run_xdp

FORMS = """
struct k { u32 a; char b[12]; };
BPF_HASH(h1);
BPF_HASH(h2, u32);
BPF_HASH(h3, struct k, u32);
BPF_HASH(h4, s8, u8, 16);
BPF_TABLE("hash", u16, u64, t, 8);
BPF_F_TABLE("hash", u64, u64, ft, 8, BPF_F_NO_PREALLOC);
BPF_TABLE("lru_hash", u32, u32, lru, 64);
BPF_F_TABLE("lru_hash", u32, u32, own_lru, 64, BPF_F_NO_COMMON_LRU);
BPF_TABLE("histogram", u32, u64, hist, 64);
"""


@case("maps/bcc/hash-macros", kernel="4.10", feature="map_type/lru_hash")
def test_hash_macros_have_bccs_defaults() -> None:
    """BPF_HASH with 1 to 4 arguments, BPF_TABLE and BPF_F_TABLE make maps of bcc's types, sizes and
    flags.
    """
    with BPF(text=FORMS) as b:
        made = {name: b[name] for name in b.collection.spec.maps}
        assert {n: (t.ttype, t.max_entries, t.flags) for n, t in made.items()} == {
            "h1": (1, 10240, 0),
            "h2": (1, 10240, 0),
            "h3": (1, 10240, 0),
            "h4": (1, 16, 0),
            "t": (1, 8, 0),
            "ft": (1, 8, 1),
            "lru": (9, 64, 0),
            "own_lru": (9, 64, 2),
            "hist": (1, 64, 0),
        }
        assert (made["h1"].Key, made["h1"].Leaf) == (ctypes.c_ulonglong, ctypes.c_ulonglong)
        assert (made["h2"].Key, made["h2"].Leaf) == (ctypes.c_uint, ctypes.c_ulonglong)
        assert [name for name, _ in made["h3"].Key._fields_] == ["a", "b"]
        # bcc fails on s8: its table of types has no "signed char".
        assert (made["h4"].Key, made["h4"].Leaf) == (ctypes.c_byte, ctypes.c_ubyte)
        assert b[b"h1"].map_fd == b["h1"].map_fd


METHODS = """
BPF_HASH(t, u32, u64, 64);
BPF_HASH(seen, u32, u64, 64);
static void note(u32 what, s64 result) { u64 r = result; seen.update(&what, &r); }
int f(struct xdp_md *ctx) {
    u32 one = 1, two = 2, three = 3, four = 4;
    u64 value = 100, other = 7, *p;
    note(0, t.insert(&one, &value));
    note(1, t.insert(&one, &other));
    note(2, t.update(&two, &value));
    note(3, t.update(&two, &other));
    p = t.lookup(&one);
    if (p) { note(4, *p); *p += 1; }
    note(5, t.lookup(&three) == 0);
    p = t.lookup_or_try_init(&three, &value);
    if (p) note(6, *p);
    p = t.lookup_or_try_init(&three, &other);
    if (p) note(7, *p);
    t.increment(four);
    t.increment(four, 4);
    t.atomic_increment(four);
    t.atomic_increment(four, 10);
    note(8, t.delete(&two));
    note(9, t.delete(&two));
    return 2;
}
"""


@case("maps/bcc/hash-methods", kernel="4.12", feature="map_type/hash")
def test_every_method_of_a_hash_does_what_bccs_does() -> None:
    """lookup, update, insert, delete, lookup_or_try_init, increment and atomic_increment from C
    give the results and errors bcc's give.
    """
    with BPF(text=METHODS) as b:
        assert run_xdp(b, "f") == 2
        seen = {k.value: ctypes.c_int64(v.value).value for k, v in b["seen"].items()}
        # EEXIST is 17, ENOENT is 2.
        assert seen == {0: 0, 1: -17, 2: 0, 3: 0, 4: 100, 5: 1, 6: 100, 7: 100, 8: 0, 9: -2}
        assert {k.value: v.value for k, v in b["t"].items()} == {1: 101, 3: 100, 4: 16}


INCREMENT = """
BPF_TABLE("hash", u32, u64, plain, 8);
BPF_TABLE("lru_hash", u32, u64, lru, 8);
BPF_PERCPU_HASH(pcpu, u32, u64, 8);
BPF_TABLE("lru_percpu_hash", u32, u64, lru_pcpu, 64);
int f(struct xdp_md *ctx) {
    u32 key = 5;
    plain.increment(key);
    lru.increment(key);
    pcpu.increment(key);
    lru_pcpu.increment(key);
    return 2;
}
"""


@case("maps/bcc/increment-inserts-only-in-hash", kernel="4.12", feature="map_type/lru_percpu_hash")
def test_increment_creates_a_key_only_in_a_plain_hash() -> None:
    """``t.increment(k)`` of a missing key inserts into BPF_MAP_TYPE_HASH, and is ignored by every
    other hash.
    """
    with BPF(text=INCREMENT) as b:
        run_xdp(b, "f", 2)
        assert {n: len(b[n]) for n in ("plain", "lru", "pcpu", "lru_pcpu")} == {
            "plain": 1,
            "lru": 0,
            "pcpu": 0,
            "lru_pcpu": 0,
        }
        lru = b["lru"]
        lru[lru.Key(5)] = lru.Leaf(40)
        run_xdp(b, "f")
        assert lru[lru.Key(5)].value == 41


@case("maps/bcc/hash-batches", kernel="5.6", feature="map/batch")
def test_batches_move_what_scripts_have() -> None:
    """items_update_batch, items_lookup_batch, items_delete_batch and items_lookup_and_delete_batch
    take and give arrays, lists and pairs.
    """
    with BPF(text="BPF_HASH(t, u32, u64, 20000);") as b:
        t = b["t"]
        n = 10000
        t.items_update_batch((t.Key * n)(*range(n)), (t.Leaf * n)(*range(n)))
        t.items_update_batch({n + i: 7 for i in range(n)})
        assert len(t) == 2 * n
        found = {k.value: v.value for k, v in t.items_lookup_batch()}
        assert found == {k.value: v.value for k, v in t.items()}
        assert (found[5], found[n + 5], len(found)) == (5, 7, 2 * n)
        t.items_delete_batch(list(range(n)))
        assert {v.value for v in t.values()} == {7}
        t.items_delete_batch((t.Key * 10)(*range(n, n + 10)))
        with pytest.raises(Exception, match=r"^BPF_MAP_DELETE_BATCH has failed: No such file"):
            t.items_delete_batch([n + 10, 3, n + 11])
        assert len(t) == n - 11
        taken = list(t.items_lookup_and_delete_batch())
        assert len(taken) == n - 11
        assert (len(t), t.items(), list(t.items_lookup_batch())) == (0, [], [])


@case("maps/bcc/hash-whole", kernel="4.12", feature="map_type/hash")
def test_a_table_is_read_and_written_as_a_whole() -> None:
    """keys, values, items and their iterators agree; clear and zero do what they say; deleting
    while walking gives every key once.
    """
    with BPF(text="struct s { u64 a[4]; }; BPF_HASH(t, u64, struct s, 5000);") as b:
        t = b["t"]
        t.items_update_batch(range(4000), [((i, 0, 0, i),) for i in range(4000)])
        keys = sorted(k.value for k in t.keys())  # noqa: SIM118
        assert keys == sorted(k.value for k, _ in t.iteritems()) == list(range(4000))
        assert sorted(v.a[3] for v in t.values()) == sorted(v.a[3] for v in t.itervalues()) == keys
        assert all(k.value == v.a[0] == v.a[3] for k, v in t.items())
        t.zero()
        assert {tuple(v.a) for v in t.values()} == {(0, 0, 0, 0)}
        walked = []
        for key in t:
            walked.append(key.value)
            del t[key]
        assert sorted(walked) == keys
        t.items_update_batch([1], [((1, 2, 3, 4),)])
        t.clear()
        assert len(t) == 0


@case("maps/bcc/table-errors", kernel="4.12", feature="map_type/hash")
def test_errors_are_bccs_and_say_more() -> None:
    """Missing keys are bare KeyErrors, what the kernel refuses begins with bcc's words, and what
    does not fit never reaches the kernel.
    """
    with BPF(text="BPF_HASH(t, u32, u32, 2); BPF_ARRAY(a, u64, 4);") as b:
        t, a = b["t"], b["a"]
        for ask, key in ((t.__getitem__, t.Key(1)), (t.pop, t.Key(1)), (b.get_table, "nothing")):
            with pytest.raises(KeyError) as caught:
                ask(key)
            assert caught.value.args == ()
        t[t.Key(0)] = t[t.Key(1)] = t.Leaf(1)
        with pytest.raises(Exception, match=r"^Could not update table: .*'t': E2BIG"):
            t[t.Key(2)] = t.Leaf(1)
        with pytest.raises(TypeError, match=r"table\.Key\(1\)"):
            t[1]
        with pytest.raises(IndexError, match=r"^Array index out of range"):
            a[4]
        with pytest.raises(IndexError, match=r"^Array index must be an integer type"):
            a["x"]
        with pytest.raises(KeyError):
            a[-5]
        with pytest.raises(Exception, match=r"^BPF_MAP_LOOKUP_AND_DELETE_BATCH has failed: "):
            a.items_delete_batch()
        assert [v.value for v in a.values()] == [0, 0, 0, 0]


TEXT = """
struct inner { char name[8]; u16 row[2]; };
struct leaf { u32 id; struct inner stack[2]; };
BPF_HASH(t, int, struct leaf, 8);
"""


@case("maps/bcc/table-text", kernel="4.12", feature="map_type/hash")
def test_keys_and_leaves_as_text_are_bccs() -> None:
    """key_sprintf and leaf_sprintf write bcc's text and key_scanf and leaf_scanf read it."""
    with BPF(text=TEXT) as b:
        t = b["t"]
        leaf = t.Leaf(3)
        leaf.stack[0].name, leaf.stack[1].row[1] = b"ab", 5
        text = t.leaf_sprintf(leaf)
        assert text == b'{ 0x3 [ { "ab" [ 0x0 0x0 ] } { "" [ 0x0 0x5 ] } ] }'
        assert bytes(t.leaf_scanf(text)) == bytes(leaf)
        assert (t.key_sprintf(t.Key(2)), t.key_scanf(b"0x2").value) == (b"0x2", 2)


@contextlib.contextmanager
def bpf_file_system() -> Iterator[str]:
    """A BPF file system of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["mount", "-t", "bpf", "bpf", directory], check=True, capture_output=True)
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True, capture_output=True)


@case("maps/bcc/pinned", kernel="4.12", feature="map_type/hash")
def test_a_pinned_table_is_the_same_for_two_programs() -> None:
    """BPF_TABLE_PINNED pins the map, and another program that names the path finds its content."""
    with bpf_file_system() as directory:
        text = f'BPF_TABLE_PINNED("hash", u32, u64, t, 16, "{directory}/deep/t");'
        with BPF(text=text) as b:
            t = b["t"]
            t[t.Key(1)] = t.Leaf(11)
        with BPF(text=text) as b:
            t = b["t"]
            assert t[t.Key(1)].value == 11


@case("maps/bcc/get-table", kernel="4.12", feature="map_type/hash")
def test_a_table_can_be_opened_with_other_classes() -> None:
    """get_table takes classes for keys and leaves, and refuses those of another size."""

    class Halves(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint), ("high", ctypes.c_uint)]

    with BPF(text="BPF_HASH(t, u32, u64, 16);") as b:
        t = b.get_table("t", ctypes.c_int, Halves)
        t[t.Key(-1)] = t.Leaf(1, 2)
        ((key, leaf),) = t.items()
        assert (key.value, leaf.low, leaf.high) == (-1, 1, 2)
        assert [v.value for v in b[b"t"].values()] == [1 + (2 << 32)]
        with pytest.raises(TypeError, match="has 2 bytes, the map's key has 4"):
            b.get_table("t", keytype=ctypes.c_short)
        b["mine"] = t
        assert b["mine"] is t
        assert set(b) == {b"t", "mine"}
        del b["mine"]
        assert len(b) == 1
