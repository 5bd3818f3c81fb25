from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import SyscallError
from bpfkit.symbols.kernel import KernelSymbols, Resolved


def line(address: int, kind: str, name: str, module: str = "") -> bytes:
    return f"{address:016x} {kind} {name}".encode() + (f"\t[{module}]".encode() if module else b"")


TABLE = [
    line(0x3000, "t", "third", "mod"),
    line(0x1000, "T", "first"),
    line(0x1800, "D", "data"),
    line(0x2000, "t", "alias_a"),
    line(0x2000, "T", "alias_b"),
    line(0x2800, "t", "twice"),
    line(0x2900, "t", "twice"),
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
    symbols = KernelSymbols([line(0, "t", "first"), line(0, "T", "second")])
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


def test_every_line_of_this_machine_is_understood() -> None:
    lines = Path("/proc/kallsyms").read_bytes().splitlines()
    symbols = KernelSymbols(lines)
    for one in lines[:: max(1, len(lines) // 200)]:
        address, kind, name, *_ = one.decode().split()
        if kind not in "bBdDrR" and not symbols.hidden and int(address, 16):
            found = symbols.resolve(int(address, 16))
            assert found is not None
            assert found.offset == 0
            assert symbols.address_of(name) is not None


@given(st.lists(st.integers(1, 2**64 - 1), unique=True, min_size=1), st.integers(0, 2**64 - 1))
def test_the_answer_is_the_greatest_start_not_above(starts: list[int], address: int) -> None:
    symbols = KernelSymbols(line(start, "t", f"s{start}") for start in starts)
    below = [start for start in starts if start <= address]
    found = symbols.resolve(address)
    if below:
        assert found == Resolved(f"s{max(below)}", address - max(below), "")
    else:
        assert found is None
