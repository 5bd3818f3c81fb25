"""What a function is in bcc's dialect: a program, or a helper that becomes part of its callers."""

from __future__ import annotations

from ..diagnostics import Rejection
from ..programs import programs_of
from ..tree import Call, DeclRef, FunctionDecl, Unit
from .walk import expressions


def sort_functions(unit: Unit) -> list[FunctionDecl]:
    """Give the programs of ``unit``; make every other function part of its callers."""
    programs = programs_of(unit, "bcc")
    for function in unit.functions:
        if function not in programs and not function.noinline:
            function.always_inline = True
    _refuse_calls_of_programs(unit, {f.name for f in programs})
    return programs


def _refuse_calls_of_programs(unit: Unit, programs: set[str]) -> None:
    for function in unit.functions:
        for node in expressions(function):
            match node:
                case Call(callee=DeclRef(decl=FunctionDecl() as callee)) if callee.name in programs:
                    raise Rejection(
                        f"cannot call non-static helper function '{callee.name}'",
                        node.loc,
                        f"what is not static is a program; declare '{callee.name}' static",
                    )
