"""CO-RE: what to patch into an instruction so that it fits another kernel's types.

Pure: types in, numbers out. `Relocator` finds the target types a relocation may mean, by name
without a ``___flavour``, follows the recorded access by member names, and computes the value. Which
types count as the same is told in ``compat.py``. Source: enum bpf_core_relo_kind in
include/uapi/linux/bpf.h; the rules are those libbpf documents with its CO-RE support (relo_core.c,
v1.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import FormatError, LoadError
from ..uapi.btf import BtfKind, CoreRelocKind
from .compat import (
    essential,
    fields_compatible,
    same_kind,
    types_compatible,
    types_match,
)
from .layout import member_bits, size_of
from .types import Array, Btf, Enum, Enum64, Int, Member, Ptr, Struct, Type, Union

if TYPE_CHECKING:
    from ..obj.spec import CoreReloc

_FIELD_KINDS = frozenset(range(CoreRelocKind.FIELD_BYTE_OFFSET, CoreRelocKind.TYPE_ID_LOCAL))
_ENUM_VALUE_KINDS = frozenset({CoreRelocKind.ENUMVAL_EXISTS, CoreRelocKind.ENUMVAL_VALUE})


@dataclass(frozen=True, slots=True)
class Access:
    """Memory a relocated load or store touches: size in bytes, and what kind of value it is."""

    size: int
    pointer: bool = False
    unsigned: bool = False


@dataclass(frozen=True, slots=True)
class CoreResult:
    """What a relocation comes to.

    ``value`` is None when the target has nothing of the kind: the instruction must never run, so
    that the loader replaces it by one the verifier refuses. ``original`` is what the compiler put
    there, None when that cannot be checked. ``local`` and ``target`` are set for the offset of a
    field that is no bit-field: a load of it changes its width with the field.
    """

    value: int | None
    original: int | None
    local: Access | None = None
    target: Access | None = None
    text: str = ""
    """The access in words, for messages: ``struct sock.sk_family``."""

    @property
    def resizable(self) -> bool:
        """Whether the load or store may take the width of the target's field."""
        if self.local is None or self.target is None or self.local.size == self.target.size:
            return True
        # A narrower or wider load extends with zeros: right for pointers and unsigned integers.
        both = self.local, self.target
        return all(one.pointer for one in both) or all(one.unsigned for one in both)


@dataclass(frozen=True, slots=True)
class _Step:
    """A named member, or an element when ``name`` is empty, of the type ``type_id``."""

    type_id: int
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class _Path:
    """A followed access: its steps, where it ends, and the record and member of the last step."""

    btf: Btf
    root: int
    steps: tuple[_Step, ...]
    bit_offset: int
    end: int
    member: Member | None = None


Resolved = tuple[int, str, int, CoreResult]
"""Type id, access string and kind of a relocation, and what it comes to."""


