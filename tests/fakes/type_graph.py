"""Small type graphs for tests, with references by object instead of by number."""

from __future__ import annotations

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Array, Btf, ByteOrder, Int, Member, Ptr, Struct, Type, Union


class Graph:
    """Collects types; each call gives the id of what it added."""

    def __init__(self) -> None:
        self.types: list[Type] = []
        self.int = self.add(Int("int", 4, 32, signed=True))
        self.u8 = self.add(Int("unsigned char", 1, 8))
        self.u32 = self.add(Int("unsigned int", 4, 32))
        self.u64 = self.add(Int("unsigned long long", 8, 64))
        self.char = self.add(Int("char", 1, 8, signed=True))

    def add(self, found: Type) -> int:
        self.types.append(found)
        return len(self.types)

    def ptr(self, type_id: int) -> int:
        return self.add(Ptr(type_id))

    def array(self, type_id: int, count: int) -> int:
        return self.add(Array(type_id, self.int, count))

    def struct(
        self, name: str, size: int, *members: tuple[str, int, int] | tuple[str, int, int, int]
    ) -> int:
        """Add a structure; a member is (name, type, bit offset) and the width of a bit-field."""
        return self.add(Struct(name, size, tuple(Member(*m) for m in members)))

    def union(self, name: str, size: int, *members: tuple[str, int, int]) -> int:
        return self.add(Union(name, size, tuple(Member(*m) for m in members)))

    def btf(self, byteorder: ByteOrder = "little") -> Btf:
        return decode(encode(self.types, byteorder=byteorder))
