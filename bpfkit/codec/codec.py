"""Bytes of a C type as Python values, and back, by a plan made once.

    codec = codec_of(btf, type_id)
    record = codec.decode(data)       # record.pid, record["comm"]
    data = codec.encode({"pid": 1})   # what is left out is zero

Integers, enumerations and pointers become int, bool bool, floating point numbers float, arrays of
char bytes (``text`` makes str of them), other arrays tuples, records `Record`. Members of
anonymous records belong to the outer one. The members of a union all read the same bytes. A
flexible array at the end has as many elements as there is data for. What only the kernel writes
(locks, timers, lists, kptrs) is None.

Bytes that are no value raise DecodeError; Python values that do not fit raise EncodeError, which
names the field and what it takes. `codec_from` makes codecs of Python classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from ..btf.types import Btf
from ..errors import DecodeError, EncodeError
from . import bulk
from .arrays import text
from .from_btf import plan_of
from .plans import Plan, Value
from .record import Record, as_dict

if TYPE_CHECKING:
    from .numeric import Array

__all__ = ["Buffer", "Codec", "Record", "Value", "as_dict", "codec_of", "text"]

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview


class Codec(Generic[T]):
    """Reads and writes one C type of ``size`` bytes, which is type ``type_id`` of ``btf``."""

    __slots__ = ("btf", "plan", "size", "type_id")

    def __init__(self, plan: Plan, btf: Btf, type_id: int) -> None:
        """Use ``plan``; made by `codec_of` and `codec_from`."""
        self.plan = plan
        self.size = plan.size
        self.btf = btf
        self.type_id = type_id

    def __repr__(self) -> str:
        _, found = self.btf.resolve(self.type_id)
        return f"<codec of {found.kind.name.lower()} {found.name}, {self.size} bytes>"

    def decode(self, data: Buffer, offset: int = 0) -> T:
        """Read one value at ``offset``; bytes behind it are ignored, unless the type is flexible.

        Raises DecodeError when short, or when the bytes are no value of the type.
        """
        view = data if type(data) is bytes else bulk.as_view(data)
        if offset < 0 or offset + self.size > len(view):
            left = max(len(view) - max(offset, 0), 0)
            raise DecodeError(f"{left} bytes at {offset} where the type has {self.size}")
        return self.plan.read(view, offset)  # type: ignore[return-value]

    def encode(self, value: T | Mapping[str, Value] | Sequence[Value] | Buffer) -> bytes:
        """Return exactly ``size`` bytes. Raises EncodeError when the value does not fit."""
        data = bytearray(self.size)
        self._write(data, 0, value, "")
        return bytes(data)

    def decode_many(self, data: Buffer, count: int, stride: int | None = None) -> list[T]:
        """Read ``count`` values that begin every ``stride`` bytes (one after the other if None).

        Much faster than a loop where the type is a number or a record of numbers and text. Raises
        DecodeError when there are not ``count * stride`` bytes.
        """
        view, step = bulk.span(data, count, self.size, stride)
        return bulk.read_many(self.plan, view, count, step)  # type: ignore[return-value]

    def encode_many(
        self,
        values: Iterable[T | Mapping[str, Value] | Sequence[Value] | Buffer],
        stride: int | None = None,
    ) -> bytes:
        """Write values one after the other, zeros up to the next multiple of ``stride``.

        Raises EncodeError; the field's path begins with the value's place: ``[3].pid``.
        """
        step = bulk.step_of(self.size, stride)
        given: list[object] = list(values)
        packed = bulk.pack_many(self.plan, given, step)
        if packed is None:
            data = bytearray(step * len(given))
            for i, value in enumerate(given):
                self._write(data, i * step, value, f"[{i}]")
            packed = bytes(data)
        return packed

    def view(self, data: Buffer, count: int, stride: int | None = None) -> Sequence[T]:
        """Show ``count`` values without copying; each is read when it is asked for.

        For numbers of this machine's byte order a memoryview of ints or floats, for arrays of them
        `Lazy`, as for everything else.
        """
        view, step = bulk.span(data, count, self.size, stride)
        found = bulk.cast(self.plan, view, count, step)
        return found if found is not None else bulk.Lazy(self.plan, view, count, step)  # type: ignore[return-value]

    def to_numpy(self, data: Buffer, count: int, stride: int | None = None) -> Array:
        """Show ``count`` values as a numpy array (structured for records) on the same memory.

        Members keep their names and offsets. Text is ``S``, other bytes ``V``. Raises
        MissingDependencyError without numpy, DecodeError for what it has no type for: bit-fields.
        """
        from .numeric import array_of

        view, step = bulk.span(data, count, self.size, stride)
        return array_of(self.plan, view, count, step)

    def _write(self, data: bytearray, at: int, value: object, name: str) -> None:
        try:
            self.plan.write(data, at, value, name)
        except EncodeError:
            raise
        except Exception as error:
            # Only an object that fails when it is looked at gets here.
            reason = f"a value that can be read ({type(error).__name__}: {error})"
            raise EncodeError(value, reason, name) from error


def codec_of(btf: Btf, type_id: int, *, names: bool = False) -> Codec[Value]:
    """Make the codec of a type; with ``names``, enumerations become constants that are ints.

    Raises FormatError or DecodeError when the type has no size or no values.
    """
    return Codec(plan_of(btf, type_id, names=names), btf, type_id)