class Relocator:
    """Relocates from ``local`` types to those of ``targets``: the kernel first, then modules."""

    def __init__(
        self, local: Btf, targets: Sequence[Btf], resolved: Iterable[Resolved] = ()
    ) -> None:
        """``resolved`` is what is known already: the targets are not asked for it."""
        self._known = {(row[0], row[1], row[2]): row[3] for row in resolved}
        self._local = local
        self._targets = targets
        self._candidates: dict[int, list[tuple[Btf, int]]] = {}

    def resolve(self, reloc: CoreReloc) -> CoreResult:
        """Compute one relocation.

        Raises FormatError when it does not fit the local types, and LoadError when several target
        types fit and give different values.
        """
        known = self._known.get((reloc.type_id, reloc.access, reloc.kind))
        if known is not None:
            return known
        try:
            kind = CoreRelocKind(reloc.kind)
            access = [int(part) for part in reloc.access.split(":")]
        except ValueError:
            message = (
                f"CO-RE relocation of kind {reloc.kind} with access '{reloc.access}' is unknown"
            )
            raise FormatError(message) from None
        if kind is CoreRelocKind.TYPE_ID_LOCAL:
            return CoreResult(reloc.type_id, reloc.type_id, text=self._describe(reloc.type_id))
        if kind in _FIELD_KINDS:
            return self._field(kind, self._parse(reloc.type_id, access))
        if kind in _ENUM_VALUE_KINDS:
            return self._enumerator(kind, reloc.type_id, access)
        return self._type(kind, reloc.type_id)

    def candidates(self, type_id: int) -> list[tuple[Btf, int]]:
        """Return the target types of the same kind whose name is the same without flavours.

        Modules are asked only when the kernel itself has none.
        """
        found = self._candidates.get(type_id)
        if found is None:
            found = []
            for target in self._targets:
                found = self._in_target(type_id, target)
                if found:
                    break
            self._candidates[type_id] = found
        return found

    def _in_target(self, type_id: int, target: Btf) -> list[tuple[Btf, int]]:
        name = essential(self._local.name(type_id))
        if not name:
            raise FormatError(f"CO-RE relocation against an anonymous type (BTF type {type_id})")
        kind = self._local.kind(type_id)
        ids = list(target.by_name(name))
        for flavour in _flavours(target, name):
            ids += target.by_name(flavour)
        return [(target, i) for i in sorted(ids) if same_kind(kind, target.kind(i))]

    def _describe(self, type_id: int) -> str:
        kind = self._local.kind(type_id)
        words = {BtfKind.STRUCT: "struct ", BtfKind.UNION: "union "}
        return f"{words.get(kind, '')}{self._local.name(type_id)}"

    # ---- fields

    def _parse(self, type_id: int, access: Sequence[int]) -> _Path:
        """Follow the recorded indexes through the local types."""
        btf = self._local
        steps = [_Step(type_id, access[0], "")]
        offset = 8 * access[0] * size_of(btf, type_id)
        at, member = type_id, None
        for index in access[1:]:
            record_id, found = btf.resolve(at)
            if isinstance(found, Struct | Union) and index < len(found.members):
                member = found.members[index]
                offset += member.bit_offset
                at = member.type_id
                if member.name:
                    steps.append(_Step(record_id, index, member.name))
            elif isinstance(found, Array):
                at, member = found.type_id, None
                steps.append(_Step(at, index, ""))
                offset += 8 * index * size_of(btf, at)
            else:
                path = ":".join(map(str, access))
                raise FormatError(f"access {path} does not fit {self._describe(type_id)}")
        return _Path(btf, type_id, tuple(steps), offset, at, member)

    def _field(self, kind: CoreRelocKind, local: _Path) -> CoreResult:
        text = "".join(
            [self._describe(local.root)]
            + [f".{s.name}" if s.name else f"[{s.index}]" for s in local.steps[1:]]
        )
        own, own_access = _field_value(kind, local)
        # The compiler may place a bit-field's load elsewhere than this computation does.
        sure = {CoreRelocKind.FIELD_SIGNED, CoreRelocKind.FIELD_EXISTS}
        original = own if _is_plain(local) or kind in sure else None
        results = []
        for target, type_id in self.candidates(local.root):
            path = self._follow(local, target, type_id)
            if path is not None:
                results.append((_field_value(kind, path), path.bit_offset))
        if not results:
            missing = 0 if kind is CoreRelocKind.FIELD_EXISTS else None
            return CoreResult(missing, original, text=text)
        if any(one != results[0] for one in results):
            raise LoadError(f"{text} is ambiguous: the kernel has {len(results)} types that fit")
        (value, access), _ = results[0]
        return CoreResult(value, original, own_access, access, text)

    def _follow(self, local: _Path, target: Btf, type_id: int) -> _Path | None:
        """Follow the same names through a target type; None when a step is missing."""
        offset = 8 * local.steps[0].index * size_of(target, type_id)
        at, member = type_id, None
        container: Struct | Union | None = None
        for step in local.steps[1:]:
            _, found = target.resolve(at)
            if not step.name:
                if not isinstance(found, Array):
                    return None
                if step.index >= found.count and not _flexible(found, member, container):
                    return None
                at = found.type_id
                offset += 8 * step.index * size_of(target, at)
                member, container = None, None
                continue
            if not isinstance(found, Struct | Union):
                return None
            match = self._member(step, target, found, 0)
            if match is None:
                return None
            container, member, shift = match
            offset += shift
            at = member.type_id
        return _Path(target, type_id, local.steps, offset, at, member)

    def _member(
        self, step: _Step, target: Btf, record: Struct | Union, depth: int
    ) -> tuple[Struct | Union, Member, int] | None:
        """Find a member by name, through anonymous ones: its record, itself and its bit offset."""
        if depth > 32:
            raise FormatError("anonymous members are nested deeper than 32")
        _, local = self._local.resolve(step.type_id)
        assert isinstance(local, Struct | Union)
        for member in record.members:
            if not member.name:
                _, inner = target.resolve(member.type_id)
                if isinstance(inner, Struct | Union):
                    deeper = self._member(step, target, inner, depth + 1)
                    if deeper is not None:
                        return deeper[0], deeper[1], deeper[2] + member.bit_offset
            elif member.name == step.name:
                mine = local.members[step.index].type_id
                fits = fields_compatible(self._local, mine, target, member.type_id)
                return (record, member, member.bit_offset) if fits else None
        return None

    # ---- types and enumerators

    def _type(self, kind: CoreRelocKind, type_id: int) -> CoreResult:
        test = types_match if kind is CoreRelocKind.TYPE_MATCHES else types_compatible
        values = [
            _type_value(kind, target, found)
            for target, found in self.candidates(type_id)
            if test(self._local, type_id, target, found)
        ]
        text = self._describe(type_id)
        if any(value != values[0] for value in values):
            raise LoadError(f"{text} is ambiguous: the kernel has {len(values)} types that fit")
        own = None
        if kind is not CoreRelocKind.TYPE_ID_TARGET:
            own = _type_value(kind, self._local, type_id)
        # A missing type reads as 0: programs test for it.
        return CoreResult(values[0] if values else 0, own, text=text)

    def _enumerator(self, kind: CoreRelocKind, type_id: int, access: list[int]) -> CoreResult:
        _, found = self._local.resolve(type_id)
        if not isinstance(found, Enum | Enum64) or access[0] >= len(found.values):
            raise FormatError(f"access {access[0]} does not fit {self._describe(type_id)}")
        wanted = found.values[access[0]]
        name = essential(wanted.name)
        exists = kind is CoreRelocKind.ENUMVAL_EXISTS
        values = []
        for target, candidate in self.candidates(type_id):
            _, enum = target.resolve(candidate)
            if isinstance(enum, Enum | Enum64):
                values += [v.value for v in enum.values if essential(v.name) == name][:1]
        text = f"{self._describe(type_id)}::{wanted.name}"
        if exists:
            return CoreResult(int(bool(values)), 1, text=text)
        if any(value != values[0] for value in values):
            raise LoadError(f"{text} is ambiguous: the kernel has {len(values)} types that fit")
        return CoreResult(values[0] if values else None, wanted.value, text=text)


