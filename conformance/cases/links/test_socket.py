"""Programs on sockets: filters, packet sockets, reuseport groups."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from bpfkit import BPF
from bpfkit.errors import AttachError
from bpfkit.links.socket import attach_raw_socket, attach_reuseport, attach_socket_filter
from conformance.case import case
from conformance.counting import loaded, open_descriptors
from conformance.network import own_network

TEXT = "socket"
HOST = "127.0.0.1"


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(10)
    return made


@case("links/socket/filter", kernel="3.19", feature="program_type/socket_filter")
def test_a_filter_drops_what_it_does_not_want() -> None:
    """A socket receives what its filter lets through; after closing the link, everything."""
    with own_network(), loaded(TEXT) as text, udp() as server, udp() as client:
        server.bind((HOST, 0))
        with attach_socket_filter(text.system, text.program("only_even"), server):
            for byte in (b"\1", b"\2", b"\3", b"\4"):
                client.sendto(byte, server.getsockname())
            assert [server.recv(8), server.recv(8)] == [b"\2", b"\4"]
        assert text.hits(0) == 4
        client.sendto(b"\5", server.getsockname())
        assert server.recv(8) == b"\5"


@case("links/socket/closed-first", kernel="3.19", feature="program_type/socket_filter")
def test_a_link_does_not_keep_its_socket_open() -> None:
    """Closing a socket before the link on it closes it really, and the link's end is harmless."""
    with own_network(), loaded(TEXT) as text:
        program = text.program("drop")
        before = open_descriptors()
        server = udp()
        server.bind((HOST, 7741))
        link = attach_socket_filter(text.system, program, server)
        server.close()
        assert open_descriptors() == before
        with udp() as again:
            again.bind((HOST, 7741))
        link.close()


@case("links/socket/refusals", kernel="3.19", feature="program_type/socket_filter")
def test_refusals_name_what_is_wrong() -> None:
    """A program of another type, a locked filter and a socket that is none are errors."""
    lock_filter = 44  # SO_LOCK_FILTER
    with own_network(), loaded(TEXT) as text, udp() as one, open("/dev/null") as none:  # noqa: PTH123
        with pytest.raises(AttachError, match="loaded as BPF_PROG_TYPE_SK_REUSEPORT"):
            attach_socket_filter(text.system, text.program("select_one"), one)
        with pytest.raises(AttachError, match=r"ENOTSOCK.*not a socket"):
            attach_socket_filter(text.system, text.program("drop"), none)
        one.setsockopt(socket.SOL_SOCKET, lock_filter, 1)
        with pytest.raises(AttachError, match=r"EPERM.*locked"):
            attach_socket_filter(text.system, text.program("drop"), one)


@contextlib.contextmanager
def group(kind: int = socket.SOCK_DGRAM, number: int = 3) -> Iterator[list[socket.socket]]:
    """Sockets that share a port."""
    with contextlib.ExitStack() as stack:
        made: list[socket.socket] = []
        for _ in range(number):
            each = stack.enter_context(socket.socket(socket.AF_INET, kind))
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.settimeout(10)
            each.bind((HOST, made[0].getsockname()[1] if made else 0))
            if kind == socket.SOCK_STREAM:
                each.listen()
            made.append(each)
        yield made


@case("links/reuseport/filter", kernel="4.5", feature="program_type/socket_filter")
def test_a_filter_chooses_by_number() -> None:
    """A socket filter on a reuseport group returns the number of the socket that gets a packet."""
    with own_network(), loaded(TEXT) as text, group() as members, udp() as client:
        with attach_reuseport(text.system, text.program("choose"), members[0]):
            for wanted in (2, 0, 1):
                text.collection.globals["chosen"] = wanted
                client.sendto(b"x", members[0].getsockname())
                assert members[wanted].recv(8) == b"x"
        assert text.hits(2) == 3
        client.sendto(b"x", members[0].getsockname())  # by the kernel's own hash again
        assert text.hits(2) == 3


@case("links/reuseport/select", kernel="4.19", feature="program_type/sk_reuseport")
def test_a_program_selects_from_a_map() -> None:
    """An SK_REUSEPORT program selects the socket from a REUSEPORT_SOCKARRAY."""
    with own_network(), loaded(TEXT) as text, group() as members, udp() as client:
        for index, member in enumerate(members):
            key, value = struct.pack("=I", index), struct.pack("=Q", member.fileno())
            text.collection.maps["group"].raw.update(key, value)
        with attach_reuseport(text.system, text.program("select_one"), members[0]):
            for wanted in (1, 2, 0):
                text.collection.globals["chosen"] = wanted
                client.sendto(b"x", members[0].getsockname())
                assert members[wanted].recv(8) == b"x"
        assert text.hits(3) == 3


