"""libclang's types as our C types.

Types are made once per translation unit, so records, enums and typedefs compare by identity. Sugar
that has a name or a meaning stays (typedefs, const, volatile), the rest goes. Layouts are
libclang's.

A record is filled with its fields only when the code needs them: it is held by value, pointed to by
an expression or a declaration of code that is translated, or written in the main file. Records
that only other records point to stay incomplete, else one kernel type would bring in thousands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..ctype import (
    VOID,
    Array,
    Enum,
    Field,
    Float,
    Function,
    Int,
    Pointer,
    Qual,
    Record,
    RecordKind,
    Type,
    Typedef,
    bare,
)
from ..diagnostics import Loc
from .clangffi import CXCursor, CXType, Unit
from .kinds import FLOATS, INTEGERS, Cursor, Kind

_INTS = {kind: Int(*row) for kind, row in INTEGERS.items()}
_BYTE = _INTS[5]
_TAG = re.compile(r'__attribute__\(\(btf_type_tag\("([^"]*)"\)\)\)')
_TAGS = re.compile(rf"(?:\s*{_TAG.pattern})+\s*\*(?:const|volatile|restrict|\s)*$")


_TYPEOF = re.compile(r"typeof\((\w+)\)")
_DECLARED_TAG = re.compile(r'__attribute__\(\(btf_decl_tag\("([^"]*)"\)')


def tags_of(text: str) -> tuple[str, ...]:
    """The BTF tags of a declaration, from its printed form, in the order of the text."""
    return tuple(_DECLARED_TAG.findall(text))


def decayed(t: Type) -> Type:
    """``t`` as the type of a parameter or a value: arrays and functions become pointers."""
    plain = bare(t)
    if isinstance(plain, Array):
        return Pointer(plain.of)
    if isinstance(plain, Function):
        return Pointer(t)
    return t


def unqualified(t: Type) -> Type:
    """``t`` without const and volatile on the outside."""
    while isinstance(t, Qual):
        t = t.to
    return t


def same_type(a: Type, b: Type) -> bool:
    """Whether ``a`` and ``b`` are one type below names and outer qualifiers."""
    a, b = bare(a), bare(b)
    if a == b:
        return True
    match a, b:
        case Pointer(), Pointer():
            return a.address_space == b.address_space and _same_pointee(a.to, b.to)
        case Array(), Array():
            return a.count == b.count and same_type(a.of, b.of)
        case Function(), Function():
            return (
                a.variadic == b.variadic
                and len(a.params) == len(b.params)
                and same_type(a.result, b.result)
                and all(map(same_type, a.params, b.params))
            )
    return False


def _same_pointee(a: Type, b: Type) -> bool:
    return _qualifiers(a) == _qualifiers(b) and same_type(a, b)


def _qualifiers(t: Type) -> tuple[bool, bool]:
    const = volatile = False
    while isinstance(t, (Typedef, Qual)):
        if isinstance(t, Qual):
            const, volatile = const or t.const, volatile or t.volatile
        t = t.to
    return const, volatile


class Types:
    """The types of one translation unit."""

    def __init__(self, unit: Unit, location: Callable[[CXCursor], Loc]) -> None:
        self._unit = unit
        self._lib = unit.clang
        self._location = location
        self._types: dict[tuple[int, int | None], Type] = {}
        self._records: dict[int | None, Record] = {}
        self._enums: dict[int | None, Enum] = {}
        self._typedefs: dict[int | None, Typedef] = {}
        self._fields: dict[int | None, Field] = {}
        self._declarations: dict[Record, CXCursor] = {}
        self._ready: set[Type] = set()
        self._names: dict[str, CXCursor] | None = None  # typedefs at file scope, once asked for
        self.unsupported: set[Type] = set()
        """Stand-ins for types we do not know (vectors, complex numbers): bytes, as many."""

    # ------------------------------------------------------------ types

    def of(self, t: CXType) -> Type:
        """The type ``t``."""
        key = (t.kind, t.data0)
        found = self._types.get(key)
        if found is None:
            found = self._types[key] = self._make(t)
        return found

    def used(self, t: CXType) -> Type:
        """The type ``t`` of something that code uses: what it holds or points to gets filled."""
        return self.touch(self.of(t))

    def touch(self, t: Type) -> Type:
        """Fill what an object of type ``t`` holds or points to."""
        if t not in self._ready:
            self._ready.add(t)
            self.need(t)
            plain = bare(t)
            if isinstance(plain, Pointer):
                self.need(plain.to)
        return t

    def need(self, t: Type) -> None:
        """Fill the records that an object of type ``t`` holds."""
        plain = bare(t)
        while isinstance(plain, Array):
            plain = bare(plain.of)
        if isinstance(plain, Function):
            for part in (plain.result, *plain.params):
                self.need(part)
        if isinstance(plain, Record) and not plain.complete:
            self._fill(plain)

    def need_pointees(self, t: Type) -> None:
        """Fill what the members of record ``t`` point to: a map's definition names its types so."""
        plain = bare(t)
        if isinstance(plain, Record):
            for field in plain.fields:
                target = bare(field.type)
                inside = isinstance(target, Array)  # what a map of maps holds: maps
                if isinstance(target, Array):
                    target = bare(target.of)
                if isinstance(target, Pointer):
                    self.need(target.to)
                    if inside:
                        self.need_pointees(target.to)

    def _make(self, t: CXType) -> Type:
        lib = self._lib
        const, volatile = lib.isConstQualifiedType(t), lib.isVolatileQualifiedType(t)
        if const or volatile:
            plain = self._plain(lib.getUnqualifiedType(t))
            return Qual(plain, bool(const), bool(volatile))
        return self._plain(t)

    def _plain(self, t: CXType) -> Type:
        lib = self._lib
        kind = t.kind
        integer = _INTS.get(kind)
        if integer is not None:
            return integer
        if kind == Kind.VOID:
            return VOID
        if kind == Kind.POINTER:
            target = lib.getPointeeType(t)
            return Pointer(self.of(target), lib.getAddressSpace(target), self._tags(t))
        if kind == Kind.ELABORATED:
            return self.of(lib.Type_getNamedType(t))
        if kind == Kind.TYPEDEF:
            return self._typedef(lib.getTypeDeclaration(t))
        if kind == Kind.RECORD:
            return self.record(lib.getTypeDeclaration(t))
        if kind == Kind.ENUM:
            return self._enum(lib.getTypeDeclaration(t))
        if kind == Kind.CONSTANT_ARRAY:
            return Array(self.of(lib.getArrayElementType(t)), lib.getArraySize(t))
        if kind in (Kind.INCOMPLETE_ARRAY, Kind.VARIABLE_ARRAY):
            return Array(self.of(lib.getArrayElementType(t)), None)
        if kind in (Kind.FUNCTION, Kind.FUNCTION_NO_PROTO):
            return self._function(t)
        if kind in FLOATS:
            return Float(FLOATS[kind], max(lib.Type_getSizeOf(t), 0))
        if kind == Kind.UNEXPOSED:
            named = self._typeof(t)
            if named is not None:
                return named
        canonical = lib.getCanonicalType(t)
        if canonical.kind != kind:
            return self.of(canonical)
        return self._unknown(t)

    def _tags(self, pointer: CXType) -> tuple[str, ...]:
        # libclang shows the attribute nowhere but in the spelling.
        spelled = self._lib.text(self._lib.getTypeSpelling(pointer))
        tagged = _TAGS.search(spelled) if "btf_type_tag" in spelled else None
        return tuple(_TAG.findall(tagged[0])) if tagged else ()

    def _typeof(self, t: CXType) -> Type | None:
        """The typedef that ``typeof(NAME)`` names: CO-RE asks kernels for typedefs by name."""
        named = _TYPEOF.fullmatch(self._lib.text(self._lib.getTypeSpelling(t)))
        if named is None:
            return None
        if self._names is None:
            root = self._lib.children(self._unit.cursor)
            found = (c for c in root if c.kind == Cursor.TYPEDEF)
            self._names = {self._lib.spelling(c): c for c in found}
        declaration = self._names.get(named[1])
        return None if declaration is None else self._typedef(declaration)

    def _unknown(self, t: CXType) -> Type:
        # A typedef makes the stand-in distinct from the honest arrays of its shape.
        size = max(self._lib.Type_getSizeOf(t), 0) if t.kind == Kind.VECTOR else 0
        stand_in = Typedef(self._lib.text(self._lib.getTypeSpelling(t)), Array(_BYTE, size))
        self.unsupported.add(stand_in)
        return stand_in

    def _typedef(self, declaration: CXCursor) -> Type:
        key = self._lib.getCanonicalCursor(declaration).data0
        found = self._typedefs.get(key)
        if found is None:
            name = self._lib.spelling(declaration)
            found = Typedef(name, VOID)
            self._typedefs[key] = found
            found.to = self.of(self._lib.getTypedefDeclUnderlyingType(declaration))
            found.tags = self._declared_tags(declaration)
        return found

    def _function(self, t: CXType) -> Function:
        lib = self._lib
        count = lib.getNumArgTypes(t) if t.kind == Kind.FUNCTION else 0
        params = tuple(decayed(self.of(lib.getArgType(t, i))) for i in range(count))
        variadic = t.kind == Kind.FUNCTION and bool(lib.isFunctionTypeVariadic(t))
        return Function(self.of(lib.getResultType(t)), params, variadic)

    def _enum(self, declaration: CXCursor) -> Enum:
        lib = self._lib
        key = lib.getCanonicalCursor(declaration).data0
        found = self._enums.get(key)
        if found is None:
            definition = lib.getCursorDefinition(declaration)
            if lib.is_null(definition):
                definition = declaration
            underlying = bare(self.of(lib.getEnumDeclIntegerType(definition)))
            found = Enum(
                self._tag(declaration), underlying if isinstance(underlying, Int) else _INTS[9]
            )
            self._enums[key] = found
            for child in lib.children(definition):
                if child.kind == Cursor.ENUM_CONSTANT:
                    value = self.enumerator(child, found.underlying)
                    found.constants.append((lib.spelling(child), value))
        return found

    def enumerator(self, constant: CXCursor, type_: Int) -> int:
        """The value of an enumeration constant as a value of ``type_``."""
        if type_.signed:
            return int(self._lib.getEnumConstantDeclValue(constant))
        mask = (1 << (type_.size * 8)) - 1
        return int(self._lib.getEnumConstantDeclUnsignedValue(constant)) & mask

    def _tag(self, declaration: CXCursor) -> str:
        # Only the type's spelling tells "struct x" from "typedef struct { … } x".
        spelled = self._lib.text(self._lib.getTypeSpelling(self._lib.getCursorType(declaration)))
        tagged = re.fullmatch(r"(?:struct|union|enum) (\w+)", spelled)
        return tagged[1] if tagged else ""

    # ------------------------------------------------------------ records

    def record(self, declaration: CXCursor) -> Record:
        """The record that ``declaration`` declares; not filled yet."""
        key = self._lib.getCanonicalCursor(declaration).data0
        found = self._records.get(key)
        if found is None:
            kind = RecordKind.UNION if declaration.kind == Cursor.UNION else RecordKind.STRUCT
            found = self._records[key] = Record(kind, self._tag(declaration))
            self._declarations[found] = declaration
        return found

    def field(self, declaration: CXCursor) -> Field:
        """The field that a FIELD_DECL declares."""
        found = self._fields.get(declaration.data0)
        if found is None:
            self.need(self.record(self._lib.getCursorSemanticParent(declaration)))
            found = self._fields[declaration.data0]
        return found

    def path(self, record: Record, field: Field) -> list[Field]:
        """The way from ``record`` to ``field`` through unnamed members; empty when none leads."""
        if field.record is record:
            return [field]
        for member in record.fields:
            inner = bare(member.type)
            if not member.name and isinstance(inner, Record):
                rest = self.path(inner, field)
                if rest:
                    return [member, *rest]
        return []

    def _fill(self, record: Record) -> None:
        lib = self._lib
        definition = lib.getCursorDefinition(self._declarations[record])
        if lib.is_null(definition):
            return
        type_ = lib.getCursorType(definition)
        record.complete = True  # before the fields: one may point back here
        record.size = max(lib.Type_getSizeOf(type_), 0)
        record.align = max(lib.Type_getAlignOf(type_), 1)
        record.loc = self._location(definition)
        self._read_attributes(record, definition)
        index = 0
        for cursor in lib.fields(type_):
            width = lib.getFieldDeclBitWidth(cursor) if lib.Cursor_isBitField(cursor) else None
            name = lib.spelling(cursor)
            field = Field(
                name=name if name.isidentifier() else "",  # anonymous ones get a description
                type=self.of(lib.getCursorType(cursor)),
                bit_offset=lib.Cursor_getOffsetOfField(cursor),
                index=index,
                bit_width=width,
                record=record,
            )
            if width is not None and not field.name:
                field.index = -1
            else:
                index += 1
            if not record.relocatable:  # the kernel's records have none, and many fields
                field.tags = self._declared_tags(cursor)
            record.fields.append(field)
            self._fields[cursor.data0] = field
        for field in record.fields:
            self.need(field.type)

    def _declared_tags(self, declaration: CXCursor) -> tuple[str, ...]:
        kinds = {child.kind for child in self._lib.children(declaration)}
        if Cursor.UNEXPOSED_ATTR not in kinds:
            return ()
        return tags_of(self._lib.pretty(declaration, terse=True))

    def _read_attributes(self, record: Record, definition: CXCursor) -> None:
        lib = self._lib
        annotations: list[str] = []
        for child in lib.children(definition):
            if child.kind == Cursor.ANNOTATE_ATTR:
                annotations.append(lib.spelling(child))
            elif child.kind == Cursor.PACKED_ATTR:
                record.packed = True
            elif child.kind == Cursor.UNEXPOSED_ATTR and not record.relocatable:
                head = lib.pretty(definition, terse=True).partition("{")[0]
                record.relocatable = "preserve_access_index" in head
                record.tags = tags_of(head)
        record.annotations = tuple(annotations)
        if not record.relocatable:
            # clang hands the attribute down to records written inside, and hides that.
            parent = lib.getCursorLexicalParent(definition)
            if parent.kind in (Cursor.STRUCT, Cursor.UNION):
                outer = self.record(parent)
                self.need(outer)
                record.relocatable = outer.relocatable
