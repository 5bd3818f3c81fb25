"""What the target's own types tell: arguments of the functions programs attach to, and tags.

A program casts an argument to what it believes it to be; the verifier believes the kernel's types.
They are asked for the function behind the attach point, so that a cast to another record is found
out. They also carry the ``__user`` tags of members where the kernel's compiler wrote them
(DEBUG_INFO_BTF with clang, or gcc 16; Linux kernel commit 7472d5a642c9 ("compiler_types: define
__user as __attribute__((btf_type_tag("user")))") (in v5.17)).
"""

from __future__ import annotations

from collections.abc import Callable

from ...btf.types import (
    Array,
    Btf,
    Func,
    FuncProto,
    Ptr,
    Restrict,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)
from ...btf.types import Const as BtfConst
from ...uapi.btf import BtfKind
from ..ctype import Field, Record
from .values import SCALARS, UNTYPEDS, USERS, Atoms, bound

MAX_STEPS = 64
"""How many modifiers stand around one type, and how many records inside each other."""
_MODIFIERS = (BtfConst, Volatile, Restrict, Typedef)
RECORDS = (BtfKind.STRUCT, BtfKind.UNION)


class KernelTypes:
    """The types of the target, read when they are first asked for."""

    def __init__(self, read: Callable[[], Btf]) -> None:
        self._read = read
        self._btf: Btf | None = None
        self._tagged: bool | None = None

    @property
    def btf(self) -> Btf:
        """The types."""
        if self._btf is None:
            self._btf = self._read()
        return self._btf

    # ------------------------------------------------------------ arguments

    def function_arguments(self, name: str, *, result: bool) -> tuple[Atoms, ...]:
        """The words a program attached to the function ``name`` gets; none for an unknown one.

        With ``result`` what the function returns follows its arguments, as fexit has it.
        """
        found = self._prototype_of(name, BtfKind.FUNC)
        if found is None:
            return ()
        words = [self._argument(p.type_id) for p in found.params]
        if result:
            words.append(self._argument(found.type_id))
        return tuple(words)

    def tracepoint_arguments(self, name: str) -> tuple[Atoms, ...]:
        """The words of the tracepoint ``name``: the first parameter of its probes is not among
        them.
        """
        found = self._prototype_of(f"btf_trace_{name}", BtfKind.TYPEDEF)
        return tuple(self._argument(p.type_id) for p in found.params[1:]) if found else ()

    def operation_arguments(self, record: str, member: str) -> tuple[Atoms, ...]:
        """The words of an operation of a struct_ops ``record``."""
        for type_id in self.btf.by_name(record, RECORDS):
            body = self.btf.type(type_id)
            assert isinstance(body, (Struct, Union))
            for m in body.members:
                if m.name == member and (found := self._prototype(m.type_id)):
                    return tuple(self._argument(p.type_id) for p in found.params)
        return ()

    def _prototype_of(self, name: str, kind: BtfKind) -> FuncProto | None:
        for type_id in self.btf.by_name(name, (kind,)):
            named = self.btf.type(type_id)
            assert isinstance(named, (Func, Typedef))
            found = self._prototype(named.type_id)
            if found is not None:
                return found
        return None

    def _prototype(self, type_id: int) -> FuncProto | None:
        _, found = self.btf.resolve(type_id)
        if isinstance(found, Ptr):
            _, found = self.btf.resolve(found.type_id)
        return found if isinstance(found, FuncProto) else None

    def _argument(self, type_id: int) -> Atoms:
        """What the verifier makes of an argument: btf_ctx_access(), kernel/bpf/btf.c.

        Pointers to records are objects; numbers and every other pointer are scalars.
        """
        _, pointer = self.btf.resolve(type_id)
        if not isinstance(pointer, Ptr):
            return SCALARS
        target, tags = self._pointee(pointer.type_id)
        if "user" in tags:
            return USERS
        found = self.btf.type(target)
        if not isinstance(found, (Struct, Union)) or tags:
            return SCALARS
        return frozenset({bound(found.name)}) if found.name else UNTYPEDS

    def _pointee(self, type_id: int) -> tuple[int, tuple[str, ...]]:
        """The type behind a pointer without its modifiers, and the tags among those."""
        tags: list[str] = []
        for _ in range(MAX_STEPS):
            found = self.btf.type(type_id)
            if isinstance(found, TypeTag):
                tags.append(found.name)
            elif not isinstance(found, _MODIFIERS):
                break
            type_id = found.type_id
        return type_id, tuple(tags)

    # ------------------------------------------------------------ records

    def begins_with(self, name: str, part: str) -> bool:
        """Whether the kernel's record ``name`` is, or has at its start, a record ``part``."""
        if name == part:
            return True
        return any(self._starts(i, part, MAX_STEPS) for i in self.btf.by_name(name, RECORDS))

    def _starts(self, type_id: int, part: str, depth: int) -> bool:
        type_id, found = self.btf.resolve(type_id)
        if isinstance(found, Array):
            return depth > 0 and self._starts(found.type_id, part, depth - 1)
        if not isinstance(found, (Struct, Union)) or depth == 0:
            return False
        if found.name == part:
            return True
        first = (m for m in found.members if m.bit_offset == 0 and not m.bits)
        return any(self._starts(m.type_id, part, depth - 1) for m in first)

    def is_user_member(self, record: Record, field: Field) -> bool:
        """Whether the kernel declares a member as a pointer into user memory."""
        if not record.relocatable or not record.name or not field.name:
            return False
        if self._tagged is None:
            self._tagged = b"\0user\0" in self.btf.strings
        return self._tagged and self._is_tagged_member(record.name, field.name)

    def _is_tagged_member(self, record: str, member: str) -> bool:
        for type_id in self.btf.by_name(record, RECORDS):
            body = self.btf.type(type_id)
            assert isinstance(body, (Struct, Union))
            for m in body.members:
                _, pointer = self.btf.resolve(m.type_id)
                if m.name == member and isinstance(pointer, Ptr):
                    return "user" in self._pointee(pointer.type_id)[1]
        return False