@case(
    "links/reuseport/migrate", kernel="5.14", feature="attach_type/sk_reuseport_select_or_migrate"
)
def test_a_program_moves_connections_to_another_listener() -> None:
    """When a listener closes, an SK_REUSEPORT program for migration chooses who gets the
    connections that wait there.
    """
    with own_network(), loaded("migrate") as text, group(socket.SOCK_STREAM, 2) as members:
        for index, member in enumerate(members):
            key, value = struct.pack("=I", index), struct.pack("=Q", member.fileno())
            text.collection.maps["group"].raw.update(key, value)
        with attach_reuseport(text.system, text.program("migrate"), members[0]):
            text.collection.globals["chosen"] = 0
            with socket.create_connection(members[0].getsockname(), timeout=10):
                text.collection.globals["chosen"] = 1
                members[0].shutdown(socket.SHUT_RDWR)
                members[1].accept()[0].close()
        assert text.hits(5) >= 1


@case("links/reuseport/refusals", kernel="4.5", feature="program_type/socket_filter")
def test_a_socket_without_a_group_is_refused() -> None:
    """A socket without SO_REUSEPORT is an error that names the option."""
    with own_network(), loaded(TEXT) as text, udp() as alone:
        alone.bind((HOST, 0))
        with pytest.raises(AttachError, match=r"EINVAL.*SO_REUSEPORT"):
            attach_reuseport(text.system, text.program("choose"), alone)


def read_packet(fd: int) -> bytes:
    """Wait for a packet and read it."""
    os.set_blocking(fd, True)
    return os.read(fd, 2048)


@case("links/raw-socket/device", kernel="3.19", feature="program_type/socket_filter")
def test_a_packet_socket_receives_what_the_program_wants() -> None:
    """A packet socket on a device, or on all, receives only what its program lets through."""
    with own_network(), loaded(TEXT) as text, udp() as client:
        for device in ("lo", ""):
            with attach_raw_socket(text.system, text.program("ours"), device) as link:
                client.sendto(b"other", (HOST, 7742))
                client.sendto(b"wanted", (HOST, 7740))
                assert read_packet(link.fileno()).endswith(b"wanted")
        with pytest.raises(AttachError, match=r"no network device 'bk9'; devices: lo"):
            attach_raw_socket(text.system, text.program("ours"), "bk9")


BCC_TEXT = """
#include <net/sock.h>
#include <bcc/proto.h>
int udp_filter(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    if (ethernet->type != 0x0800)
        return 0;
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    if (ip->nextp != 17)
        return 0;
    struct udp_t *udp = cursor_advance(cursor, sizeof(*udp));
    return udp->dport == 7740 ? -1 : 0;
}
"""


@case("links/raw-socket/bcc", kernel="3.19", feature="program_type/socket_filter")
def test_bcc_scripts_read_packets_from_the_functions_socket() -> None:
    """``BPF.attach_raw_socket(fn, dev)`` leaves a descriptor that does not block in ``fn.sock``, as
    bcc's http_filter reads it; closing it, or the object, closes it once.
    """
    with own_network(), udp() as client:
        before = open_descriptors()
        with BPF(text=BCC_TEXT) as b:
            function = b.load_func("udp_filter", BPF.SOCKET_FILTER)
            assert function.sock == -1
            BPF.attach_raw_socket(function, "lo")
            assert not os.get_blocking(function.sock)
            raw = socket.fromfd(function.sock, socket.PF_PACKET, socket.SOCK_RAW)
            with raw:
                raw.setblocking(True)
                client.sendto(b"other", (HOST, 7742))
                client.sendto(b"wanted", (HOST, 7740))
                assert os.read(function.sock, 4096).endswith(b"wanted")
            os.close(function.sock)
            with pytest.raises(Exception, match=r"arg 1 must be of type BPF\.Function"):
                BPF.attach_raw_socket("udp_filter", "lo")  # type: ignore[arg-type]
            with pytest.raises(Exception, match="Failed to attach BPF to device bk9"):
                BPF.attach_raw_socket(function, b"bk9")
        assert open_descriptors() == before
