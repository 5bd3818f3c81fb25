"""Requests to rtnetlink as the kernel would get them, and its answers as we read them."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.syscalls import rtnetlink
from bpfkit.syscalls.netlink import emit_attributes, read_attributes, read_messages
from bpfkit.syscalls.requests import EncapRoute, TcFilter, TcPlace
from bpfkit.syscalls.rtnetlink import NetlinkCommands, read_filter
from bpfkit.uapi.netlink import (
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_ECHO,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLMSGHDR,
    RTMSG,
    TC_H_MIN_EGRESS,
    TC_H_MIN_INGRESS,
    TCMSG,
    LwtBpf,
    Rta,
    Rtm,
    Tca,
    TcaBpf,
)

PLACE = TcPlace(5, TC_H_MIN_INGRESS, 7, 9)
ROUTE = EncapRoute(
    family=socket.AF_INET,
    destination=socket.inet_aton("10.9.0.0"),
    prefix_len=16,
    ifindex=5,
    programs=((LwtBpf.IN, 40), (LwtBpf.XMIT, 41)),
    name="ours",
    headroom=14,
)


class Kernel:
    """Takes the place of the socket: keeps requests, and answers as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Rtm, bytes, int]] = []
        self.answers: list[tuple[int, bytes]] = []
        monkeypatch.setattr(rtnetlink, "request", self.request)

    def request(
        self, kind: Rtm, body: bytes, subject: str, flags: int = 0
    ) -> list[tuple[int, bytes]]:
        self.asked.append((kind, body, flags))
        return self.answers


@pytest.fixture
def fake_kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def filter_message(place: TcPlace, program_id: int, kind: str = "bpf") -> bytes:
    options = [(TcaBpf.ID, program_id), (TcaBpf.NAME, "name")]
    info = place.priority << 16 | socket.htons(place.protocol)
    head = TCMSG.pack(0, place.ifindex, place.handle, 0xFFFF0000 | place.hook, info)
    return head + emit_attributes([(Tca.KIND, kind), (Tca.OPTIONS, options)])


# ---------------------------------------------------------------- messages


def test_a_table_nests_and_knows_its_kinds() -> None:
    data = emit_attributes([(1, b"ab"), (2, -1), (3, "text"), (4, [(5, 6)])])
    found = list(read_attributes(data))
    assert found[:3] == [(1, b"ab"), (2, b"\xff" * 4), (3, b"text\0")]
    assert list(read_attributes(found[3][1])) == [(5, struct.pack("=I", 6))]
    assert struct.pack("=H", 4 | NLA_F_NESTED) in data


@given(st.lists(st.tuples(st.integers(4, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=9))))
def test_messages_come_back_as_written(messages: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(
        NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, 1, 0) + body + bytes(-len(body) % 4)
        for kind, flags, body in messages
    )
    assert list(read_messages(data)) == messages


@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_a_format_error(data: bytes) -> None:
    try:
        found = list(read_messages(data))
    except FormatError:
        return
    assert sum(NLMSGHDR.size + len(payload) for _, _, payload in found) <= len(data)


def test_a_message_that_is_cut_off_is_refused() -> None:
    whole = NLMSGHDR.pack(NLMSGHDR.size + 8, 16, 0, 1, 0) + bytes(8)
    for length in range(NLMSGHDR.size, len(whole)):
        with pytest.raises(FormatError, match="does not fit"):
            list(read_messages(whole[:length]))


# ---------------------------------------------------------------- filters


def test_a_filter_is_made_in_direct_action_mode(fake_kernel: Kernel) -> None:
    chosen = TcPlace(5, TC_H_MIN_INGRESS, 49152, 1)
    fake_kernel.answers = [(Rtm.NEWTFILTER, filter_message(chosen, 3))]
    asked = TcPlace(5, TC_H_MIN_INGRESS)
    assert NetlinkCommands().filter_set(asked, 40, "name") == chosen
    kind, body, flags = fake_kernel.asked[0]
    assert (kind, flags) == (Rtm.NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO)
    assert TCMSG.unpack_from(body) == (0, 5, 0, 0xFFFFFFF2, socket.htons(3))
    found = dict(read_attributes(body[TCMSG.size :]))
    options = dict(read_attributes(found[Tca.OPTIONS]))
    assert found[Tca.KIND] == b"bpf\0"
    assert number(options[TcaBpf.FD]) == 40
    assert number(options[TcaBpf.FLAGS]) == 1


