"""BTF as C declarations, in an order a C compiler accepts.

`Printer` writes what it is asked for and what that needs. A `Policy` tells which names the reader
already has and which pointers are worth following, so that a program gets the few records it uses
instead of the whole kernel. The bodies of records are written by ``records.py``.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from ..uapi.btf import BtfKind
from .records import Shapes, record_body
from .types import (
    Array,
    Btf,
    Const,
    Enum,
    Enum64,
    Float,
    FuncProto,
    Fwd,
    Int,
    Member,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Void,
    Volatile,
)

TAG_KINDS = frozenset({BtfKind.STRUCT, BtfKind.UNION, BtfKind.ENUM, BtfKind.ENUM64})
_WORDS = {
    BtfKind.STRUCT: "struct",
    BtfKind.UNION: "union",
    BtfKind.ENUM: "enum",
    BtfKind.ENUM64: "enum",
}
_QUALIFIERS = {
    BtfKind.CONST: "const",
    BtfKind.VOLATILE: "volatile",
    BtfKind.RESTRICT: "restrict",
}
_INT_SPELLINGS = {
    (1, True): "signed char",
    (1, False): "unsigned char",
    (2, True): "short",
    (2, False): "unsigned short",
    (4, True): "int",
    (4, False): "unsigned int",
    (8, True): "long long",
    (8, False): "unsigned long long",
    (16, True): "__int128",
    (16, False): "unsigned __int128",
}
# What the compilers write for C's integers; a name outside (another language) is spelled by its
# size.
_C_WORDS = frozenset(["char", "short", "int", "long", "signed", "unsigned", "_Bool", "__int128"])


# Typedefs every C compiler brings along; their BTF form is that of the kernel's own architecture.
_BUILTIN = frozenset({"__builtin_va_list"})


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Policy:
    """What `Printer` leaves out and how far it goes.

    ``tags``, ``typedefs`` and ``enumerators`` are names the reader has already. ``other_tags`` and
    ``other_typedefs`` are names the reader gives to types of its own: a pointer to such a record
    points to the reader's; by value the kernel's type is written as ``NAME___btf``. ``follow`` says
    for the name of a pointer member whether the record it points to is wanted in full. ``keep``
    says for a named record and one of its members whether that is written; padding stands for the
    others, so that all keep their places.
    """

    tags: Set[str] = frozenset()
    typedefs: Set[str] = frozenset()
    enumerators: Set[str] = frozenset()
    other_tags: Set[str] = frozenset()
    other_typedefs: Set[str] = frozenset()
    follow: Callable[[str], bool] = _always
    keep: Callable[[Struct | Union, str], bool] | None = None


@dataclass(slots=True)
class Chunk:
    """One declaration; ``record`` is the name of the record it defines, empty for others."""

    text: str
    record: str = ""


@dataclass(slots=True)
class Printer:
    """Collects declarations in ``chunks``. Ask with `define`, then call `finish` once."""

    btf: Btf
    policy: Policy = field(default_factory=Policy)
    chunks: list[Chunk] = field(default_factory=list)
    shapes: Shapes = field(init=False)
    _defined: set[int] = field(default_factory=set)
    _declared: set[int] = field(default_factory=set)
    _waiting: deque[int] = field(default_factory=deque)
    _used_enumerators: set[str] = field(default_factory=set)
    _names: dict[int, str] = field(default_factory=dict)
    _pads: int = 0
    _within: Struct | Union | None = None
    """The named record that is being written."""

    def __post_init__(self) -> None:
        self.shapes = Shapes(self.btf)

    def want(self, type_id: int) -> None:
        """Ask for a type in full; it is written by `finish`."""
        self._waiting.append(type_id)

    def finish(self) -> str:
        """Write all that is still waiting and return the whole text."""
        while self._waiting:
            self.define(self._waiting.popleft())
        return "\n".join(chunk.text for chunk in self.chunks) + "\n"

    def rest(self) -> Policy:
        """Return the policy of a printer that goes on with other types: what is here is known."""
        tags = {self.btf.name(i) for i in self._defined if self.btf.kind(i) in TAG_KINDS}
        typedefs = {self.btf.name(i) for i in self._names if self.btf.kind(i) is BtfKind.TYPEDEF}
        return replace(
            self.policy,
            tags=self.policy.tags | tags,
            typedefs=self.policy.typedefs | typedefs,
            enumerators=self.policy.enumerators | self._used_enumerators,
        )

    def define(self, type_id: int) -> None:
        """Make a type complete: usable by value."""
        if type_id in self._defined:
            return
        self._defined.add(type_id)
        found = self.btf.type(type_id)
        match found:
            case Struct() | Union():
                self._define_record(type_id, found)
            case Enum() | Enum64():
                self._define_enum(type_id, found)
            case Typedef(type_id=inner):
                with self._writing(None):
                    self._write_typedef(type_id, found)
                    self.define(inner)
            case Array(type_id=inner):
                self.define(inner)
            case Ptr(type_id=inner):
                self.declare(inner)
            case FuncProto():
                self._declare_proto(found)
            case Const() | Volatile() | Restrict() | TypeTag():
                self.define(found.type_id)
            case Fwd():
                self.declare(type_id)

    def declare(self, type_id: int) -> None:
        """Make a type usable behind a pointer."""
        if type_id in self._declared:
            return
        self._declared.add(type_id)
        found = self.btf.type(type_id)
        match found:
            case Struct(name=name) | Union(name=name) if name:
                self.chunks.append(Chunk(f"{self.spell(type_id, found, pointed=True)};"))
            case Fwd(union=union, name=name):
                if not self.btf.by_name(name, {BtfKind.ENUM, BtfKind.ENUM64}):
                    self.chunks.append(Chunk(f"{'union' if union else 'struct'} {name};"))
            case Typedef(name=known, type_id=inner) if known in _BUILTIN:
                self.declare(inner)
            case Typedef():
                with self._writing(None):
                    self._write_typedef(type_id, found)
            case Struct() | Union() | Enum() | Enum64() | Array():
                self.define(type_id)
            case FuncProto():
                self._declare_proto(found)
            case Ptr(type_id=inner):
                self.declare(inner)
            case Const() | Volatile() | Restrict() | TypeTag():
                self.declare(found.type_id)

    def spell(self, type_id: int, found: Type, *, pointed: bool = False) -> str:
        """Return ``struct name`` for a named record or enumeration; repeated names are numbered."""
        word = _WORDS[found.kind]
        if pointed and found.name in self.policy.other_tags:
            return f"{word} {found.name}"
        return f"{word} {self._tag(type_id, found)}" if found.name else word

    def declarator(self, type_id: int, name: str, indent: int = 0) -> str:
        """Return the C declaration of ``name`` as a value of this type, without the semicolon."""
        found = self.btf.type(type_id)
        match found:
            case Ptr(type_id=inner):
                target = self.btf.type(inner)
                wrap = isinstance(target, Array | FuncProto)
                return self.declarator(inner, f"(*{name})" if wrap else f"*{name}", indent)
            case Array(type_id=inner, count=count):
                return self.declarator(inner, f"{name}[{count}]", indent)
            case FuncProto(type_id=result):
                return self.declarator(result, f"{name}({self._params(found)})", indent)
            case Const() | Volatile() | Restrict():
                return self._qualified(found, name, indent)
            case TypeTag(type_id=inner):
                return self.declarator(inner, name, indent)
            case Typedef(name=known, type_id=inner) if known in _BUILTIN:
                return self.declarator(inner, name, indent)
            case _:
                pointed = name.startswith(("*", "(*"))
                return f"{self._base(type_id, found, indent, pointed)} {name}".rstrip()

    def pad_name(self) -> str:
        """Return a member name for padding; anonymous records share the outer namespace."""
        self._pads += 1
        return f"__pad_{self._pads}"

    def _qualified(self, found: Const | Volatile | Restrict, name: str, indent: int) -> str:
        word = _QUALIFIERS[found.kind]
        inner = self.btf.type(found.type_id)
        if isinstance(inner, Ptr):
            return self.declarator(found.type_id, f"{word} {name}".rstrip(), indent)
        if isinstance(inner, Array | FuncProto | Restrict) or word == "restrict":
            return self.declarator(found.type_id, name, indent)
        return f"{word} {self.declarator(found.type_id, name, indent)}"

    def _base(self, type_id: int, found: Type, indent: int, pointed: bool) -> str:
        """Spell a type that stands before the name; anonymous bodies are written in place."""
        match found:
            case Void():
                return "void"
            case Int():
                known = set(found.name.split()) <= _C_WORDS and found.name
                return found.name if known else _INT_SPELLINGS[found.size, found.signed]
            case Float(size=size):
                return {2: "_Float16", 4: "float", 8: "double"}.get(size, "long double")
            case Struct(name="") | Union(name=""):
                return record_body(self, type_id, found, indent)
            case Enum(name="") | Enum64(name=""):
                return self._enum_body(found)
            case Struct() | Union():
                return self.spell(type_id, found, pointed=pointed)
            case Enum() | Enum64():
                return self.spell(type_id, found)
            case Fwd(union=union, name=name):
                enum = self.btf.by_name(name, {BtfKind.ENUM, BtfKind.ENUM64})
                return f"{'enum' if enum else 'union' if union else 'struct'} {name}"
            case _:
                return self._typedef_name(type_id, found)

    def _params(self, proto: FuncProto) -> str:
        parts = [
            "..." if not p.name and not p.type_id else self.declarator(p.type_id, p.name)
            for p in proto.params
        ]
        return ", ".join(parts) or "void"

    def _define_record(self, type_id: int, found: Struct | Union) -> None:
        """Write a named record; an anonymous one is written where it is used."""
        if found.name and found.name in self.policy.tags:
            return
        with self._writing(found if found.name else self._within):
            for member in self.members(found):
                self._prepare_member(member.name, member.type_id)
            if not found.name:
                return
            body = record_body(self, type_id, found, 0)
        self._declared.add(type_id)
        self.chunks.append(Chunk(f"{body};", found.name))

    @contextlib.contextmanager
    def _writing(self, record: Struct | Union | None) -> Iterator[None]:
        outer, self._within = self._within, record
        try:
            yield
        finally:
            self._within = outer

    def members(self, record: Struct | Union) -> Sequence[Member]:
        """The members to write of a record, or of one without a name inside of it."""
        keep = self.policy.keep
        if keep is None or self._within is None:
            return record.members
        return [member for member in record.members if self._is_kept(member, keep)]

    def _is_kept(self, member: Member, keep: Callable[[Struct | Union, str], bool]) -> bool:
        assert self._within is not None
        if member.name:
            return keep(self._within, member.name)
        inner = self.btf.resolve(member.type_id)[1]
        parts = inner.members if isinstance(inner, Struct | Union) else ()
        return any(self._is_kept(part, keep) for part in parts)

    def _prepare_member(self, name: str, type_id: int) -> None:
        self.define(type_id)
        target = self._pointee(type_id)
        if target and self.policy.follow(name) and not self._is_other(target):
            self.want(target)

    def _is_other(self, type_id: int) -> bool:
        return self.btf.name(type_id) in self.policy.other_tags

    def _pointee(self, type_id: int) -> int:
        """Return the record a pointer, or an array of pointers, leads to; 0 for other types."""
        pointers = 0
        for _ in range(32):
            type_id, found = self.btf.resolve(type_id)
            if isinstance(found, Ptr):
                pointers += 1
            elif not isinstance(found, Array):
                return type_id if pointers and isinstance(found, Struct | Union | Fwd) else 0
            type_id = found.type_id
        return 0

    def _define_enum(self, type_id: int, found: Enum | Enum64) -> None:
        self._declared.add(type_id)
        if found.name in self.policy.tags and found.name:
            return
        if found.name or self._mine(found):
            self.chunks.append(Chunk(f"{self._enum_body(found, self._tag(type_id, found))};"))

    def _mine(self, found: Enum | Enum64) -> bool:
        """Tell whether any enumerator is still unwritten."""
        taken = self._used_enumerators | self.policy.enumerators
        return any(value.name not in taken for value in found.values)

    def _enum_body(self, found: Enum | Enum64, name: str = "") -> str:
        lines = []
        for value in found.values:
            if value.name in self._used_enumerators or value.name in self.policy.enumerators:
                continue
            self._used_enumerators.add(value.name)
            lines.append(f"\t{value.name} = {_literal(value.value)},")
        if not lines:
            lines.append(f"\t__{name or f'anonymous{len(self._used_enumerators)}'}_dummy,")
            self._used_enumerators.add(lines[0].strip("\t,"))
        mode = {1: " __attribute__((mode(QI)))", 2: " __attribute__((mode(HI)))"}
        suffix = mode.get(found.size, "")
        if found.size == 8:
            suffix = " __attribute__((mode(DI)))"
        head = f"enum {name}" if name else "enum"
        return "\n".join([f"{head} {{", *lines, f"}}{suffix}"])

    def _write_typedef(self, type_id: int, found: Typedef) -> None:
        """Write a typedef once; what it names must be there first."""
        if self._names.get(type_id) or found.name in self.policy.typedefs | _BUILTIN:
            return
        name = self._numbered(type_id, found.name, {BtfKind.TYPEDEF})
        if found.name in self.policy.other_typedefs:
            name = f"{name}___btf"
        self._names[type_id] = name
        inner = self.btf.type(found.type_id)
        if isinstance(inner, Struct | Union | Enum | Enum64) and not inner.name:
            self.define(found.type_id)
        else:
            self.declare(found.type_id)
        anonymous = not inner.name and isinstance(inner, Struct | Union)
        text = f"typedef {self.declarator(found.type_id, name)};"
        self.chunks.append(Chunk(text, found.name if anonymous else ""))

    def _typedef_name(self, type_id: int, found: Type) -> str:
        return self._names.get(type_id, found.name)

    def _declare_proto(self, proto: FuncProto) -> None:
        self.declare(proto.type_id)
        for param in proto.params:
            self.declare(param.type_id)

    def _tag(self, type_id: int, found: Type) -> str:
        """Return the tag of a record or an enumeration, made unique."""
        known = self._names.get(type_id)
        if known is None and found.name:
            known = self._numbered(type_id, found.name, TAG_KINDS)
            if found.name in self.policy.other_tags:
                known = f"{known}___btf"
            self._names[type_id] = known
        return known or ""

    def _numbered(self, type_id: int, name: str, kinds: Set[BtfKind]) -> str:
        """Return ``name`` for its first type, ``name___2`` for the second and so on."""
        same = self.btf.by_name(name, kinds)
        rank = same.index(type_id) if type_id in same else 0
        return f"{name}___{rank + 1}" if rank else name


def _literal(value: int) -> str:
    if -(1 << 31) <= value < 1 << 31:
        return str(value)
    return f"{value}LL" if value < 0 else f"{value:#x}ULL" if value >> 32 else f"{value:#x}U"


def dump(btf: Btf) -> str:
    """Return every type of ``btf``, without its base, as C."""
    printer = Printer(btf)
    for type_id, found in btf:
        if isinstance(found, Struct | Union | Enum | Enum64 | Typedef):
            printer.want(type_id)
    return printer.finish()
