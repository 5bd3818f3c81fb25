"""What LLVM wrote that no kernel takes, told in terms of the text.

A table of addresses that is indexed at run time stays in the object with relocations that nobody
applies, and a call through a pointer stays a ``callx``. Only the optimised object shows which
tables and calls are left.

Source: ELF-64 object file format; Documentation/bpf/standardization/instruction-set.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ..obj.read import read_object
from .diagnostics import Diagnostic, Loc, Severity
from .dialect.walk import expressions
from .tree import DeclRef, Unit, VarDecl

_REL, _RELA, _SYMTAB, _EXECUTABLE = 9, 4, 2, 4
_DATA = (".rodata", ".data", ".bss")
_SYMBOL = 24
_INSN, _WIDE, _CALLX = 8, 0x18, 0x8D
_LINE_SHIFT = 10


class Section(NamedTuple):
    """A section header, as far as it is of interest."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


class Elf:
    """An object's sections and symbols."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[5] == 1 else ">"
        (table,) = struct.unpack_from(f"{self.order}Q", data, 0x28)
        size, count, names = struct.unpack_from(f"{self.order}HHH", data, 0x3A)
        layout = f"{self.order}IIQQQQII"
        self.sections = [
            Section(*struct.unpack_from(layout, data, table + index * size))
            for index in range(count)
        ]
        self._names = self.sections[names].offset

    def name(self, section: Section) -> str:
        """The name of a section."""
        return self._string(self._names + section.name)

    def object_at(self, section: int, offset: int) -> str:
        """The name of the object that holds ``offset`` of a section, "" for none."""
        for table in self.sections:
            if table.type != _SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, _SYMBOL):
                name, _, _, where, value, size = struct.unpack_from(
                    f"{self.order}IBBHQQ", self.data, at
                )
                if where == section and value <= offset < value + size:
                    return self._string(strings + name)
        return ""

    def _string(self, at: int) -> str:
        return self.data[at : self.data.index(b"\0", at)].decode(errors="replace")


def refusals(data: bytes, unit: Unit) -> Iterator[Diagnostic]:
    """Give what is wrong with an object that was made of ``unit``; a rehearsal makes none."""
    if not data:
        return
    elf = Elf(data)
    for section in elf.sections:
        if section.type in (_REL, _RELA):
            target = elf.sections[section.info]
            if elf.name(target).startswith(_DATA) and section.size:
                (offset,) = struct.unpack_from(f"{elf.order}Q", data, section.offset)
                yield _address_table(elf.object_at(section.info, offset), unit)
        if section.flags & _EXECUTABLE and _calls_pointer(data, section):
            yield _pointer_call(data, unit)


def _address_table(name: str, unit: Unit) -> Diagnostic:
    short = name.rpartition(".")[2] or name
    declared = (v for v in _static(unit) if v.name == short)
    found = next(declared, None)
    loc = found.loc if found is not None else Loc(unit.file)
    return Diagnostic(
        Severity.ERROR,
        f"'{short}' holds addresses that are read at run time, and nobody fills them in",
        loc,
        hint="choose with a switch, or keep the texts themselves: char names[][16]",
    )


def _static(unit: Unit) -> Iterator[VarDecl]:
    """The objects of a unit that are in its data sections."""
    yield from unit.globals
    for function in unit.functions:
        for node in expressions(function):
            if isinstance(node, DeclRef) and isinstance(node.decl, VarDecl):
                yield node.decl


def _calls_pointer(data: bytes, section: Section) -> bool:
    at, end = section.offset, section.offset + section.size
    while at < end:
        if data[at] == _CALLX:
            return True
        at += 2 * _INSN if data[at] == _WIDE else _INSN
    return False


def _pointer_call(data: bytes, unit: Unit) -> Diagnostic:
    """Find the line of a call through a pointer."""
    spec = read_object(data)
    loc = Loc(unit.file)
    for function in [*spec.programs.values(), *spec.functions.values()]:
        number = 0
        while number * _INSN < len(function.insns):
            code = function.insns[number * _INSN]
            if code == _CALLX:
                places = [place for insn, _, _, place in function.line_info if insn <= number]
                if places:
                    line, column = divmod(places[-1], 1 << _LINE_SHIFT)
                    loc = Loc(unit.file, line, column)
            number += 2 if code == _WIDE else 1
    return Diagnostic(
        Severity.ERROR,
        "a call through a pointer that is not known when the text is compiled",
        loc,
        hint="call functions by name, chosen with a switch; or use a tail call",
    )
