"""Instruction arrays: BPF_MAP_TYPE_INSN_ARRAY (v6.19). Where instructions of a program went.

An offset into a program as it is loaded goes in; the map is frozen and the program loaded with it;
then the kernel tells where that instruction is after verification and in machine code. Jumps
through a table use them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, Unpack

from ..errors import EncodeError
from ..uapi.bpf import MapType
from .array import IndexedMap
from .typed import Options
from .wire import AnyWire

_VALUE = struct.Struct("=III4x")  # struct bpf_insn_array_value


@dataclass(frozen=True, slots=True)
class InsnPlace:
    """Where an instruction is: counted in instructions, and in bytes of machine code."""

    original: int
    translated: int = 0
    jited: int = 0


class _Places:
    """Places in a row."""

    size = _VALUE.size

    def encode(self, value: InsnPlace | int) -> bytes:
        """One place; a number is the original one."""
        place = value if isinstance(value, InsnPlace) else InsnPlace(value)
        try:
            return _VALUE.pack(place.original, place.translated, place.jited)
        except struct.error:
            raise EncodeError(value, "the place of an instruction") from None

    def decode(self, data: bytes) -> InsnPlace:
        """One place."""
        return InsnPlace(*_VALUE.unpack(data))

    def encode_many(self, values: Iterable[InsnPlace | int]) -> bytes:
        """Several."""
        return b"".join(map(self.encode, values))

    def decode_many(self, data: bytes) -> Sequence[InsnPlace]:
        """Several."""
        return [InsnPlace(*found) for found in _VALUE.iter_unpack(data)]


class InsnArray(IndexedMap[Any]):
    """Instructions by index: ``array[0] = 5``; ``array[0]`` is an `InsnPlace`."""

    default: ClassVar[MapType] = MapType.INSN_ARRAY

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:  # type: ignore[override]
        """Create one."""
        return cls._make(4, _VALUE.size, max_entries, options)

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        super()._set_wires(key, _Places())
