"""XDP through netlink and by bpf_link: modes, replacing, refusals, programs in other maps."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from bpfkit.errors import AttachError, SyscallError
from bpfkit.handles.pin import unpin
from bpfkit.links.base import Method
from bpfkit.links.device import device_index
from bpfkit.links.xdp import attach_xdp, attach_xdp_link
from bpfkit.uapi.netlink import XdpFlag
from conformance.case import case
from conformance.counting import Loaded, bpffs, loaded
from conformance.network import FAR, FAR_4, NEAR, Wire, configure, ip, wire
from conformance.triggers import until

TEXT = "xdp"
SO_NO_CHECK = 11


@contextlib.contextmanager
def listening(joined: Wire) -> Iterator[socket.socket]:
    """A UDP socket at the far end of a wire."""
    with joined.there():
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with there:
        there.settimeout(10)
        there.bind((FAR_4, 7700))
        yield there


def send(payload: bytes = b"x", address: str = FAR_4) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        # A veth device leaves checksums to whoever needs them; redirecting a packet forgets that.
        near.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        near.sendto(payload, (address, 7700))


def counts(text: Loaded, index: int, server: socket.socket) -> bool:
    """Whether a packet that arrives passes ``COUNT(index)``."""
    before = text.hits(index)
    send()
    server.recv(64)
    return text.hits(index) > before


@case("links/xdp/modes", kernel="4.19", feature="program_type/xdp")
def test_the_mode_is_the_one_asked_for() -> None:
    """XDP runs in the driver of a veth device, or generically, as the flags say, and is gone after
    the link is closed.
    """
    with wire() as joined, loaded(TEXT) as text, joined.there():
        index = device_index(FAR)
        for flags, attached in (
            (0, 1),
            (XdpFlag.DRV_MODE, 1),
            (XdpFlag.SKB_MODE, 2),
        ):
            with attach_xdp(text.system, text.program("first"), FAR, flags=flags):
                assert text.system.syscalls.xdp_get(index).attached == attached
            assert text.system.syscalls.xdp_get(index).attached == 0


@case("links/xdp/counts", kernel="4.19", feature="program_type/xdp")
def test_a_program_sees_packets_from_the_other_end() -> None:
    """A UDP packet from another network namespace passes the XDP program of the device it arrives
    at, in the driver and generically.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        for flags in (XdpFlag.DRV_MODE, XdpFlag.SKB_MODE):
            with joined.there():
                link = attach_xdp(text.system, text.program("first"), FAR, flags=flags)
            assert counts(text, 0, server)
            link.close()  # from another namespace than the one it was attached in
            assert not counts(text, 0, server)


@case("links/xdp/replaces", kernel="4.19", feature="program_type/xdp")
def test_netlink_replaces_unless_told_not_to() -> None:
    """Without flags a program replaces the one that runs; with XDP_FLAGS_UPDATE_IF_NOEXIST that is
    refused, and closing the replaced link leaves the new program alone.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        with joined.there():
            old = attach_xdp(text.system, text.program("first"), FAR)
            new = attach_xdp(text.system, text.program("second"), FAR)
            flags = XdpFlag.UPDATE_IF_NOEXIST
            with pytest.raises(AttachError, match=r"EBUSY.*runs there already"):
                attach_xdp(text.system, text.program("first"), FAR, flags=flags)
        old.close()
        assert counts(text, 1, server)
        new.update(text.program("first"))
        assert counts(text, 0, server)
        new.close()
        assert not counts(text, 0, server)


@case("links/xdp/replace-expected", kernel="5.7", feature="program_type/xdp")
def test_only_the_expected_program_is_replaced() -> None:
    """XDP_FLAGS_REPLACE replaces the program it names and refuses when another one runs."""
    with wire() as joined, loaded(TEXT) as text, joined.there():
        first, second = text.program("first"), text.program("second")
        with attach_xdp(text.system, first, FAR):
            with pytest.raises(AttachError, match="EEXIST"):
                attach_xdp(text.system, second, FAR, expected=second)
            with attach_xdp(text.system, second, FAR, expected=first):
                number = text.system.syscalls.xdp_get(device_index(FAR)).prog_id
                assert number == second.info().id


@case("links/xdp/bpf-link", kernel="5.9", feature="link/xdp")
def test_a_link_keeps_others_out_and_updates_in_place() -> None:
    """A bpf_link of XDP cannot be replaced through netlink; it tells its id and device, updates
    its program, and takes it off when closed.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        first, second = text.program("first"), text.program("second")
        with joined.there():
            link = attach_xdp_link(text.system, first, FAR)
            assert link.method is Method.LINK
            assert link.info().prog_id == first.info().id
            assert link.info().ifindex == device_index(FAR)
            with pytest.raises(AttachError, match="EBUSY"):
                attach_xdp(text.system, second, FAR)
            with pytest.raises(AttachError, match="EBUSY"):
                attach_xdp_link(text.system, second, FAR)
        assert counts(text, 0, server)
        link.update(second)
        assert counts(text, 1, server)
        link.close()
        assert not counts(text, 1, server)


