"""Going through a tree: every expression once, children first, replaced in place.

Which attributes of a node hold nodes is read off its dataclass, so a new node class needs no code
here. References (`DeclRef.decl`, `MapAddress.map`) are not part of the tree and are not followed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ..tree import Expr, FunctionDecl, Init, Stmt, VarDecl

_NO_NODES = {"type", "loc", "decl", "map", "field", "compute", "end", "hint"}


def _parts(node: Expr | Stmt | VarDecl | Init) -> tuple[str, ...]:
    """Attributes of ``node`` that may hold nodes."""
    names: tuple[str, ...] = node.__match_args__
    return tuple(name for name in names if name not in _NO_NODES)


def rewrite(node: Expr | Stmt | VarDecl | Init, change: Callable[[Expr], Expr]) -> None:
    """Replace each expression below ``node`` by what ``change`` gives for it, children first.

    ``node`` itself stays: it is a statement, a declaration or an expression whose parent is
    elsewhere.
    """
    for name in _parts(node):
        held = getattr(node, name)
        if isinstance(held, list):
            for i, item in enumerate(held):
                held[i] = _rewritten(item, change)
        elif isinstance(held, (Expr, Stmt)):
            setattr(node, name, _rewritten(held, change))


def _rewritten(item: object, change: Callable[[Expr], Expr]) -> object:
    if isinstance(item, Init):  # frozen: a new leaf takes its place
        value = _rewritten(item.value, change)
        assert isinstance(value, Expr)
        return item if value is item.value else dataclasses.replace(item, value=value)
    if isinstance(item, (Expr, Stmt, VarDecl)):
        rewrite(item, change)
    return change(item) if isinstance(item, Expr) else item


def rewrite_function(function: FunctionDecl, change: Callable[[Expr], Expr]) -> None:
    """`rewrite` over the body of ``function``."""
    if function.body is not None:
        rewrite(function.body, change)


def expressions(node: Expr | Stmt | VarDecl | Init | FunctionDecl) -> Iterator[Expr]:
    """Every expression below ``node``, ``node`` itself included when it is one; parents first."""
    if isinstance(node, FunctionDecl):
        if node.body is not None:
            yield from expressions(node.body)
        return
    if isinstance(node, Expr):
        yield node
    for name in _parts(node):
        held = getattr(node, name)
        for item in held if isinstance(held, list) else (held,):
            if isinstance(item, (Expr, Stmt, VarDecl, Init)):
                yield from expressions(item)
