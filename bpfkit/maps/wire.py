"""How keys and values travel: Python values to the bytes of a map and back, one or many at a time.

A `Wire` is a `Codec` as maps need it. Numbers have one of their own, since most keys and values are
single numbers and a batch of them is converted by one call. What does not fit is an EncodeError
before the kernel is asked.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from ..codec.codec import Codec
from ..errors import EncodeError

T = TypeVar("T")
_AT_ONCE = 256
MISFITS = (struct.error, OverflowError)
"""What the struct module raises; OverflowError for a float that is too large."""
TypeLike = str | int | type | Codec[Any]
"""What `create` takes for a key or value: a number's name ("u32"), a dataclass or ctypes class, a
Codec, or a number of bytes."""

# What a codec or wire takes and gives is only known to the caller of the map that it is for: the
# families say K and V, what converts them is made at run time.
AnyCodec = Codec[Any]


class Wire(Protocol[T]):
    """Converts values of one type; ``size`` is in bytes."""

    @property
    def size(self) -> int:
        """Bytes of one value."""

    def encode(self, value: T) -> bytes:
        """The bytes of a value. Raises EncodeError when it does not fit."""

    def decode(self, data: bytes) -> T:
        """The value of ``size`` bytes."""

    def encode_many(self, values: Iterable[T]) -> bytes:
        """The bytes of values in a row."""

    def decode_many(self, data: bytes) -> Iterable[T]:
        """The values of bytes in a row, each made when it is asked for where that is cheaper."""


AnyWire = Wire[Any]


class Numbers:
    """Integers or floating point numbers of the machine's byte order; ``code`` is struct's."""

    __slots__ = ("_code", "_pack", "_unpack", "packer", "size")

    def __init__(self, code: str) -> None:
        packer = struct.Struct("=" + code)
        self._code = code
        self.packer = packer
        self._pack = packer.pack
        self._unpack = packer.unpack
        self.size = packer.size

    def encode(self, value: float) -> bytes:
        """One number."""
        try:
            return self._pack(value)
        except MISFITS:
            raise self._misfit(value) from None

    def decode(self, data: bytes) -> int:
        """One number."""
        found: int = self._unpack(data)[0]
        return found

    def encode_many(self, values: Iterable[float]) -> bytes:
        """Numbers in a row."""
        given = values if isinstance(values, Sequence) else list(values)
        try:
            return array(self._code, given).tobytes()
        except (OverflowError, TypeError):
            # One by one, the one that does not fit tells about itself.
            return b"".join(map(self.encode, given))

    def decode_many(self, data: bytes) -> Sequence[int]:
        """Numbers in a row."""
        view: Any = memoryview(data)  # cast() is typed for codes that are written down
        found: list[int] = view.cast(self._code).tolist()
        return found

    def _misfit(self, value: float) -> EncodeError:
        if self._code in "fd":
            return EncodeError(value, f"a number of {self.size} bytes")
        bits = 8 * self.size
        low, high = (0, (1 << bits) - 1)
        if self._code.islower():
            low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return EncodeError(value, f"an integer from {low} to {high}")


class Bytes:
    """Bytes as they are, where no type is known."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: bytes) -> bytes:
        """Check the size."""
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) != self.size:
            raise EncodeError(value, f"exactly {self.size} bytes")
        return bytes(value)

    def decode(self, data: bytes) -> bytes:
        """Leave it."""
        return data

    def encode_many(self, values: Iterable[bytes]) -> bytes:
        """Put them in a row."""
        return b"".join(map(self.encode, values))

    def decode_many(self, data: bytes) -> Sequence[bytes]:
        """Cut it up."""
        size = self.size
        return [data[at : at + size] for at in range(0, len(data), size)]


class ByCodec(Generic[T]):
    """Values of a codec."""

    __slots__ = ("_codec", "decode", "encode", "size")

    def __init__(self, codec: Codec[T]) -> None:
        self._codec = codec
        self.size = codec.size
        self.encode = codec.encode
        self.decode = codec.decode

    def encode_many(self, values: Iterable[T]) -> bytes:
        """Values in a row."""
        return self._codec.encode_many(values)

    def decode_many(self, data: bytes) -> Iterable[T]:
        """Values of a row: a few at a time, so that few objects live at once.

        Every 700 that are there more than before, Python looks for garbage.
        """
        decode, size = self._codec.decode_many, self.size
        step = _AT_ONCE * size
        return chain.from_iterable(
            decode(part, len(part) // size)
            for part in (data[at : at + step] for at in range(0, len(data), step))
        )


class PerCpu(Generic[T]):
    """A value for every CPU: a list as long as there are possible ones, each at 8 bytes."""

    __slots__ = ("_fill", "_inner", "cpus", "one", "size", "stride")

    def __init__(self, inner: Wire[T], cpus: int) -> None:
        self._inner = inner
        self.cpus = cpus
        self.one = inner.size
        self.stride = -(-inner.size // 8) * 8
        self.size = self.stride * cpus
        self._fill = bytes(self.stride - inner.size)

    def encode(self, value: Sequence[T]) -> bytes:
        """The values of all CPUs."""
        if not isinstance(value, Sequence) or len(value) != self.cpus:
            raise EncodeError(value, f"{self.cpus} values, one for each possible CPU")
        if not self._fill:
            return self._inner.encode_many(value)
        return b"".join([self._inner.encode(v) + self._fill for v in value])

    def decode(self, data: bytes) -> list[T]:
        """The values of all CPUs."""
        return self._values(data)

    def encode_many(self, values: Iterable[Sequence[T]]) -> bytes:
        """The values of several keys."""
        return b"".join(map(self.encode, values))

    def decode_many(self, data: bytes) -> Iterable[list[T]]:
        """The values of several keys."""
        return map(list, zip(*[iter(self._values(data))] * self.cpus, strict=True))

    def decode_one(self, data: bytes) -> T:
        """One CPU's value."""
        return self._inner.decode(data[: self.one])

    def encode_one(self, value: T) -> bytes:
        """One CPU's value, filled up to 8 bytes."""
        return self._inner.encode(value) + self._fill

    def _values(self, data: bytes) -> list[T]:
        if self._fill:
            one, stride = self.one, self.stride
            data = b"".join([data[at : at + one] for at in range(0, len(data), stride)])
        return list(self._inner.decode_many(data))


def in_place(wire: AnyWire) -> Callable[[Any, int, Any], object]:
    """What writes a value to a buffer of its size: ``write(buffer, 0, value)``.

    For numbers that is struct's own, whose errors (`MISFITS`) say less than `Wire.encode`.
    """
    if type(wire) is Numbers:
        return wire.packer.pack_into
    encode = wire.encode

    def write(buffer: Any, at: int, value: Any) -> None:  # noqa: ANN401 - as its type says
        memoryview(buffer).cast("B")[:] = encode(value)

    return write


def from_memory(wire: AnyWire) -> Callable[[Any], Any]:
    """What reads a value from a buffer of its size."""
    decode = wire.decode
    if type(wire) is Numbers:
        unpack = wire.packer.unpack_from
        return lambda buffer: unpack(buffer)[0]
    return lambda buffer: decode(bytes(buffer))
