from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.syscalls.netlink import attribute, read_attributes
from bpfkit.syscalls.requests import XdpState
from bpfkit.syscalls.rtnetlink import read_xdp
from bpfkit.uapi.netlink import IFLA_IFNAME, IFLA_XDP, NLA_F_NESTED, IflaXdp

attributes = st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=20)), max_size=5)


@given(attributes)
def test_attributes_come_back_as_written(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, payload) for kind, payload in pairs)
    assert list(read_attributes(data)) == pairs


@given(st.binary(max_size=40))
def test_any_bytes_give_attributes_or_a_format_error(data: bytes) -> None:
    try:
        found = list(read_attributes(data))
    except FormatError:
        return
    assert sum(4 + len(payload) for _, payload in found) <= len(data)


def test_the_programs_of_a_device_are_read() -> None:
    inner = attribute(IflaXdp.ATTACHED, b"\2") + attribute(IflaXdp.PROG_ID, b"\x07\0\0\0")
    inner += attribute(IflaXdp.SKB_PROG_ID, b"\x07\0\0\0")
    data = attribute(IFLA_IFNAME, b"lo\0") + attribute(NLA_F_NESTED | IFLA_XDP, inner)
    assert read_xdp(data) == XdpState(attached=2, prog_id=7, generic_id=7)


def test_a_device_that_tells_nothing_runs_nothing() -> None:
    assert read_xdp(attribute(IFLA_IFNAME, b"lo\0")) == XdpState(0)


def test_an_attribute_that_is_cut_off_is_refused() -> None:
    with pytest.raises(FormatError, match="does not fit"):
        list(read_attributes(attribute(1, b"12345678")[:-4]))