@case("links/xdp/pin", kernel="5.9", feature="link/xdp")
def test_a_pinned_link_outlives_its_object() -> None:
    """A link with a name in a BPF file system stays attached when it is closed, until the name is
    taken away.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server, bpffs() as folder:
        with joined.there(), attach_xdp_link(text.system, text.program("first"), FAR) as link:
            link.pin(folder / "made" / "link")
            with pytest.raises(SyscallError, match="EEXIST"):
                link.pin(folder / "made" / "link")
        assert counts(text, 0, server)
        assert unpin(str(folder / "made" / "link"))
        (folder / "made").rmdir()
        # The kernel lets go of a name in its own time.
        assert until(lambda: not counts(text, 0, server), lambda: None)


@case("links/xdp/offload", kernel="4.19", feature="program_type/xdp")
def test_offload_to_a_device_without_it_is_refused() -> None:
    """XDP_FLAGS_HW_MODE on a device that cannot run BPF is an AttachError that says so."""
    with wire(), loaded(TEXT) as text:
        for attach in (attach_xdp, attach_xdp_link):
            with pytest.raises(AttachError, match="offload takes a card"):
                attach(text.system, text.program("first"), NEAR, flags=XdpFlag.HW_MODE)


@case("links/xdp/mtu", kernel="4.19", feature="program_type/xdp")
def test_a_large_mtu_is_explained() -> None:
    """XDP in the driver refuses packets larger than a page; the error names the MTU and what to
    do, and generic mode works.
    """
    with wire() as joined, loaded(TEXT) as text:
        ip("link", "set", NEAR, "mtu", "9000")
        with joined.there():
            with pytest.raises(AttachError, match=r"ERANGE.*lower the MTU"):
                attach_xdp(text.system, text.program("first"), FAR, flags=XdpFlag.DRV_MODE)
            attach_xdp(text.system, text.program("first"), FAR, flags=XdpFlag.SKB_MODE).close()


@case("links/xdp/frags", kernel="5.18", feature="program_flag/xdp_has_frags")
def test_a_program_for_fragments_sees_large_packets() -> None:
    """A program of section xdp.frags attaches where the MTU is large, and its packets may be longer
    than their first part.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        ip("link", "set", NEAR, "mtu", "9000")
        with joined.there():
            ip("link", "set", FAR, "mtu", "9000")
            program = text.program("fragments")
            link = attach_xdp(text.system, program, FAR, flags=XdpFlag.DRV_MODE)
        with link:
            send(b"x" * 8000)
            assert len(server.recv(9000)) == 8000
        assert text.hits(3) >= 1


@case("links/xdp/cpumap", kernel="5.9", feature="attach_type/xdp_cpumap")
def test_a_program_in_a_cpumap_runs_on_the_other_cpu() -> None:
    """A packet redirected to a CPUMAP passes the program in the map's value, and then arrives."""
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        value = struct.pack("=Ii", 64, text.program("on_cpu").fileno())
        text.collection.maps["cpus"].raw.update(struct.pack("=I", 0), value)
        with joined.there():
            link = attach_xdp(text.system, text.program("to_cpu"), FAR, flags=XdpFlag.DRV_MODE)
        with link:
            send()
            assert server.recv(64) == b"x"
        assert text.hits(4) >= 1
        assert text.hits(5) >= 1


@case("links/xdp/devmap", kernel="5.8", feature="attach_type/xdp_devmap")
def test_a_program_in_a_devmap_runs_before_the_packet_leaves() -> None:
    """A packet redirected to a device of a DEVMAP passes the program in the map's value on its way
    out.
    """
    with wire() as joined, loaded(TEXT) as text, contextlib.ExitStack() as links:
        with joined.there():
            ip("link", "add", "bk2", "type", "veth", "peer", "name", "bk3")
            configure("bk2")
            configure("bk3")
            value = struct.pack("=Ii", device_index("bk2"), text.program("on_device").fileno())
            text.collection.maps["devices"].raw.update(struct.pack("=I", 0), value)
            # A veth device takes redirected packets only where its peer runs XDP, too.
            for name, device in (("first", "bk3"), ("to_device", FAR)):
                program, flags = text.program(name), XdpFlag.DRV_MODE
                links.enter_context(attach_xdp(text.system, program, device, flags=flags))
            before = text.hits(0)
        send()
        assert text.waited(6)
        assert text.waited(7)
        assert text.waited(0, before + 1)


@case("links/xdp/wrong-hook", kernel="5.9", feature="attach_type/xdp_cpumap")
def test_a_program_for_a_map_is_refused_on_a_device() -> None:
    """A program for a CPUMAP cannot be put on a device; the error says what it must be."""
    with wire(), loaded(TEXT) as text:
        with pytest.raises(AttachError, match="not for a CPUMAP or DEVMAP"):
            attach_xdp(text.system, text.program("on_cpu"), NEAR)
        with pytest.raises(AttachError, match="not for a CPUMAP or DEVMAP"):
            attach_xdp_link(text.system, text.program("on_cpu"), NEAR)
