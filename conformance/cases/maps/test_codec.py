"""Values of C types, between Python and the kernel: what one side writes, the other one reads."""

from __future__ import annotations

import ctypes
import enum
import random
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Annotated, Any

from bpfkit.codec.codec import Codec, codec_of
from bpfkit.codec.ctype import be16, ptr, s64, u32
from bpfkit.codec.from_class import codec_from
from bpfkit.codec.percpu import PerCpuCodec
from bpfkit.codec.types_of import types_of
from bpfkit.collection import load
from bpfkit.syscalls.api import Syscalls
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import MapCreate
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag, MapType
from conformance.case import case
from conformance.fuzz.fields import differences, subject


def structures(seeds: range) -> None:
    """Send random structures to the kernel and back, and have C fill them."""
    found = differences([subject(random.Random(seed).choice, f"fz{seed}_") for seed in seeds])
    assert not found, "\n".join(found)


@case("maps/codec/structs-1", kernel="5.3", feature="map_type/array")
def test_structures_of_the_first_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (seeds 0 to 2)."""
    structures(range(3))


@case("maps/codec/structs-2", kernel="5.3", feature="map_type/array")
def test_structures_of_more_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (100 to 102)."""
    structures(range(100, 103))


@case("maps/codec/structs-3", kernel="5.3", feature="map_type/array")
def test_structures_of_still_more_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (200 to 202)."""
    structures(range(200, 203))


@case("maps/codec/structs-4", kernel="5.3", feature="map_type/array")
def test_structures_of_the_last_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (300 to 302)."""
    structures(range(300, 303))


class Mode(enum.IntEnum):
    OFF = 0
    ON = 3


@dataclass(frozen=True)
class Inner:
    big: be16
    wide: s64


@dataclass(frozen=True)
class Leaf:
    mode: Annotated[Mode, u32]
    comm: Annotated[bytes, 5]
    inner: Annotated[tuple[Inner, ...], 2]
    source: IPv4Address
    target: IPv6Address
    ok: bool
    at: ptr


class Bits(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint32, 3), ("high", ctypes.c_uint32, 9), ("c", ctypes.c_char * 3))


class Either(ctypes.Union):
    _fields_ = (("number", ctypes.c_uint64), ("bits", Bits))


LEAF = Leaf(
    Mode.ON,
    b"bash\0",
    (Inner(443, -1), Inner(80, 1 << 62)),
    IPv4Address("10.0.0.1"),
    IPv6Address("fe80::1"),
    True,
    1 << 63,
)


def created(
    kind: MapType, key: Codec[Any], value: Codec[Any], flags: int = 0
) -> tuple[Syscalls, OwnedFd]:
    """Create a map with the types of two codecs; without BTF the kernel was told nothing."""
    calls = System.live().syscalls
    btf, (key_id, value_id) = types_of(key, value)
    with calls.btf_load(btf.raw) as types:
        ids = {"btf_fd": types.fileno(), "key_type_id": key_id, "value_type_id": value_id}
        request = MapCreate(kind, key.size, value.size, 4, flags, "typed", **ids)
        made = calls.map_create(request)
    assert calls.map_info(made.fileno()).btf_id
    return calls, made


@case("maps/codec/classes", kernel="4.18", feature="map_type/hash")
def test_types_of_python_classes_are_types_for_the_kernel() -> None:
    """The kernel takes the BTF of dataclasses and ctypes classes, and keeps their values."""
    key, value = codec_from(Inner), codec_from(Leaf)
    calls, made = created(MapType.HASH, key, value)
    with made:
        calls.map_update(made.fileno(), key.encode(LEAF.inner[1]), value.encode(LEAF))
        found = calls.map_lookup(made.fileno(), key.encode(LEAF.inner[1]), value.size)
    assert found is not None
    assert value.decode(found) == LEAF
    old = codec_from(Either)
    calls, made = created(MapType.ARRAY, codec_from("u32"), old)
    with made:
        sent = old.encode({"bits": {"low": 5, "high": 300, "c": b"ab"}})
        calls.map_update(made.fileno(), bytes(4), sent)
        again = calls.map_lookup(made.fileno(), bytes(4), old.size)
    assert again is not None
    bits = old.decode(again).bits
    assert (bits.low, bits.high, bits.c) == (5, 300, b"ab")


@case("maps/codec/lpm", kernel="4.18", feature="map_type/lpm_trie")
def test_networks_are_keys_of_a_trie() -> None:
    """An `ipaddress` network is a key of a longest-prefix-match map; an address finds it."""
    for text, inside, outside in (
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("fd00:1::/32", "fd00:1::5", "fd00:2::5"),
    ):
        network = ip_network(text)
        key: Codec[Any] = codec_from(type(network))
        value = codec_from("u64")
        calls, made = created(MapType.LPM_TRIE, key, value, MapFlag.NO_PREALLOC)
        with made:
            calls.map_update(made.fileno(), key.encode(network), value.encode(7))
            assert calls.map_lookup(made.fileno(), key.encode(inside), 8) == value.encode(7)
            assert calls.map_lookup(made.fileno(), key.encode(outside), 8) is None
            listed = calls.map_next_key(made.fileno(), None, key.size)
        assert listed is not None
        assert key.decode(listed) == network


@case("maps/codec/per-cpu", kernel="4.18", feature="map_type/percpu_array")
def test_per_cpu_values_are_lists() -> None:
    """A list with a value for each possible CPU is written and read as it is, whatever its size."""
    value = codec_from(Bits)
    calls, made = created(MapType.PERCPU_ARRAY, codec_from("u32"), value)
    codec = PerCpuCodec(value, System.live().facts.possible_cpus)
    with made:
        sent = codec.encode([value.decode(value.encode({"low": i % 8})) for i in range(codec.cpus)])
        calls.map_update(made.fileno(), bytes(4), sent)
        found = calls.map_lookup(made.fileno(), bytes(4), codec.size)
    assert found is not None
    assert [bits.low for bits in codec.decode(found)] == [i % 8 for i in range(codec.cpus)]


LOCKED = """
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
struct value { struct bpf_spin_lock lock; int count; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct value);
} locked SEC(".maps");
SEC("tc") int program(struct __sk_buff *ctx)
{
    u32 zero = 0;
    struct value *v = bpf_map_lookup_elem(&locked, &zero);
    if (!v)
        return 0;
    bpf_spin_lock(&v->lock);
    v->count += 5;
    bpf_spin_unlock(&v->lock);
    return 0;
}
char license[] SEC("license") = "GPL";
"""


@case("maps/codec/spin-lock", kernel="5.1", feature="map_type/array")
def test_a_lock_inside_a_value_is_none() -> None:
    """A value with a spin lock is written and read; the lock itself is None on this side."""
    with load(LOCKED) as collection:
        btf = collection.spec.btf
        assert btf is not None
        codec = codec_of(btf, collection.spec.maps["locked"].value_type_id)
        locked = collection.maps["locked"].raw
        locked.update(bytes(4), codec.encode({"count": 2}))
        collection.load_program("program").test_run(bytes(64))
        found = codec.decode(locked.lookup(bytes(4)) or b"")
    assert found == {"lock": None, "count": 7}
