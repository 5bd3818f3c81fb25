"""XDP on a veth pair."""

from __future__ import annotations

import socket
import struct

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import send_frames, until, veth_pair

COUNTER = """
#include <uapi/linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
BPF_HASH(packets, u32, u64);
int count(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    if (data + sizeof(*eth) > end)
        return XDP_PASS;
    if (eth->h_proto != htons(ETH_P_IP))
        return XDP_PASS;
    struct iphdr *ip = data + sizeof(*eth);
    if ((void *)(ip + 1) > end)
        return XDP_DROP;
    u32 protocol = ip->protocol;
    packets.increment(protocol);
    return RESULT;
}
"""


def ipv4_frame(protocol: int) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, protocol, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"
    )
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + header + b"payload."


@case("links/xdp/count", kernel="4.19", feature="program_type/xdp")
def test_packets_are_parsed_and_counted() -> None:
    """An XDP program on a veth device parses IPv4 headers within the packet's bounds and counts
    them.
    """
    with veth_pair() as (near, far), BPF(text=COUNTER, cflags=["-DRESULT=XDP_PASS"]) as b:
        BPF.attach_xdp(far, b.load_func("count", BPF.XDP), 0)
        send_frames(near, [ipv4_frame(17)] * 3 + [ipv4_frame(6)] * 2 + [b"\xff" * 12 + b"\x08\x06"])
        packets = b["packets"]
        until(lambda: sum(v.value for v in packets.values()) >= 5, lambda: None, 5)
        counted = {k.value: v.value for k, v in packets.items()}
        BPF.remove_xdp(far)
    assert counted == {17: 3, 6: 2}


@case("links/xdp/drop", kernel="4.19", feature="program_type/xdp")
def test_dropped_packets_do_not_arrive_and_passed_ones_do() -> None:
    """XDP_DROP keeps packets from the stack; after removing the program they arrive again."""
    with (
        veth_pair() as (near, far),
        BPF(text=COUNTER, cflags=["-DRESULT=XDP_DROP"]) as b,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listener,
    ):
        listener.bind((far, 0))
        listener.settimeout(5)
        BPF.attach_xdp(far, b.load_func("count", BPF.XDP), 0)
        send_frames(near, [ipv4_frame(99)] * 4)
        packets = b["packets"]
        assert until(lambda: sum(v.value for v in packets.values()) >= 4, lambda: None, 5)
        BPF.remove_xdp(far)
        send_frames(near, [ipv4_frame(98)])
        while True:
            frame = listener.recv(2048)
            if frame[12:14] == b"\x08\x00":
                break
        assert frame[23] == 98


@case("links/xdp/no-device", kernel="4.19", feature="program_type/xdp")
def test_a_device_that_does_not_exist_is_named() -> None:
    """Attaching to a device that does not exist fails with an error that names it."""
    with BPF(text=COUNTER, cflags=["-DRESULT=XDP_PASS"]) as b:
        function = b.load_func("count", BPF.XDP)
        try:
            BPF.attach_xdp("nodev0", function, 0)
        except Exception as error:
            text = str(error)
        else:
            text = ""
    assert "nodev0" in text
