from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bpfkit.elf.usdt import parse_arguments
from bpfkit.errors import AttachError, NotSupportedError, SyscallError
from bpfkit.links.binary import Binary
from bpfkit.links.usdt import attach_usdt
from bpfkit.links.usdt_spec import SPEC_BYTES, UsdtSpecs, emit_spec
from tests.fakes.hooks import FakeProgram, kernel

BINARIES = Path(__file__).parents[3] / "conformance/binaries"
CONST, REG, DEREF, SIB, UNREADABLE = 0, 1, 2, 3, 0xFF


class FakeMap:
    """A map as a dictionary."""

    def __init__(self, max_entries: int = 8) -> None:
        self.max_entries = max_entries
        self.data: dict[bytes, bytes] = {}

    def update(self, key: bytes, value: bytes) -> None:
        self.data[key] = value

    def delete(self, key: bytes) -> bool:
        return self.data.pop(key, None) is not None


def first(text: str, arch: str = "x86_64", *, movable: bool = True) -> tuple[int, ...]:
    """(offset, kind, index | scale << 12, register, signed, shift) of one argument."""
    symbols = {"known": 0x5000}
    spec = emit_spec(
        parse_arguments(text, arch), arch, 0x1000, symbols.get, movable=movable, cookie=9
    )
    assert len(spec) == SPEC_BYTES
    return struct.unpack("=qBxHxxhBB6x", spec[:24])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("8@%rax", (0, REG, 0, 80, 0, 0), id="register"),
        pytest.param("-4@%r9d", (0, REG, 0, 64, 1, 32), id="signed"),
        pytest.param("1@%ah", (0, REG, 0, 81, 0, 56), id="high-byte"),
        pytest.param("-2@$-5", (-5, CONST, 0, 0, 1, 48), id="constant"),
        pytest.param("4@-20(%rbp)", (-20, DEREF, 0, 32, 0, 32), id="memory"),
        pytest.param("8@8(%rsi,%rdi,4)", (8, SIB, 112 | 2 << 12, 104, 0, 0), id="index"),
        pytest.param("8@(,%rdi)", (0, DEREF, 0, 112, 0, 0), id="index-alone"),
        pytest.param("4@known+4(%rip)", (0x4004, DEREF, 0, 128, 0, 32), id="symbol"),
        pytest.param("4@unknown(%rip)", (0, UNREADABLE, 0, 0, 0, 32), id="unknown-symbol"),
        pytest.param("8f@%xmm0", (0, UNREADABLE, 0, 0, 0, 0), id="vector"),
        pytest.param("4@4096", (0, UNREADABLE, 0, 0, 0, 32), id="absolute"),
    ],
)
def test_an_argument_is_specified(text: str, expected: tuple[int, ...]) -> None:
    assert first(text) == expected


def test_an_absolute_address_is_as_far_from_the_probe_as_it_was_linked() -> None:
    assert first("4@4096", movable=False) == (0, DEREF, 0, 128, 0, 32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8@x3", (0, REG, 0, 24, 0, 0)),
        ("-4@[sp, 16]", (16, DEREF, 0, 248, 1, 32)),
        ("8@[x1, x2, lsl 3]", (0, SIB, 16 | 3 << 12, 8, 0, 0)),
    ],
)
def test_registers_of_aarch64_have_their_places(text: str, expected: tuple[int, ...]) -> None:
    assert first(text, "aarch64") == expected


def test_a_specification_ends_with_cookie_and_count() -> None:
    spec = emit_spec(parse_arguments("4@%eax 4@%ebx", "x86_64"), "x86_64", 0, {}.get, movable=True)
    assert struct.unpack("=Qh6x", spec[-16:]) == (0, 2)


def test_other_architectures_are_not_read() -> None:
    with pytest.raises(NotSupportedError, match="s390x"):
        emit_spec([], "s390x", 0, {}.get, movable=True)


def test_equal_specifications_are_kept_once() -> None:
    specs = UsdtSpecs(FakeMap(2), FakeMap(), cookies=True)
    assert [specs.number_of(s) for s in (b"a", b"b", b"a")] == [0, 1, 0]
    with pytest.raises(SyscallError, match="BPF_USDT_MAX_SPEC_CNT"):
        specs.number_of(b"c")


def test_cookies_tell_programs_their_specifications(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    fake.features.lacking.discard("helper/bpf_get_attach_cookie")
    specs = UsdtSpecs(FakeMap(), addresses := FakeMap(), cookies=True)
    pie = Binary("pie", BINARIES / "pie")
    with attach_usdt(fake.system, FakeProgram(), pie, "trial", "many", specs=specs):
        # The link of the first place has no cookie to be told apart from none: it is 0.
        assert [getattr(o, "cookie", 0) for o in fake.syscalls.options] == [0, 1]
    assert addresses.data == {}


def test_without_cookies_addresses_do_and_are_forgotten(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    specs = UsdtSpecs(FakeMap(), addresses := FakeMap(), cookies=False)
    fixed = Binary("fixed", BINARIES / "fixed")
    with attach_usdt(fake.system, FakeProgram(), fixed, "trial", "many", specs=specs):
        assert len(addresses.data) == 2
    assert addresses.data == {}


def test_without_cookies_a_process_must_be_named(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    specs = UsdtSpecs(FakeMap(), FakeMap(), cookies=False)
    pie = Binary("pie", BINARIES / "pie")
    with pytest.raises(AttachError, match="name a running process"):
        attach_usdt(fake.system, FakeProgram(), pie, "trial", "many", specs=specs)
    assert fake.syscalls.calls == []
