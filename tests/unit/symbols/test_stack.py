from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.symbols.stack import MAX_DEPTH, explain_stack_id, read_stack


@given(st.lists(st.integers(1, 2**64 - 1), max_size=MAX_DEPTH), st.integers(0, 20))
def test_a_stack_ends_at_the_first_zero(addresses: list[int], zeroes: int) -> None:
    value = struct.pack(f"={len(addresses) + zeroes}Q", *addresses, *[0] * zeroes)
    assert read_stack(value) == tuple(addresses)


def test_a_stack_has_at_most_127_addresses() -> None:
    assert len(read_stack(b"\x01" * 8 * 200)) == MAX_DEPTH


@pytest.mark.parametrize("length", [1, 7, 9])
def test_a_cut_address_is_a_format_error(length: int) -> None:
    with pytest.raises(FormatError):
        read_stack(bytes(length))


def test_negative_ids_are_explained() -> None:
    assert "EFAULT" in explain_stack_id(-14)
    assert explain_stack_id(3) == ""
