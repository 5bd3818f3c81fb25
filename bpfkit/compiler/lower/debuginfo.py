"""Debug information: DI metadata, which the backend turns into BTF, func_info and line_info.

What is special to BPF:

- The names of a function's parameters reach BTF only through ``retainedNodes``; without them the
  kernel refuses the BTF of the program.
- How much of a record is needed shows while the module is lowered, so its node is reserved first
  and filled by `finish` (`Need`). A full closure over task_struct would cost a second, and old
  kernels would have to understand every type in it.
- The text of the program is embedded in its DIFile, so that line_info has the user's lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum as Enumeration
from enum import auto

from ..ctype import (
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
    Void,
    as_int,
    bare,
    size_of,
)
from ..diagnostics import Loc
from ..tree import FunctionDecl
from .irtext import ModuleText, quote_text


class Need(Enumeration):
    """How much must be said of a record."""

    NAME = auto()  # it is only pointed to: a forward declaration
    PART = auto()  # CO-RE chains go through it: its size, and the members they use
    FULL = auto()  # an object of the program has this type: all members


RECORD_TAG = {
    RecordKind.STRUCT: "DW_TAG_structure_type",
    RecordKind.UNION: "DW_TAG_union_type",
}


class DebugInfo:
    """The metadata of one module."""

    def __init__(self, module: ModuleText, *, file: str, source: str) -> None:
        self._module = module
        self._main = file
        self._source = source
        self._files: dict[str, str] = {}
        self._types: dict[Type, str] = {}
        self._waiting: dict[Record, str] = {}
        self._parts: dict[Record, set[int]] = {}
        """Records that are needed in part, and the numbers of the members that are."""
        self._steps: list[tuple[Record, Field]] = []
        self._variables: list[str] = []
        self._unit = module.distinct()

    # ------------------------------------------------------------ files and places

    def file(self, name: str) -> str:
        """The DIFile of ``name``; only the main text is embedded."""
        name = name or self._main
        node = self._files.get(name)
        if node is None:
            # Without an embedded source the backend would look for the file on this machine.
            source = self._source if name == self._main else ""
            node = self._files[name] = self._module.node(
                f'!DIFile(filename: "{quote_text(name)}", directory: "/", '
                f'source: "{quote_text(source) or " "}")'
            )
        return node

    def location(self, loc: Loc, scope: str) -> str:
        """A DILocation inside ``scope``."""
        return self._module.node(
            f"!DILocation(line: {loc.line}, column: {loc.column}, scope: {scope})"
        )

    # ------------------------------------------------------------ functions and variables

    def function(self, decl: FunctionDecl, *, internal: bool, full_params: bool) -> str:
        """The DISubprogram of a function that is emitted.

        ``full_params`` is for functions that the verifier checks alone: it needs the size of what
        their parameters point to.
        """
        module = self._module
        subprogram = module.distinct()
        file = self.file(decl.loc.file)
        # The prologue takes the other arguments of a program from its context.
        params = tuple(p.type for p in decl.params)
        kind = self.type(Function(decl.type.result, params))
        retained = []
        for number, param in enumerate(decl.params, 1):
            target = bare(param.type)
            default = f"arg{number}"
            if full_params and isinstance(target, Pointer):
                self.require(target.to)
            retained.append(
                module.distinct(
                    f'!DILocalVariable(name: "{param.name or default}", arg: {number}, '
                    f"scope: {subprogram}, file: {file}, line: {param.loc.line}, "
                    f"type: {self.type(param.type)}{self._tags(param.tags)})"
                )
            )
        # What is hidden from other objects is static to the verifier: it is checked with its
        # callers, where it may take and give what a global function may not.
        flags = "DISPFlagLocalToUnit | " if internal or decl.hidden else ""
        module.fill(
            subprogram,
            f'distinct !DISubprogram(name: "{decl.name}", scope: {file}, file: {file}, '
            f"line: {decl.loc.line}, type: {kind}, scopeLine: {decl.loc.line}, "
            f"flags: DIFlagPrototyped, spFlags: {flags}DISPFlagDefinition | DISPFlagOptimized, "
            f"unit: {self._unit}, retainedNodes: {module.tuple(retained)}"
            f"{self._tags(decl.tags)})",
        )
        return subprogram

    def _tags(self, tags: Sequence[str], kind: str = "btf_decl_tag") -> str:
        """The annotations of a node, which become BTF tags."""
        if not tags:
            return ""
        notes = [self._module.node(f'!{{!"{kind}", !"{quote_text(tag)}"}}') for tag in tags]
        return f", annotations: {self._module.tuple(notes)}"

    def declaration(self, decl: FunctionDecl) -> str:
        """The DISubprogram of a function that the kernel defines.

        What it takes and gives is compared with the kernel's: pointers lead to records, not to
        forward declarations.
        """
        for t in (decl.type.result, *decl.type.params):
            pointer = bare(t)
            if isinstance(pointer, Pointer):
                self.type(pointer.to, Need.PART)
        file = self.file(decl.loc.file)
        return self._module.node(
            f'!DISubprogram(name: "{decl.name}", scope: {file}, file: {file}, '
            f"line: {decl.loc.line}, type: {self.type(decl.type)}, flags: DIFlagPrototyped, "
            "spFlags: DISPFlagOptimized)"
        )

    def variable(
        self,
        name: str,
        c_type: Type,
        loc: Loc,
        *,
        internal: bool = False,
        extern: bool = False,
        tags: Sequence[str] = (),
    ) -> str:
        """The DIGlobalVariableExpression of a global."""
        module = self._module
        file = self.file(loc.file)
        variable = module.distinct(
            f'distinct !DIGlobalVariable(name: "{name}", scope: {self._unit}, file: {file}, '
            f"line: {loc.line}, type: {self.type(c_type)}, isLocal: {str(internal).lower()}, "
            f"isDefinition: {str(not extern).lower()}{self._tags(tags)})"
        )
        node = module.distinct(
            f"!DIGlobalVariableExpression(var: {variable}, expr: !DIExpression())"
        )
        self._variables.append(node)
        return node

    # ------------------------------------------------------------ types

    def type(self, t: Type, need: Need = Need.FULL) -> str:
        """The node of ``t``. Void is ``null``."""
        while isinstance(t, Typedef) and isinstance(bare(t), Void):
            t = t.to  # the backend cannot name void
        if isinstance(t, Void):
            return "null"
        self.require(t, need)
        node = self._types.get(t)
        if node is None:
            node = self._types[t] = self._module.distinct()
            if isinstance(t, Record):
                self._waiting[t] = node
                self.require(t, need)
            else:
                self._module.fill(node, self._describe(t, need))
        return node

    def require(self, t: Type, need: Need = Need.FULL) -> None:
        """Make sure that as much as needed is said of the record that ``t`` holds by value."""
        t = bare(t)
        while isinstance(t, Array):
            t = bare(t.of)
        if isinstance(t, Record) and t in self._waiting:
            if need is Need.FULL:
                self._define(t)
            elif need is Need.PART or not t.name:  # a forward declaration needs a name
                self._parts.setdefault(t, set())

    def step(self, record: Record, field: Field) -> tuple[str, str]:
        """A step of a CO-RE chain: the record's node, and a mark for the member's number.

        Only the members that chains go through are described, in the order of the record, so the
        number is known in the end: see `resolve`.
        """
        node = self.type(record, Need.PART)
        if record in self._waiting:
            self._parts.setdefault(record, set()).add(field.index)
        self._steps.append((record, field))
        return node, f"§{len(self._steps) - 1}§"

    def resolve(self, text: str) -> str:
        """Put the numbers of members where `step` left its marks, after `finish`."""

        def number(match: re.Match[str]) -> str:
            record, field = self._steps[int(match[1])]
            part = self._parts.get(record)
            return str(field.index if part is None else sorted(part).index(field.index))

        return re.sub("§([0-9]+)§", number, text)

    def require_pointed(self, t: Type) -> None:
        """Make sure that what a map definition's members point to is complete."""
        t = bare(t)
        if isinstance(t, Record):
            for member in t.fields:
                target = bare(member.type)
                inside = isinstance(target, Array)  # what a map of maps holds: maps
                while isinstance(target, (Array, Pointer)):
                    target = bare(target.of if isinstance(target, Array) else target.to)
                self.type(target)
                if inside:
                    self.require_pointed(target)

    def _describe(self, t: Type, need: Need) -> str:
        match t:
            case Int():
                return (
                    f'!DIBasicType(name: "{t.name}", size: {t.size * 8}, encoding: {_encoding(t)})'
                )
            case Float():
                return f'!DIBasicType(name: "{t.name}", size: {t.size * 8}, encoding: DW_ATE_float)'
            case Pointer():
                # What a tagged pointer may hold is looked up among records.
                base = self.type(t.to, Need.PART if t.tags else Need.NAME)
                tags = self._tags(t.tags, "btf_type_tag")
                return f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {base}, size: 64{tags})"
            case Qual():
                return self._qualified(t, need)
            case Typedef():
                base = self.type(t.to, need)
                return (
                    f'!DIDerivedType(tag: DW_TAG_typedef, name: "{t.name}", '
                    f"file: {self.file('')}, baseType: {base}{self._tags(t.tags)})"
                )
            case Array():
                return self._array(t, need)
            case Function():
                return self._signature(t)
            case Enum():
                return self._enumeration(t)
        raise TypeError(f"no debug information for {t!r}")

    def _qualified(self, t: Qual, need: Need) -> str:
        base = self.type(t.to, need)
        tags = [
            tag
            for tag, on in (
                ("DW_TAG_const_type", t.const),
                ("DW_TAG_volatile_type", t.volatile),
            )
            if on
        ]
        for tag in tags[1:]:
            base = self._module.node(f"!DIDerivedType(tag: {tag}, baseType: {base})")
        return f"!DIDerivedType(tag: {tags[0]}, baseType: {base})" if tags else f"!{{{base}}}"

    def _array(self, t: Array, need: Need) -> str:
        # BTF wants one node with all dimensions.
        counts = []
        element: Type = t
        while isinstance(bare(element), Array):
            array = bare(element)
            assert isinstance(array, Array)
            counts.append(-1 if array.count is None else array.count)
            element = array.of
        ranges = [self._module.node(f"!DISubrange(count: {count})") for count in counts]
        return (
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {self.type(element, need)}, "
            f"size: {size_of(t) * 8}, elements: {self._module.tuple(ranges)})"
        )

    def _signature(self, t: Function) -> str:
        parts = [self.type(t.result), *(self.type(p) for p in t.params)]
        if t.variadic:
            parts.append("null")
        return f"!DISubroutineType(types: {self._module.tuple(parts)})"

    def _enumeration(self, t: Enum) -> str:
        unsigned = "" if t.underlying.signed else ", isUnsigned: true"
        items = [
            self._module.node(f'!DIEnumerator(name: "{name}", value: {value}{unsigned})')
            for name, value in t.constants
        ]
        name = f'name: "{t.name}", ' if t.name else ""
        return (
            f"!DICompositeType(tag: DW_TAG_enumeration_type, {name}file: {self.file('')}, "
            f"baseType: {self.type(t.underlying)}, size: {t.underlying.size * 8}, "
            f"elements: {self._module.tuple(items)})"
        )

    def _define(self, record: Record) -> None:
        """Fill a record's node; an incomplete record stays a forward declaration."""
        if not record.complete:
            return
        node = self._waiting.pop(record)
        self._parts.pop(record, None)
        self._fill(record, node, [f for f in record.fields if f.index >= 0], Need.FULL)

    def _fill(self, record: Record, node: str, fields: list[Field], need: Need) -> None:
        members = [self._member(node, f, need) for f in fields]
        name = f'name: "{record.name}", ' if record.name else ""
        self._module.fill(
            node,
            f"distinct !DICompositeType(tag: {RECORD_TAG[record.kind]}, {name}"
            f"file: {self.file('')}, size: {record.size * 8}, align: {record.align * 8}, "
            f"elements: {self._module.tuple(members)}{self._tags(record.tags)})",
        )

    def _member(self, scope: str, field: Field, need: Need) -> str:
        base = self.type(field.type, need)
        size, extra = size_of(field.type) * 8, ""
        if field.bit_width is not None:
            size = field.bit_width
            unit = as_int(field.type).size * 8
            extra = f", flags: DIFlagBitField, extraData: i64 {field.bit_offset // unit * unit}"
        name = f'name: "{field.name}", ' if field.name else ""
        return self._module.distinct(
            f"!DIDerivedType(tag: DW_TAG_member, {name}scope: {scope}, file: {self.file('')}, "
            f"baseType: {base}, size: {size}, offset: {field.bit_offset}{extra}"
            f"{self._tags(field.tags)})"
        )

    # ------------------------------------------------------------ the end

    def finish(self) -> None:
        """Fill what was left open and add the named metadata."""
        module = self._module
        while parts := [r for r in self._parts if r in self._waiting and r.complete]:
            for record in parts:  # describing one may need parts of others
                wanted = [f for f in record.fields if f.index in self._parts[record]]
                self._fill(record, self._waiting.pop(record), wanted, Need.PART)
        for record, node in self._waiting.items():
            if not record.name:  # a forward declaration without a name is no valid BTF
                self._fill(record, node, [], Need.PART)
                continue
            module.fill(
                node,
                f'!DICompositeType(tag: {RECORD_TAG[record.kind]}, name: "{record.name}", '
                f"file: {self.file('')}, flags: DIFlagFwdDecl)",
            )
        variables = module.tuple(self._variables)
        module.fill(
            self._unit,
            f"distinct !DICompileUnit(language: DW_LANG_C11, file: {self.file('')}, "
            'producer: "", isOptimized: true, runtimeVersion: 0, '
            # DWARF is for nobody here; BTF is made of the same metadata whatever this says.
            "emissionKind: DebugDirectivesOnly, "
            f"globals: {variables}, splitDebugInlining: false, nameTableKind: None)",
        )
        module.named_metadata["llvm.dbg.cu"] = [self._unit]
        module.named_metadata["llvm.module.flags"] = [
            module.node('!{i32 7, !"Dwarf Version", i32 5}'),
            module.node('!{i32 2, !"Debug Info Version", i32 3}'),
            module.node('!{i32 1, !"wchar_size", i32 4}'),
        ]


def _encoding(t: Int) -> str:
    if t.is_bool:
        return "DW_ATE_boolean"
    if t.size == 1 and "char" in t.name:
        return "DW_ATE_signed_char" if t.signed else "DW_ATE_unsigned_char"
    return "DW_ATE_signed" if t.signed else "DW_ATE_unsigned"
