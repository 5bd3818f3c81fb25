"""Which types of two kernels CO-RE takes for the same.

Three questions: may a field of this type stand for one of that type (`fields_compatible`), does a
type exist over there (`types_compatible`), and is it the same in every detail the program knows
(`types_match`). Source: the rules libbpf documents with its CO-RE support (relo_core.c, v1.5).
"""

from __future__ import annotations

import re

from ..errors import FormatError
from ..uapi.btf import BtfKind
from .types import (
    MAX_DEPTH,
    Array,
    Btf,
    Enum,
    Enum64,
    Float,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Struct,
    Type,
    Union,
    Void,
)

ENUM_KINDS = frozenset({BtfKind.ENUM, BtfKind.ENUM64})
_FLAVOUR = re.compile(r"(?<=[^_])___(?=[^_])")


def essential(name: str) -> str:
    """Return a name without its flavour: ``task_struct___old`` means ``task_struct``."""
    parts = list(_FLAVOUR.finditer(name))
    return name[: parts[-1].start()] if parts else name


def same_kind(one: BtfKind, other: BtfKind) -> bool:
    """Tell whether two kinds are the same; both forms of enumerations are."""
    return one == other or (one in ENUM_KINDS and other in ENUM_KINDS)


def fields_compatible(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Tell whether a field of the local type may be read where the target has the other type.

    Records fit any record, pointers any pointer, integers any integer. Enumerations and forward
    declarations need the same name, unless one has none. Arrays compare their elements.
    """
    for _ in range(MAX_DEPTH):
        _, mine = local.resolve(local_id)
        _, theirs = target.resolve(target_id)
        if isinstance(mine, Struct | Union) and isinstance(theirs, Struct | Union):
            return True
        if not same_kind(mine.kind, theirs.kind):
            return False
        match mine, theirs:
            case (Ptr(), _) | (Float(), _):
                return True
            case Int(), Int():
                return mine.offset == 0 and theirs.offset == 0
            case ((Enum() | Enum64() | Fwd()), _):
                both = mine.name and theirs.name
                return not both or essential(mine.name) == essential(theirs.name)
            case Array(), Array():
                local_id, target_id = mine.type_id, theirs.type_id
            case _:
                return False
    raise FormatError(f"arrays are nested deeper than {MAX_DEPTH}")


def types_compatible(
    local: Btf, local_id: int, target: Btf, target_id: int, depth: int = 0
) -> bool:
    """Tell whether a type of the same name is the same type: kinds are compared, sizes are not."""
    for _ in range(MAX_DEPTH):
        _, mine = local.resolve(local_id)
        _, theirs = target.resolve(target_id)
        if not same_kind(mine.kind, theirs.kind):
            return False
        match mine, theirs:
            case Int(), Int():
                return mine.offset == 0 and theirs.offset == 0
            case Ptr(), Ptr():
                local_id, target_id = mine.type_id, theirs.type_id
            case Array(), Array():
                local_id, target_id = mine.type_id, theirs.type_id
            case FuncProto(), FuncProto():
                return _prototypes(local, mine, target, theirs, depth)
            case _:
                return True
    raise FormatError(f"pointers are nested deeper than {MAX_DEPTH}")


def _prototypes(local: Btf, mine: FuncProto, target: Btf, theirs: FuncProto, depth: int) -> bool:
    if depth > 32 or len(mine.params) != len(theirs.params):
        return False
    pairs = [(p.type_id, q.type_id) for p, q in zip(mine.params, theirs.params, strict=True)]
    pairs.append((mine.type_id, theirs.type_id))
    return all(types_compatible(local, p, target, q, depth + 1) for p, q in pairs)


def types_match(
    local: Btf,
    local_id: int,
    target: Btf,
    target_id: int,
    *,
    behind_pointer: bool = False,
    depth: int = 0,
) -> bool:
    """Tell whether the target has every member and value that the local type has, of matching
    types.

    Behind a pointer only the names and kinds of records count.
    """
    if depth > 32:
        return False
    _, mine = local.resolve(local_id)
    _, theirs = target.resolve(target_id)
    if essential(mine.name) != essential(theirs.name) and not isinstance(mine, Int):
        return False
    follow = _Match(local, target, behind_pointer, depth)
    match mine, theirs:
        case (Void(), Void()) | (Float(), Float()):
            return True
        case Int(), Int():
            return (mine.size, mine.signed) == (theirs.size, theirs.signed)
        case (Fwd(), _) | (_, Fwd()):
            return follow.forward(mine, theirs)
        case Struct(), Struct():
            return behind_pointer or follow.members(mine, theirs)
        case Union(), Union():
            return behind_pointer or follow.members(mine, theirs)
        case ((Enum() | Enum64()), (Enum() | Enum64())):
            names = {essential(value.name) for value in theirs.values}
            return mine.size == theirs.size and all(essential(v.name) in names for v in mine.values)
        case Array(), Array():
            return mine.count == theirs.count and follow.types(mine.type_id, theirs.type_id)
        case Ptr(), Ptr():
            return follow.behind(mine.type_id, theirs.type_id)
        case FuncProto(), FuncProto():
            return follow.prototypes(mine, theirs)
        case _:
            return False


class _Match:
    """The recursive steps of `types_match` from one pair of types."""

    __slots__ = ("_behind", "_depth", "_local", "_target")

    def __init__(self, local: Btf, target: Btf, behind_pointer: bool, depth: int) -> None:
        self._local = local
        self._target = target
        self._behind = behind_pointer
        self._depth = depth

    def types(self, mine: int, theirs: int) -> bool:
        """Compare two types as far as the pair that refers to them is."""
        return types_match(
            self._local,
            mine,
            self._target,
            theirs,
            behind_pointer=self._behind,
            depth=self._depth + 1,
        )

    def behind(self, mine: int, theirs: int) -> bool:
        """Compare what two pointers lead to."""
        return types_match(
            self._local, mine, self._target, theirs, behind_pointer=True, depth=self._depth + 1
        )

    def forward(self, mine: Type, theirs: Type) -> bool:
        """Compare when one side is only declared: a record will do behind a pointer."""
        if isinstance(mine, Fwd) and isinstance(theirs, Fwd):
            return mine.union == theirs.union
        if not self._behind:
            return False
        declared, other = (mine, theirs) if isinstance(mine, Fwd) else (theirs, mine)
        assert isinstance(declared, Fwd)
        return isinstance(other, Union if declared.union else Struct)

    def members(self, mine: Struct | Union, theirs: Struct | Union) -> bool:
        """Find every local member in the target by name."""
        return all(
            any(
                essential(other.name) == essential(member.name)
                and self.types(member.type_id, other.type_id)
                for other in theirs.members
            )
            for member in mine.members
        )

    def prototypes(self, mine: FuncProto, theirs: FuncProto) -> bool:
        """Compare arguments and results."""
        if len(mine.params) != len(theirs.params):
            return False
        pairs = zip(mine.params, theirs.params, strict=True)
        return all(self.types(p.type_id, q.type_id) for p, q in pairs) and self.types(
            mine.type_id, theirs.type_id
        )
