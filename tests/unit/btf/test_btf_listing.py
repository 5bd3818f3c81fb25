from __future__ import annotations

from hypothesis import given, settings

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.listing import list_types
from bpfkit.btf.types import Enum, Enumerator, Int, Member, Ptr, Struct, Type
from tests.strategies.btf import graphs


def test_a_type_is_a_line_with_its_parts_below() -> None:
    types: list[Type] = [
        Int("int", 4, 32, signed=True),
        Ptr(3),
        Struct("pair", 8, (Member("a", 1, 0), Member("b", 1, 32, 7))),
        Enum("e", 4, (Enumerator("M", -1),), signed=True),
    ]
    assert list(list_types(decode(encode(types)))) == [
        "[1] INT 'int' size=4 bits=32 signed=True char=False bool_=False offset=0",
        "[2] PTR '' type_id=3",
        "[3] STRUCT 'pair' size=8\n\t'a' type_id=1 bit_offset=0 bits=0\n"
        "\t'b' type_id=1 bit_offset=32 bits=7",
        "[4] ENUM 'e' size=4 signed=True\n\t'M' value=-1",
    ]


@settings(deadline=None)
@given(graphs())
def test_every_type_is_listed(types: list[Type]) -> None:
    listed = list(list_types(decode(encode(types))))
    assert [line.split()[1] for line in listed] == [found.kind.name for found in types]
