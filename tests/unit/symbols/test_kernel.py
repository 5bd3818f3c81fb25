from __future__ import annotations

import errno
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import SyscallError
from bpfkit.symbols.kernel import KernelSymbols, Resolved


@dataclass(frozen=True)
class Line:
    address: int
    kind: str
    name: str
    module: str = ""


TABLE = [
    Line(0x3000, "t", "third", "mod"),
    Line(0x1000, "T", "first"),
    Line(0x1800, "D", "data"),
    Line(0x2000, "t", "alias_a"),
    Line(0x2000, "T", "alias_b"),
    Line(0x2800, "t", "twice"),
    Line(0x2900, "t", "twice"),
]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(0xFFF, None, id="below-all"),
        pytest.param(0x1000, Resolved("first", 0, ""), id="exact"),
        pytest.param(0x1FFF, Resolved("first", 0xFFF, ""), id="data-is-left-out"),
        pytest.param(0x2001, Resolved("alias_b", 1, ""), id="last-alias"),
        pytest.param(0x3010, Resolved("third", 0x10, "mod"), id="module"),
    ],
)
def test_an_address_belongs_to_the_symbol_below_it(address: int, expected: Resolved | None) -> None:
    assert KernelSymbols(TABLE).resolve(address) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("first", 0x1000), ("twice", 0x2900), ("data", None), ("nothing", None)]
)
def test_a_name_has_an_address(name: str, expected: int | None) -> None:
    assert KernelSymbols(TABLE).address_of(name) == expected


def test_addresses_that_are_all_zero_are_hidden_not_unknown() -> None:
    symbols = KernelSymbols([Line(0, "t", "first"), Line(0, "T", "second")])
    assert symbols.hidden
    with pytest.raises(SyscallError, match="kptr_restrict") as caught:
        symbols.resolve(0x1000)
    assert caught.value.errno == errno.EPERM
    with pytest.raises(SyscallError):
        symbols.address_of("first")


def test_no_symbols_at_all_are_not_hidden() -> None:
    symbols = KernelSymbols([])
    assert not symbols.hidden
    assert symbols.resolve(1) is None
    assert len(symbols) == 0


@given(st.lists(st.integers(1, 2**64 - 1), unique=True, min_size=1), st.integers(0, 2**64 - 1))
def test_the_answer_is_the_greatest_start_not_above(starts: list[int], address: int) -> None:
    symbols = KernelSymbols(Line(start, "t", f"s{start}") for start in starts)
    below = [start for start in starts if start <= address]
    found = symbols.resolve(address)
    if below:
        assert found == Resolved(f"s{max(below)}", address - max(below), "")
    else:
        assert found is None
