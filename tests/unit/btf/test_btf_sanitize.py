from __future__ import annotations

from hypothesis import given, settings

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.sanitize import ALL_KINDS, Section, sanitize
from bpfkit.btf.types import (
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Int,
    Param,
    SecVar,
    Type,
    TypeTag,
    Var,
)
from bpfkit.uapi.btf import BtfKind, FuncLinkage
from tests.strategies.btf import graphs

OLD = {kind for kind in BtfKind if kind <= BtfKind.DATASEC}
INT = Int("int", 4, 32, signed=True)


def clean(types: list[Type], **how: object) -> list[Type]:
    return [found for _, found in decode(sanitize(decode(encode(types)), **how))]  # type: ignore[arg-type]


@settings(deadline=None)
@given(graphs())
def test_ids_and_strings_stay_and_no_new_kind_is_left(types: list[Type]) -> None:
    before = decode(encode(types))
    after = decode(sanitize(before, kinds=OLD, global_functions=False))
    assert after.strings.startswith(before.strings)
    assert len(after) - len(before) in (0, 1)
    assert all(found.kind in OLD for _, found in after)
    for type_id, found in before:
        if found.kind in (BtfKind.STRUCT, BtfKind.PTR, BtfKind.TYPEDEF):
            assert after.type(type_id) == found


def test_new_kinds_become_old_ones_of_the_same_size() -> None:
    types: list[Type] = [
        INT,
        Float("double", 8),
        Enum64("big", 8, (Enumerator("X", 1 << 40),)),
        TypeTag("user", 1),
        DeclTag("args:ctx", 1),
        Enum("e", 4, (Enumerator("M", -1),), signed=True),
    ]
    got = clean(types, kinds=OLD)
    assert [found.kind.name for found in got] == [
        "INT",
        "STRUCT",
        "UNION",
        "CONST",
        "INT",
        "ENUM",
        "INT",
    ]
    assert getattr(got[1], "size", 0) == 8
    assert getattr(got[2], "size", 0) == 8
    assert clean(types, kinds=ALL_KINDS) == types


def test_sections_get_their_sizes_and_offsets_in_order() -> None:
    types: list[Type] = [
        INT,
        Var("b", 1, 1),
        Var("a", 1, 1),
        Datasec(".data", 0, (SecVar(2, 0, 4), SecVar(3, 0, 4))),
        Datasec("maps/hash", 4, (SecVar(2, 0, 4),)),
    ]
    got = clean(types, sections={".data": Section(8, {"a": 0, "b": 4})})
    assert got[3] == Datasec(".data", 8, (SecVar(3, 0, 4), SecVar(2, 4, 4)))
    assert got[4].name == "maps_hash"


def test_functions_lose_linkage_and_unnamed_parameters() -> None:
    types: list[Type] = [
        INT,
        FuncProto(1, (Param("", 1), Param("x", 1), Param("", 0))),
        Func("f.1", 2, FuncLinkage.GLOBAL),
    ]
    got = clean(types, global_functions=False)
    assert got[1] == FuncProto(1, (Param("arg0", 1), Param("x", 1), Param("", 0)))
    assert got[2] == Func("f_1", 2, FuncLinkage.STATIC)
