"""Which expression an UNEXPOSED_EXPR cursor stands for.

libclang shows implicit casts, ``a ?: b``, atomics, offsetof and more under one kind. Their shapes
do not always differ: ``__builtin_types_compatible_p(typeof(c), int)`` looks like the conversion of
``c`` to int. The first byte of the node in memory is clang's own class number. Those numbers
change from release to release, so they are learned from a text with one expression of each class,
and a library where that does not work out is refused.
"""

from __future__ import annotations

import ctypes
import functools
from enum import Enum

from ...errors import MissingDependencyError
from .clangffi import CXCursor, Unit
from .kinds import Cursor, Expr


class ExprClass(Enum):
    """Classes of expressions that hide behind UNEXPOSED_EXPR."""

    IMPLICIT_CAST = "implicit cast"
    BINARY_CONDITIONAL = "a ?: b"
    ATOMIC = "__atomic_*"
    CHOOSE = "__builtin_choose_expr"
    OFFSETOF = "offsetof"
    TRAIT = "__builtin_types_compatible_p"
    PREDEFINED = "__func__"
    DESIGNATED = "designated initialiser"
    UNKNOWN = ""


_SAMPLE = """
struct s { int a; };
long c0 = (char)1;
void f(int x, int *p) {
  long i0 = x;
  int b0 = x ?: 1;
  int a0 = __atomic_load_n(p, 5);
  int c0 = __builtin_choose_expr(1, 2, 3);
  unsigned long o0 = __builtin_offsetof(struct s, a);
  int t0 = __builtin_types_compatible_p(int, int);
  const char *p0 = __func__;
  struct s d0 = {.a = 1};
}
"""
_INNER = ("p0", "d0")  # the expression is the first child of the initialiser
_CLASSES = {
    "i0": ExprClass.IMPLICIT_CAST,
    "b0": ExprClass.BINARY_CONDITIONAL,
    "a0": ExprClass.ATOMIC,
    "c0": ExprClass.CHOOSE,
    "o0": ExprClass.OFFSETOF,
    "t0": ExprClass.TRAIT,
    "p0": ExprClass.PREDEFINED,
    "d0": ExprClass.DESIGNATED,
}


def _number(cursor: CXCursor) -> int:
    return ctypes.c_ubyte.from_address(cursor.data1).value if cursor.data1 else -1


def _variables(unit: Unit, cursor: CXCursor) -> list[CXCursor]:
    found = []
    for child in unit.clang.children(cursor):
        if child.kind == Cursor.VAR:
            found.append(child)
        elif child.kind != Cursor.STRUCT:
            found += _variables(unit, child)
    return found


@functools.cache
def _numbers() -> dict[int, ExprClass]:
    """clang's class number -> class, learned once."""
    learned: dict[int, ExprClass] = {}
    with Unit(
        "classes.c",
        ("-xc", "-target", "bpf", "-nostdinc"),
        [("classes.c", _SAMPLE.encode())],
        0,
    ) as unit:
        function = unit.clang.children(unit.cursor)[-1]
        for variable in _variables(unit, function):
            name = unit.clang.spelling(variable)
            cursor = unit.clang.Cursor_getVarDeclInitializer(variable)
            if name in _INNER:
                cursor = unit.clang.children(cursor)[0]
            if cursor.kind == Expr.UNEXPOSED:
                learned[_number(cursor)] = _CLASSES[name]
    if len(learned) != len(_CLASSES):
        raise MissingDependencyError(
            "this build of libclang does not number its expressions as expected; "
            "run: pip install 'libclang>=18.1.1,<19'"
        )
    return learned


def class_of(cursor: CXCursor) -> ExprClass:
    """The class of an UNEXPOSED_EXPR."""
    return _numbers().get(_number(cursor), ExprClass.UNKNOWN)
