"""TC filters of clsact, through veth pairs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator

import pytest

from bpfkit import BPF
from bpfkit.errors import AttachError
from bpfkit.handles.pin import pin
from bpfkit.links.device import device_index
from bpfkit.links.tc import attach_tc
from bpfkit.syscalls.requests import TcPlace
from bpfkit.uapi.netlink import TC_H_MIN_INGRESS
from conformance.case import case
from conformance.counting import Loaded, bpffs, loaded
from conformance.network import FAR, FAR_4, NEAR, Wire, ip, wire

TEXT = "tc"


@contextlib.contextmanager
def listening(joined: Wire) -> Iterator[socket.socket]:
    """A UDP socket at the far end of a wire."""
    with joined.there():
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with there:
        there.settimeout(10)
        there.bind((FAR_4, 7700))
        yield there


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.sendto(b"x", (FAR_4, 7700))


def tc(*args: str) -> str:
    return subprocess.run(["tc", *args], capture_output=True, text=True, check=True).stdout


def counts(text: Loaded, index: int, server: socket.socket) -> bool:
    """Whether a packet that arrives passes ``COUNT(index)``."""
    before = text.hits(index)
    send()
    server.recv(64)
    return text.hits(index) > before


@case("links/tc/directions", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_both_directions_see_packets_and_nothing_is_left() -> None:
    """Filters at ingress and egress see a UDP packet; the qdisc clsact is made for them and goes
    with the last one.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        leaving = attach_tc(text.system, text.program("first"), NEAR, "egress")
        with joined.there():
            entering = attach_tc(text.system, text.program("second"), FAR)
            assert "clsact" in tc("qdisc", "show", "dev", FAR)
        assert counts(text, 0, server)
        assert counts(text, 1, server)
        assert entering.place.priority
        assert entering.place.handle
        entering.close()
        assert not counts(text, 1, server)
        again = attach_tc(text.system, text.program("accept"), NEAR, "ingress")
        leaving.close()
        assert "clsact" in tc("qdisc", "show", "dev", NEAR), "another filter of ours uses it"
        again.close()
        for device in (NEAR, FAR):
            with joined.there() if device is FAR else contextlib.nullcontext():
                assert "clsact" not in tc("qdisc", "show", "dev", device)


@case("links/tc/others", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_what_others_made_stays() -> None:
    """A qdisc that was there stays, and so do other filters, with the qdisc below them even if we
    made it.
    """
    with wire(), loaded(TEXT) as text:
        tc("qdisc", "add", "dev", NEAR, "clsact")
        attach_tc(text.system, text.program("first"), NEAR).close()
        assert "clsact" in tc("qdisc", "show", "dev", NEAR)
        tc("qdisc", "del", "dev", NEAR, "clsact")
        with attach_tc(text.system, text.program("first"), NEAR):
            place = TcPlace(device_index(NEAR), TC_H_MIN_INGRESS, 7, 7)
            text.system.syscalls.filter_set(place, text.program("second").fileno(), "theirs")
        assert "theirs" in tc("filter", "show", "dev", NEAR, "ingress")
        assert "first" not in tc("filter", "show", "dev", NEAR, "ingress")


@case("links/tc/order", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_lower_priorities_run_first_and_decide() -> None:
    """Filters run from the lowest priority on; TC_ACT_UNSPEC goes on to the next one and
    TC_ACT_SHOT drops the packet.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        with joined.there():
            last = attach_tc(text.system, text.program("marked"), FAR, priority=20)
            early = attach_tc(text.system, text.program("mark"), FAR, priority=10)
        with last, early:
            assert counts(text, 5, server)
            with joined.there():
                dropping = attach_tc(text.system, text.program("drop"), FAR, priority=15)
            with dropping:
                before = text.hits(5)
                send()
                assert text.waited(3)
                server.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    server.recv(64)
                assert text.hits(5) == before
            server.settimeout(10)
            assert counts(text, 5, server)


@case("links/tc/replace", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_a_place_is_taken_once_and_can_be_replaced() -> None:
    """A second filter with the same priority and handle is refused; ``replace_filter`` and
    ``update`` put another program in its place, and the replaced link leaves it alone.
    """
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server:
        first, second = text.program("first"), text.program("second")
        with joined.there():
            old = attach_tc(text.system, first, FAR, priority=3, handle=9)
            with pytest.raises(AttachError, match=r"EEXIST.*priority and handle"):
                attach_tc(text.system, second, FAR, priority=3, handle=9)
            new = attach_tc(text.system, second, FAR, priority=3, handle=9, replace_filter=True)
        old.close()
        assert counts(text, 1, server)
        new.update(first)
        assert counts(text, 0, server)
        new.close()
        assert not counts(text, 0, server)


@case("links/tc/refusals", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_refusals_name_what_is_wrong() -> None:
    """A program of another type, a device that is not there and the qdisc "ingress" in the place of
    clsact are errors that say so.
    """
    with wire(), loaded(TEXT) as text:
        with pytest.raises(AttachError, match="loaded as BPF_PROG_TYPE_XDP"):
            attach_tc(text.system, text.program("other_type"), NEAR)
        with pytest.raises(AttachError, match=f"no network device 'bk9'.*{NEAR}"):
            attach_tc(text.system, text.program("first"), "bk9")
        tc("qdisc", "add", "dev", NEAR, "ingress")
        with pytest.raises(AttachError, match=r"qdisc 'ingress'.*tc qdisc del"):
            attach_tc(text.system, text.program("first"), NEAR)


@case("links/tc/gone", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_a_device_that_is_gone_needs_no_undoing() -> None:
    """Closing a filter's link after its device was deleted is fine."""
    with wire(), loaded(TEXT) as text:
        with attach_tc(text.system, text.program("first"), NEAR):
            ip("link", "del", NEAR)
        assert not text.system.made


@case("links/tc/action", kernel="4.1", feature="program_type/sched_act", config="NET_ACT_BPF")
def test_an_action_runs_for_what_a_filter_matches() -> None:
    """A SCHED_ACT program that has a name runs as the action of another tool's filter."""
    with wire() as joined, loaded(TEXT) as text, listening(joined) as server, bpffs() as folder:
        name = str(folder / "action")
        pin(text.system, text.program("action"), name)
        tc("qdisc", "add", "dev", NEAR, "clsact")
        matching = ("filter", "add", "dev", NEAR, "egress", "matchall")
        tc(*matching, "action", "bpf", "object-pinned", name)
        assert counts(text, 6, server)


BCC_TEXT = """
#include <uapi/linux/bpf.h>
#include <uapi/linux/pkt_cls.h>
BPF_ARRAY(seen, u64, 1);
int classify(struct __sk_buff *skb) {
    int zero = 0;
    seen.increment(zero);
    return TC_ACT_OK;
}
"""


@case("links/tc/bcc", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_bcc_face_attaches_filters() -> None:
    """``BPF.attach_tc`` puts a function of bcc's dialect on a device until the object is closed."""
    with wire() as joined, listening(joined) as server:
        with BPF(text=BCC_TEXT) as b:
            b.attach_tc(NEAR, b.load_func("classify", BPF.SCHED_CLS), "egress")
            send()
            server.recv(64)
            assert b["seen"][0].value >= 1
        assert "clsact" not in tc("qdisc", "show", "dev", NEAR)