def _flavours(target: Btf, name: str) -> list[str]:
    """Return the names ``name___…`` among the strings of ``target``."""
    prefix = b"\0" + name.encode("utf-8", "surrogateescape") + b"___"
    found = []
    at = target.strings.find(prefix)
    while at >= 0:
        end = target.strings.index(b"\0", at + 1)
        full = target.strings[at + 1 : end].decode("utf-8", "surrogateescape")
        if essential(full) == name:
            found.append(full)
        at = target.strings.find(prefix, end)
    return found


def _flexible(array: Array, member: Member | None, record: Struct | Union | None) -> bool:
    """Tell whether an array has no bound of its own: empty, and the last member of its record."""
    return array.count == 0 and record is not None and member is record.members[-1]


def _is_plain(path: _Path) -> bool:
    return path.member is None or not member_bits(path.btf, path.member)[1]


def _field_value(kind: CoreRelocKind, path: _Path) -> tuple[int, Access | None]:
    """Compute the value of a field relocation for one side."""
    btf = path.btf
    if kind is CoreRelocKind.FIELD_EXISTS:
        return 1, None
    bits = 0 if path.member is None else member_bits(btf, path.member)[1]
    _, found = btf.resolve(path.end)
    size = size_of(btf, path.end)
    offset = path.bit_offset // 8
    if bits:
        size, offset = _unit(path, size, bits)
    match kind:
        case CoreRelocKind.FIELD_BYTE_OFFSET:
            return offset, None if bits else _access(found, size)
        case CoreRelocKind.FIELD_BYTE_SIZE:
            return size, None
        case CoreRelocKind.FIELD_SIGNED:
            return int(isinstance(found, Enum | Enum64 | Int) and found.signed), None
        case CoreRelocKind.FIELD_RSHIFT_U64:
            return 64 - (bits or 8 * size), None
        case _:
            start = path.bit_offset - 8 * offset
            if btf.byteorder == "little":
                return 64 - (start + (bits or 8 * size)), None
            return 64 - 8 * size + start, None


def _unit(path: _Path, size: int, bits: int) -> tuple[int, int]:
    """Return size and byte offset of the smallest aligned load that holds a bit-field."""
    while True:
        offset = path.bit_offset // 8 // size * size
        if path.bit_offset + bits - 8 * offset <= 8 * size:
            return size, offset
        if size >= 8:
            name = path.member.name if path.member else ""
            raise FormatError(f"bit-field {name} does not fit one load of 8 bytes")
        size *= 2


def _access(found: Type, size: int) -> Access:
    return Access(size, isinstance(found, Ptr), isinstance(found, Int) and not found.signed)


def _type_value(kind: CoreRelocKind, btf: Btf, type_id: int) -> int:
    if kind is CoreRelocKind.TYPE_SIZE:
        return size_of(btf, type_id)
    return type_id if kind is CoreRelocKind.TYPE_ID_TARGET else 1
