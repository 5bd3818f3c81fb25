"""What <bpf/usdt.bpf.h> reads to find a probe's arguments: specifications, in two maps.

A specification says for each argument where it is. Programs find theirs by the attach cookie, or,
before Linux 5.15, by the address of the probe. Layout: struct __bpf_usdt_spec in that header.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ..arch.pt_regs import INSTRUCTION_POINTER, REGISTERS, Register
from ..elf.usdt import Place, UsdtArgument
from ..errors import NotSupportedError, SyscallError

SPECS_MAP = "__bpf_usdt_specs"
ADDRESSES_MAP = "__bpf_usdt_ip_to_spec_id"
MAX_ARGUMENTS = 12
_CONST, _REG, _REG_DEREF, _SIB, _UNREADABLE = 0, 1, 2, 3, 0xFF
# The index register and the scale share 16 bits.
_ARGUMENT = struct.Struct("=QBxHBxhBB6x")
_TAIL = struct.Struct("=Qhxxxxxx")
SPEC_BYTES = MAX_ARGUMENTS * _ARGUMENT.size + _TAIL.size
_MASK = (1 << 64) - 1
_SCALES = {1: 0, 2: 1, 4: 2, 8: 3}


class RawMap(Protocol):
    """A map of bytes."""

    @property
    def max_entries(self) -> int:
        """How many elements it has room for."""

    def update(self, key: bytes, value: bytes) -> None:
        """Set an element."""

    def delete(self, key: bytes) -> bool:
        """Remove an element."""


class UsdtSpecs:
    """The two maps of one object. Equal specifications are kept once."""

    def __init__(self, specs: RawMap, addresses: RawMap, *, cookies: bool) -> None:
        """``cookies``: whether programs find theirs by the cookie (LINUX_HAS_BPF_COOKIE)."""
        self._specs = specs
        self._addresses = addresses
        self.cookies = cookies
        self._numbers: dict[bytes, int] = {}

    def number_of(self, spec: bytes) -> int:
        """The number of a specification, written if it is new. Raises SyscallError when full."""
        number = self._numbers.get(spec)
        if number is None:
            number = len(self._numbers)
            if number >= self._specs.max_entries:
                raise SyscallError(
                    errno.E2BIG,
                    "write",
                    f"specification {number} of a USDT probe",
                    "define BPF_USDT_MAX_SPEC_CNT before including <bpf/usdt.bpf.h>",
                )
            self._specs.update(struct.pack("=i", number), spec)
            self._numbers[spec] = number
        return number

    def place(self, address: int, number: int) -> None:
        """Say which specification the probe at an address of a process has."""
        self._addresses.update(struct.pack("=Q", address), struct.pack("=I", number))

    def forget(self, address: int) -> None:
        """Undo `place`."""
        self._addresses.delete(struct.pack("=Q", address))


def emit_spec(
    arguments: Sequence[UsdtArgument],
    arch: str,
    address: int,
    symbol: Callable[[str], int | None],
    *,
    movable: bool,
    cookie: int = 0,
) -> bytes:
    """The specification of a probe at ``address`` (as linked); ``symbol`` gives addresses of names.

    ``movable``: the file may be loaded anywhere. An argument that cannot be read makes
    bpf_usdt_arg() fail with EINVAL. Raises NotSupportedError for other architectures.
    """
    registers = REGISTERS.get(arch)
    if registers is None:
        raise NotSupportedError(f"arguments of USDT probes on {arch}", who="this library")
    packed = [
        _argument(argument, registers, INSTRUCTION_POINTER[arch], address, symbol, movable)
        for argument in arguments[:MAX_ARGUMENTS]
    ]
    body = b"".join(packed).ljust(MAX_ARGUMENTS * _ARGUMENT.size, b"\0")
    return body + _TAIL.pack(cookie & _MASK, len(packed))


def _argument(
    argument: UsdtArgument,
    registers: Mapping[str, Register],
    ip: Register,
    address: int,
    symbol: Callable[[str], int | None],
    movable: bool,
) -> bytes:
    offset = argument.offset
    if argument.symbol:
        value = symbol(argument.symbol)
        if value is None:
            return _pack(argument, _UNREADABLE)
        offset += value
    base = registers.get(argument.base)
    index = registers.get(argument.index)
    if (argument.base and base is None) or (argument.index and index is None):
        return _pack(argument, _UNREADABLE)
    if argument.place is Place.CONSTANT:
        return _pack(argument, _CONST, offset)
    if argument.place is Place.REGISTER and base is not None:
        return _pack(argument, _REG, 0, base.offset)
    if argument.place is Place.MEMORY:
        if base is None and index is not None and argument.scale == 1:
            base, index = index, None
        if base is None and (argument.symbol or not movable):
            # What is at a fixed distance from the probe stays so wherever the file is loaded.
            base, offset = ip, offset - address
        if base is not None and index is not None:
            return _pack(argument, _SIB, offset, base.offset, index.offset, _SCALES[argument.scale])
        if base is not None:
            return _pack(argument, _REG_DEREF, offset, base.offset)
    return _pack(argument, _UNREADABLE)


def _pack(
    argument: UsdtArgument,
    kind: int,
    offset: int = 0,
    register: int = 0,
    index: int = 0,
    scale: int = 0,
) -> bytes:
    shift = 64 - 8 * argument.size
    both = index | scale << 12
    return _ARGUMENT.pack(offset & _MASK, kind, both, 0, register, argument.signed, shift)
