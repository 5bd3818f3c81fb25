"""BTF under construction, for codecs that do not come from one: each type once.

The names are those a C compiler gives, since the kernel and its tools know types by them.
"""

from __future__ import annotations

import re

from ..btf.decode import decode
from ..btf.encode import encode
from ..btf.types import Array, Btf, Float, Int, Ptr, Type, Typedef
from .ctype import Scalar

_C_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}", re.ASCII)
_INTS: dict[tuple[int, bool], str] = {
    (1, False): "unsigned char",
    (2, False): "unsigned short",
    (4, False): "unsigned int",
    (8, False): "unsigned long long",
    (16, False): "unsigned __int128",
    (1, True): "signed char",
    (2, True): "short",
    (4, True): "int",
    (8, True): "long long",
    (16, True): "__int128",
}
_FLOATS = {4: "float", 8: "double"}


class TypeList:
    """Collects types; each call gives the id of what it asked for."""

    def __init__(self) -> None:
        self._types: list[Type] = []
        self._ids: dict[Type, int] = {}

    def add(self, found: Type) -> int:
        """Add a type, unless there is an equal one."""
        known = self._ids.get(found)
        if known is None:
            self._types.append(found)
            known = self._ids[found] = len(self._types)
        return known

    def integer(self, size: int, *, signed: bool) -> int:
        """Add an integer."""
        return self.add(Int(_INTS[size, signed], size, 8 * size, signed=signed))

    def char(self) -> int:
        """Add C's char."""
        return self.add(Int("char", 1, 8, signed=True))

    def scalar(self, found: Scalar) -> int:
        """Add the type of a name."""
        match found.kind:
            case "bool":
                return self.add(Int("_Bool", 1, 8, bool_=True))
            case "float":
                return self.add(Float(_FLOATS[found.size], found.size))
            case "pointer":
                return self.add(Ptr(0))
        plain = self.integer(found.size, signed=found.kind == "signed")
        return self.add(Typedef(f"__{found.name}", plain)) if "be" in found.name else plain

    def array(self, element: int, count: int) -> int:
        """Add an array."""
        return self.add(Array(element, self.integer(4, signed=False), count))

    def btf(self) -> Btf:
        """Return what was collected."""
        return decode(encode(self._types))


def is_c_name(name: str) -> bool:
    """Tell whether the kernel takes a name."""
    return _C_NAME.fullmatch(name) is not None
