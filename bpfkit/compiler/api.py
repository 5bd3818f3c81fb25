"""From a C text to an object: the only module that sees every stage of the compiler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ..errors import CompileError
from . import backend
from .compiled import Compiled as Compiled
from .diagnostics import Diagnostic, Loc, Rejection, Severity
from .dialect.apply import apply_dialect
from .dialect.arguments import bind_arguments
from .emitted import refusals
from .frontend.parse import parse
from .lower.irtext import TRIPLE
from .lower.module import byte_order, emit_module
from .parse_input import ParseInput
from .provenance.analyse import analyse
from .rename import follow_renames
from .source import Source, assemble
from .suggest import with_hint
from .symbols import MARK, without_marks
from .target import Target
from .tree import Unit

INCOMPLETE = re.compile(r"incomplete (?:\w+ )*(?:of )?type '(?:const |volatile )*struct (\w+)")
NO_MEMBER = "no member named"


class Emit(Protocol):
    """LLVM: a module as text to an ELF object."""

    def __call__(self, ir: str, *, cpu: str, source: str, triple: str) -> bytes:
        """``source`` is the C text, for the lines of diagnostics."""


def compile_c(
    source: Source,
    target: Target,
    external: frozenset[Loc] = frozenset(),
    *,
    emit: Emit | None = None,
    parts: ParseInput | None = None,
) -> Compiled:
    """Compile a C text to a BPF object (ELF with .BTF and .BTF.ext).

    ``external`` are places whose plain loads a verifier refused: there memory is read by helper,
    with column 0 everywhere on the line. A pure function of its arguments. Raises CompileError,
    whose diagnostics have places in the text.

    libclang runs in this process, and a text can make it end that: `isolated` is for texts that
    are not known to be harmless. ``emit`` replaces the helper process around LLVM, ``parts`` is
    what `assemble` made of the same text.
    """
    if emit is None:
        backend.warm_up()
    try:
        unit, said = parse_source(source, target, parts)
        if target.dialect == "bcc":
            said += apply_dialect(unit, target)
        else:
            unit.license = ""  # the text says it, or there is none
            bind_arguments(unit, target)
        refuse(said, source)
        plan = analyse(unit, target, external)
        ir = emit_module(unit, plan, arch=target.arch, cpu=target.cpu)
    except Rejection as refused:
        error = Diagnostic(Severity.ERROR, refused.message, refused.loc, hint=refused.hint)
        raise CompileError([quote_line(error, source)]) from refused
    triple = TRIPLE[byte_order(target.arch)]
    elf = (emit or backend.compile_ir)(ir, cpu=target.cpu, source=source.text, triple=triple)
    refuse(tuple(refusals(elf, unit)), source)
    if MARK in ir:
        elf = without_marks(elf)
    return Compiled(elf, tuple(quote_line(d, source) for d in said), ir, plan.reads)


def parse_source(
    source: Source, target: Target, parts: ParseInput | None = None
) -> tuple[Unit, list[Diagnostic]]:
    """Parse a text; again with more kernel records while it needs some that it does not name.

    ``parts`` is what `assemble` made of it, made now without it.
    """
    also: set[str] = set()
    whole = False
    while True:
        try:
            unit, said = parse(parts or assemble(source, target, also=also, whole=whole))
            refuse(said, source)
            follow_renames(unit)
            return unit, said
        except CompileError as error:
            wanted = {m[1] for d in error.diagnostics for m in INCOMPLETE.finditer(d.message)}
            # A macro may put a member's name together, and clang offers the name that was meant.
            lacking = any(NO_MEMBER in d.message for d in error.diagnostics)
            if not wanted - also and (whole or not lacking):
                hinted = [with_hint(d, target) for d in error.diagnostics]
                raise CompileError(hinted) from None
            also |= wanted
            whole |= lacking
            parts = None


def refuse(said: Sequence[Diagnostic], source: Source) -> None:
    """Raise CompileError if there is an error among the diagnostics."""
    if any(d.severity is Severity.ERROR for d in said):
        raise CompileError([quote_line(d, source) for d in said])


def quote_line(said: Diagnostic, source: Source) -> Diagnostic:
    """Add the source line to a diagnostic about the text, unless it has one."""
    line = source_line(said.loc, source)
    return said if said.source_line or not line else replace(said, source_line=line)


def source_line(loc: Loc, source: Source) -> str:
    """The line of the text at ``loc``, "" for places elsewhere."""
    text = source.text if loc.file in ("", source.name) else source.includes.get(loc.file, "")
    lines = text.split("\n")
    return lines[loc.line - 1].rstrip() if 0 < loc.line <= len(lines) else ""
