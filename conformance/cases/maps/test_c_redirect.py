"""Redirects of packets: devices, CPUs and AF_XDP sockets, from C in both dialects."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError
from bpfkit.links.xdp import attach_xdp
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.libbpf import load_text
from conformance.triggers import send_frames, until, veth_pair
from conformance.xsk import xdp_socket

FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"redirected".ljust(50, b".")
ABORTED, PASS, REDIRECT = 0, 2, 4
BCC = """
{map}
int program(struct xdp_md *ctx) {{
    return map.redirect_map({index}, {flags});
}}
"""
LIBBPF = """
struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, 4); __uint(key_size, 4);
         __uint(value_size, 4); }} map SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) {{
    return bpf_redirect_map(&map, {index}, {flags});
}}
"""
MACROS = {
    "devmap": "BPF_DEVMAP(map, 4);",
    "devmap_hash": 'BPF_XDP_REDIRECT_MAP("devmap_hash", int, map, 4);',
    "cpumap": "BPF_CPUMAP(map, 4);",
    "xskmap": "BPF_XSKMAP(map, 4);",
}


def bcc(kind: str, index: int, flags: str = "0") -> Collection:
    return load(BCC.format(map=MACROS[kind], index=index, flags=flags))


def libbpf(kind: str, index: int, flags: str = "0") -> Collection:
    return load_text(LIBBPF.format(kind=kind.upper(), index=index, flags=flags))


def verdict(collection: Collection) -> int:
    return collection.load_program("program", ProgType.XDP).test_run(FRAME).retval


def set_slot(collection: Collection, key: int, value: int) -> None:
    collection.maps["map"].raw.update(struct.pack("=I", key), struct.pack("=I", value))


def arrives_on_other_device(make: Callable[..., Collection], kind: str) -> None:
    """Send frames into one pair of devices, and see them leave through another."""
    with (
        veth_pair() as (near, far),
        veth_pair("bk2", "bk3") as (out, end),
        make(kind, 2) as collection,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listener,
    ):
        listener.bind((end, 0))
        listener.settimeout(0.2)
        set_slot(collection, 2, socket.if_nametoindex(out))
        program = collection.load_program("program", ProgType.XDP)
        # A veth device takes redirected frames when its other end has a program, before Linux 5.13.
        with load("int all(struct xdp_md *ctx) { return XDP_PASS; }") as accepting:
            accept = accepting.load_program("all", ProgType.XDP)
            with (
                attach_xdp(collection.system, accept, end),
                attach_xdp(collection.system, program, far),
            ):
                assert until(lambda: received(listener), lambda: send_frames(near, [FRAME]), 10)


def received(listener: socket.socket) -> bool:
    try:
        return listener.recv(2048)[12:14] == b"\x88\xb5"
    except TimeoutError:
        return False


@case("maps/devmap/c-bcc", kernel="4.14", feature="map_type/devmap")
def test_bcc_devices() -> None:
    """``redirect_map`` of BPF_DEVMAP sends a frame out of the device in a slot."""
    arrives_on_other_device(bcc, "devmap")


@case("maps/devmap/c-libbpf", kernel="4.14", feature="map_type/devmap")
def test_devices() -> None:
    """bpf_redirect_map does on a BTF-defined devmap."""
    arrives_on_other_device(libbpf, "devmap")


@case("maps/devmap_hash/c-bcc", kernel="5.4", feature="map_type/devmap_hash")
def test_bcc_device_hashes() -> None:
    """BPF_XDP_REDIRECT_MAP("devmap_hash", …) does the same by any key."""
    arrives_on_other_device(bcc, "devmap_hash")


@case("maps/devmap_hash/c-libbpf", kernel="5.4", feature="map_type/devmap_hash")
def test_device_hashes() -> None:
    """bpf_redirect_map does on a BTF-defined devmap hash."""
    arrives_on_other_device(libbpf, "devmap_hash")


@case("maps/devmap/c-flags", kernel="5.3", feature="map_type/devmap")
def test_flags_tell_what_an_empty_slot_gives() -> None:
    """The low bits of the flags are the verdict when the slot is empty; a full one redirects."""
    for make in (bcc, libbpf):
        for kind in ("devmap", "cpumap", "xskmap"):
            with make(kind, 1) as collection:
                assert verdict(collection) == ABORTED, kind
            with make(kind, 1, "XDP_PASS") as collection:
                assert verdict(collection) == PASS, kind
        with make("devmap", 1, "XDP_PASS") as collection:
            set_slot(collection, 1, socket.if_nametoindex("lo"))
            assert verdict(collection) == REDIRECT


@case("maps/devmap/c-broadcast", kernel="5.14")
def test_a_frame_goes_to_every_device() -> None:
    """BPF_F_BROADCAST sends to all devices of the map."""
    for make in (bcc, libbpf):
        with make("devmap", 0, "BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS") as collection:
            set_slot(collection, 3, socket.if_nametoindex("lo"))
            assert verdict(collection) == REDIRECT


@case("maps/cpumap/c-bcc", kernel="4.15", feature="map_type/cpumap")
def test_bcc_cpus() -> None:
    """``redirect_map`` of BPF_CPUMAP moves a frame to the CPU of a slot, whose stack gets it."""
    goes_to_cpu(bcc)


@case("maps/cpumap/c-libbpf", kernel="4.15", feature="map_type/cpumap")
def test_cpus() -> None:
    """bpf_redirect_map does on a BTF-defined cpumap."""
    goes_to_cpu(libbpf)


def goes_to_cpu(make: Callable[..., Collection]) -> None:
    with (
        veth_pair() as (near, far),
        make("cpumap", 0) as collection,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listener,
    ):
        listener.bind((far, 0))
        listener.settimeout(0.2)
        set_slot(collection, 0, 192)  # frames in the queue of CPU 0
        program = collection.load_program("program", ProgType.XDP)
        with attach_xdp(collection.system, program, far):
            assert until(lambda: received(listener), lambda: send_frames(near, [FRAME]), 10)


@case("maps/xskmap/c-lookup", kernel="5.3", feature="map_type/xskmap")
def test_bcc_sockets_of_a_queue_are_looked_up() -> None:
    """``lookup`` of BPF_XSKMAP tells whether a queue has a socket."""
    text = """
    BPF_XSKMAP(map, 4);
    int program(struct xdp_md *ctx) {
        u32 queue = ctx->rx_queue_index;
        if (map.lookup(&queue))
            return map.redirect_map(queue, 0);
        return XDP_PASS;
    }
    """
    with load(text) as collection:
        assert verdict(collection) == PASS


@case("maps/devmap/c-wrong-method")
def test_redirects_offer_nothing_else() -> None:
    """Devmaps and cpumaps have no other methods in C."""
    for macro in ("BPF_DEVMAP(m, 1);", "BPF_CPUMAP(m, 1);"):
        with pytest.raises(CompileError, match="no member named 'lookup'"):
            load(macro + "int f(struct xdp_md *c) { u32 k = 0; return m.lookup(&k) != 0; }")


def arrives_in_socket(make: Callable[..., Collection]) -> None:
    with (
        veth_pair() as (near, far),
        make("xskmap", 0) as collection,
        xdp_socket(far) as taker,
    ):
        set_slot(collection, 0, taker.fileno())
        program = collection.load_program("program", ProgType.XDP)
        with attach_xdp(collection.system, program, far):
            assert until(lambda: FRAME in taker.receive(), lambda: send_frames(near, [FRAME]), 10)


@case("maps/xskmap/c-bcc", kernel="4.18", feature="map_type/xskmap", config="XDP_SOCKETS")
def test_bcc_sockets_get_frames() -> None:
    """``redirect_map`` of BPF_XSKMAP gives a frame to the AF_XDP socket of a queue."""
    arrives_in_socket(bcc)


@case("maps/xskmap/c-libbpf", kernel="4.18", feature="map_type/xskmap", config="XDP_SOCKETS")
def test_sockets_get_frames() -> None:
    """bpf_redirect_map does on a BTF-defined xskmap."""
    arrives_in_socket(libbpf)