def test_a_filter_that_replaces_says_so(fake_kernel: Kernel) -> None:
    assert NetlinkCommands().filter_set(PLACE, 40, "name", replace=True) == PLACE
    assert fake_kernel.asked[0][2] == NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ECHO


def test_filters_are_read_without_the_heads_of_their_lists(fake_kernel: Kernel) -> None:
    head = TcPlace(5, TC_H_MIN_EGRESS, 7)
    theirs = TcPlace(5, TC_H_MIN_EGRESS, 8, 1)
    fake_kernel.answers = [
        (Rtm.NEWTFILTER, filter_message(head, 0)),
        (Rtm.NEWTFILTER, filter_message(PLACE, 3)),
        (Rtm.NEWTFILTER, filter_message(theirs, 0, "u32")),
    ]
    assert NetlinkCommands().filters(5, TC_H_MIN_EGRESS) == [
        TcFilter(PLACE, "bpf", 3, "name"),
        TcFilter(theirs, "u32", 0, "name"),
    ]


def test_a_filter_reads_back_as_it_was_written() -> None:
    place = TcPlace(7, TC_H_MIN_EGRESS, 65535, 0xFFFFFFFF, 0x86DD)
    assert read_filter(filter_message(place, 77)).place == place


def test_the_qdisc_is_that_of_the_device(fake_kernel: Kernel) -> None:
    def qdisc(ifindex: int, parent: int, kind: str) -> tuple[int, bytes]:
        head = TCMSG.pack(0, ifindex, 0, parent, 0)
        return Rtm.NEWQDISC, head + emit_attributes([(Tca.KIND, kind)])

    fake_kernel.answers = [
        qdisc(4, 0xFFFFFFF1, "clsact"),
        qdisc(5, 0xFFFFFFFF, "noqueue"),
        qdisc(5, 0xFFFFFFF1, "ingress"),
    ]
    commands = NetlinkCommands()
    assert [commands.ingress_qdisc(index) for index in (4, 5, 6)] == ["clsact", "ingress", ""]


# ---------------------------------------------------------------- routes


def attributes_of(route: bytes) -> dict[int, bytes]:
    return dict(read_attributes(route[RTMSG.size :]))


def test_a_route_carries_its_programs(fake_kernel: Kernel) -> None:
    NetlinkCommands().route_add(ROUTE)
    kind, body, flags = fake_kernel.asked[0]
    assert (kind, flags) == (Rtm.NEWROUTE, NLM_F_CREATE | NLM_F_EXCL)
    found = attributes_of(body)
    assert found[Rta.DST] == ROUTE.destination
    assert found[Rta.ENCAP_TYPE] == b"\x06\0"
    encap = dict(read_attributes(found[Rta.ENCAP]))
    assert dict(read_attributes(encap[LwtBpf.IN]))[2] == b"ours\0"
    assert number(dict(read_attributes(encap[LwtBpf.XMIT]))[1]) == 41
    assert number(encap[LwtBpf.XMIT_HEADROOM]) == 14


def test_a_route_is_deleted_without_its_programs(fake_kernel: Kernel) -> None:
    NetlinkCommands().route_delete(ROUTE)
    kind, body, _ = fake_kernel.asked[0]
    assert kind == Rtm.DELROUTE
    assert Rta.ENCAP not in attributes_of(body)


def test_names_are_those_of_the_same_destination(fake_kernel: Kernel) -> None:
    def listed(prefix_len: int, destination: bytes, name: str, kind: int = 6) -> tuple[int, bytes]:
        head = RTMSG.pack(socket.AF_INET, prefix_len, 0, 0, 254, 4, 253, 1, 0)
        encap = [(LwtBpf.XMIT, [(2, name)])]
        table = [(Rta.DST, destination), (Rta.ENCAP_TYPE, bytes([kind, 0])), (Rta.ENCAP, encap)]
        return Rtm.NEWROUTE, head + emit_attributes(table)

    fake_kernel.answers = [
        listed(16, ROUTE.destination, "ours"),
        listed(24, ROUTE.destination, "longer"),
        listed(16, socket.inet_aton("10.8.0.0"), "another"),
        listed(16, ROUTE.destination, "another kind of tunnel", kind=2),
        (Rtm.NEWROUTE, RTMSG.pack(socket.AF_INET, 16, 0, 0, 254, 4, 253, 1, 0)),
    ]
    assert NetlinkCommands().route_names(ROUTE) == ["ours"]
