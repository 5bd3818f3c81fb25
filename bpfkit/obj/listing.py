"""A program as people read it: instructions, with the C lines they come from between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..asm.disasm import disassemble
from .spec import ObjectSpec, ProgramSpec, RelocKind

LINE_SHIFT = 10
"""struct bpf_line_info keeps the line above the column (BPF_LINE_INFO_LINE_NUM)."""


def list_object(spec: ObjectSpec) -> str:
    """Every program of an object, then the functions they call, as text."""
    functions = {**spec.programs, **spec.functions}
    return "\n".join("\n".join(list_program(f, spec)) + "\n" for f in functions.values())


def list_program(program: ProgramSpec, spec: ObjectSpec) -> Iterator[str]:
    """The lines of one program: a heading, C lines after ``;``, instructions with their number.

    What a relocation will put into an instruction stands behind it.
    """
    yield f"{program.name}:{f'  # {program.section}' if program.section else ''}"
    lines = _lines(program, spec)
    notes = _notes(program)
    for number, text in disassemble(program.insns, spec.btf.byteorder if spec.btf else "little"):
        if number in lines:
            yield f"; {lines[number]}"
        note = notes.get(number, "")
        yield f"{number:6}: {text}{f'  # {note}' if note else ''}"


def _lines(program: ProgramSpec, spec: ObjectSpec) -> Mapping[int, str]:
    """The C line that begins at an instruction, with its place."""
    found: dict[int, str] = {}
    if spec.btf is None:
        return found
    for insn, file, text, place in program.line_info:
        name, line = spec.btf.string(file), place >> LINE_SHIFT
        found[insn] = f"{spec.btf.string(text).strip()}  ({name}:{line})"
    return found


def _notes(program: ProgramSpec) -> Mapping[int, str]:
    """What relocations refer to, by instruction."""
    notes = {}
    for reloc in program.relocs:
        offset = f"+{reloc.addend}" if reloc.kind is RelocKind.DATA and reloc.addend else ""
        notes[reloc.insn] = f"{reloc.kind} {reloc.symbol}{offset}"
    for core in program.core_relocs:
        notes[core.insn] = f"co-re {core.access}"
    return notes
