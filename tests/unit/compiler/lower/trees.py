"""Small trees and decoded objects for the tests of the lowering."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile

from bpfkit.btf.decode import decode
from bpfkit.btf.types import Array as BtfArray
from bpfkit.btf.types import Btf, Struct, Union
from bpfkit.compiler.backend import compile_ir
from bpfkit.compiler.ctype import (
    INT,
    Array,
    Field,
    Function,
    Pointer,
    Record,
    RecordKind,
    Type,
    Typedef,
    bare,
)
from bpfkit.compiler.diagnostics import Loc
from bpfkit.compiler.lower.module import emit_module
from bpfkit.compiler.provenance.plan import Instance, Plan
from bpfkit.compiler.tree import (
    Compound,
    DeclRef,
    DeclStmt,
    Deref,
    Expr,
    FunctionDecl,
    IntLit,
    Load,
    MapDecl,
    Member,
    Return,
    Stmt,
    Storage,
    Unit,
    VarDecl,
)

SOURCE = "int f(void)\n{\n\treturn 1;\n}\n"
LOC = Loc("program.c", 3, 2)


def lit(value: int, t: Type = INT) -> IntLit:
    return IntLit(t, LOC, value)


def ret(value: Expr | None) -> Return:
    return Return(LOC, value)


def ref(decl: VarDecl) -> DeclRef:
    return DeclRef(decl.type, LOC, decl)


def load(lvalue: Expr) -> Load:
    return Load(lvalue.type, LOC, lvalue)


def deref(pointer: Expr) -> Deref:
    target = bare(pointer.type)
    assert isinstance(target, Pointer)
    return Deref(target.to, LOC, pointer)


def member(base: Expr, name: str) -> Member:
    record = bare(base.type)
    assert isinstance(record, Record)
    field = next(f for f in record.fields if f.name == name)
    return Member(field.type, LOC, base, field)


def param(name: str, t: Type) -> VarDecl:
    return VarDecl(name, t, Storage.LOCAL, LOC, is_param=True)


def local(name: str, t: Type, init: Expr | None = None) -> VarDecl:
    return VarDecl(name, t, Storage.LOCAL, LOC, init)


def declare(*variables: VarDecl) -> DeclStmt:
    return DeclStmt(LOC, list(variables))


def function(
    name: str, params: list[VarDecl], body: list[Stmt], result: Type = INT, **more: object
) -> FunctionDecl:
    t = Function(result, tuple(p.type for p in params))
    decl = FunctionDecl(name, t, params, LOC, Compound(LOC, body, LOC))
    for key, value in more.items():
        setattr(decl, key, value)
    return decl


def record(
    name: str,
    size: int,
    fields: list[tuple[str, Type, int] | tuple[str, Type, int, int]],
    *,
    kind: RecordKind = RecordKind.STRUCT,
    relocatable: bool = False,
    align: int = 8,
) -> Record:
    """A record from (name, type, bit offset[, bit width]) tuples."""
    made = Record(kind, name, size, align, complete=True, relocatable=relocatable)
    made.fields = [
        Field(row[0], row[1], row[2], index, row[3] if len(row) > 3 else None, made)
        for index, row in enumerate(fields)
    ]
    return made


def pointer(t: Type) -> Pointer:
    return Pointer(t)


def array(t: Type, count: int) -> Array:
    return Array(t, count)


def typedef(name: str, t: Type) -> Typedef:
    return Typedef(name, t)


@dataclass(frozen=True)
class Object:
    """A decoded object."""

    elf: ELFFile

    def data(self, section: str) -> bytes:
        found = self.elf.get_section_by_name(section)
        assert found is not None, section
        return bytes(found.data())

    def sections(self) -> set[str]:
        return {s.name for s in self.elf.iter_sections()}

    def symbols(self) -> dict[str, str]:
        """Symbol -> section."""
        table = self.elf.get_section_by_name(".symtab")
        return {
            s.name: self.elf.get_section(s["st_shndx"]).name
            if isinstance(s["st_shndx"], int)
            else s["st_shndx"]
            for s in table.iter_symbols()
            if s.name
        }

    def helpers(self, section: str) -> list[int]:
        """Numbers of the helpers that a section calls."""
        code = self.data(section)
        rows = [struct.unpack_from("<BBhi", code, at) for at in range(0, len(code), 8)]
        return [imm for op, registers, _, imm in rows if op == 0x85 and registers >> 4 == 0]

    def btf(self) -> Btf:
        return decode(self.data(".BTF"))

    def core(self) -> list[tuple[str, str, int]]:
        """CO-RE relocations: (type name, path of members, kind)."""
        ext = self.data(".BTF.ext")
        header = struct.unpack_from("<HBBIIIIIII", ext)
        start, length = header[8], header[9]
        base = header[3]
        btf = self.btf()
        strings = self._strings()
        found = []
        at, end = base + start, base + start + length
        if not length:
            return []
        (size,) = struct.unpack_from("<I", ext, at)
        at += 4
        while at < end:
            _, count = struct.unpack_from("<II", ext, at)
            at += 8
            for _ in range(count):
                _, type_id, name, kind = struct.unpack_from("<IIII", ext, at)
                text = strings[name:].split(b"\0")[0].decode()
                found.append((btf.name(type_id), self._path(btf, type_id, text), kind))
                at += size
        return found

    @staticmethod
    def _path(btf: Btf, type_id: int, access: str) -> str:
        """An access string with names for numbers: ``0:2:1`` -> ``parent.pid``."""
        words = []
        for number in map(int, access.split(":")[1:]):
            type_id, found = btf.resolve(type_id)
            if isinstance(found, BtfArray):
                words.append(f"[{number}]")
                type_id = found.type_id
            else:
                assert isinstance(found, Struct | Union)
                words.append(found.members[number].name)
                type_id = found.members[number].type_id
        return ".".join(words)

    def _strings(self) -> bytes:
        raw = self.data(".BTF")
        header, _, _, offset, _ = struct.unpack_from("<IIIII", raw, 4)
        return raw[header + offset :]


def plan_of(*functions: FunctionDecl, helper: int = 4) -> Plan:
    instances = [Instance(f, f.name) for f in functions]
    return Plan(list(instances), list(instances), helper)


def ir_of(
    plan: Plan,
    *,
    variables: list[VarDecl] | None = None,
    maps: list[MapDecl] | None = None,
    license: str = "GPL",
    cpu: str = "v3",
    arch: str = "x86_64",
) -> str:
    functions = [i.function for i in plan.instances]
    unit = Unit("program.c", SOURCE, functions, variables or [], maps=maps or [], license=license)
    return emit_module(unit, plan, arch=arch, cpu=cpu)


def compiled(
    plan: Plan,
    *,
    variables: list[VarDecl] | None = None,
    maps: list[MapDecl] | None = None,
    license: str = "GPL",
    cpu: str = "v3",
) -> Object:
    ir = ir_of(plan, variables=variables, maps=maps, license=license, cpu=cpu)
    return Object(ELFFile(io.BytesIO(compile_ir(ir, cpu=cpu, source=SOURCE))))
