from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.links.rtnl import XdpPrograms, get_link_request, read_xdp_programs, set_xdp_request


def attribute(kind: int, value: bytes) -> bytes:
    raw = struct.pack("=HH", len(value) + 4, kind) + value
    return raw + bytes(-len(raw) % 4)


def answer(attached: int, **ids: int) -> bytes:
    """A link message as the kernel sends it: a name, then the nested IFLA_XDP."""
    numbers = {"only": 4, "drv": 5, "skb": 6, "hw": 7}
    nested = attribute(2, bytes([attached]))
    for name, number in ids.items():
        nested += attribute(numbers[name], struct.pack("=I", number))
    head = struct.pack("=BBHiII", 0, 0, 1, 7, 0, 0)
    return head + attribute(3, b"veth0\0") + attribute(43 | 1 << 15, nested)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(answer(0), XdpPrograms(), id="none"),
        pytest.param(answer(1, only=9), XdpPrograms(driver=9), id="driver"),
        pytest.param(answer(2, only=9), XdpPrograms(generic=9), id="generic"),
        pytest.param(answer(3, only=9), XdpPrograms(hardware=9), id="hardware"),
        pytest.param(answer(4, drv=5, skb=6), XdpPrograms(5, 6, 0), id="several"),
        pytest.param(answer(0)[:16], XdpPrograms(), id="no-attributes"),
    ],
)
def test_the_programs_of_a_device_are_read(payload: bytes, expected: XdpPrograms) -> None:
    assert read_xdp_programs(payload) == expected


@pytest.mark.parametrize("length", range(len(answer(4, drv=5, skb=6))))
def test_a_cut_answer_is_an_error_or_has_no_programs(length: int) -> None:
    try:
        found = read_xdp_programs(answer(4, drv=5, skb=6)[:length])
    except FormatError:
        return
    assert found == XdpPrograms()


@given(st.binary(max_size=200))
def test_noise_is_a_value_or_a_format_error(noise: bytes) -> None:
    try:
        read_xdp_programs(noise)
    except FormatError:
        return


def test_setting_a_program_is_one_request() -> None:
    raw = set_xdp_request(7, 5, 2)
    length, kind, flags, _, _ = struct.unpack_from("=IHHII", raw)
    assert (length, kind, flags) == (len(raw), 19, 0x5)
    assert struct.unpack_from("=BBHiII", raw, 16)[3] == 7
    nested_length, nested_kind = struct.unpack_from("=HH", raw, 32)
    assert (nested_length, nested_kind) == (20, 43 | 1 << 15)
    assert struct.unpack_from("=HHi", raw, 36) == (8, 1, 5)
    assert struct.unpack_from("=HHI", raw, 44) == (8, 3, 2)


def test_removing_needs_no_flags() -> None:
    raw = set_xdp_request(7, -1, 0)
    assert struct.unpack_from("=HHi", raw, 36) == (8, 1, -1)
    assert len(raw) == 44


def test_asking_names_the_device() -> None:
    assert struct.unpack_from("=BBHiII", get_link_request(7), 16)[3] == 7
