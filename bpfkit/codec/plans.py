"""How one C type is read and written: what every plan can do.

A codec is a tree of plans, made once. A plan never looks at the size of the data, with the
exception of flexible tails: `Codec` has made sure before that ``size`` bytes are there.
"""

from __future__ import annotations

from typing import Protocol

Data = bytes | memoryview
Value = object
"""A decoded value: int, bool, float, bytes, str, a tuple, a record or what a class makes."""


class Plan(Protocol):
    """How the values of one type of ``size`` bytes are read and written at an offset."""

    @property
    def size(self) -> int:
        """Bytes that the type takes."""
        ...

    @property
    def exact(self) -> bool:
        """Whether what was read, written again, gives every byte as it was."""
        ...

    def read(self, data: Data, at: int) -> Value:
        """Return the value at ``at``. Raises DecodeError when the bytes are no value."""
        ...

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Write the value at ``at``. Raises EncodeError, with ``name`` as the field's path."""
        ...
