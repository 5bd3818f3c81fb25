"""``increment`` and ``atomic_increment``: add to an element; a plain hash gets it if missing."""

from __future__ import annotations

from ..constants import fold
from ..ctype import INT, ULONG, VOID, Pointer, Type, is_integer, size_of
from ..diagnostics import Rejection
from ..tree import Builtin, Expr, Stmt, VarDecl
from . import build
from .method_call import NOEXIST, MethodCall
from .tables import HASH, KINDS

EXTERN = KINDS["extern"].type
"""What an imported table is shows when it is loaded: as with a hash, a missing key is put in."""


def increment(call: MethodCall) -> Expr:
    """``*leaf += n`` without protection against other CPUs."""
    return _count(call, atomic=False)


def atomic_increment(call: MethodCall) -> Expr:
    """``*leaf += n`` in one atomic step; the first insertion of a key is not atomic."""
    return _count(call, atomic=True)


def _count(call: MethodCall, *, atomic: bool) -> Expr:
    loc, map_ = call.loc, call.map
    if map_.key is None or map_.leaf is None or not is_integer(map_.leaf):
        raise Rejection(
            f"{call.name} needs a map of integers",
            loc,
            f"look the element of '{map_.name}' up and change its members",
        )
    if len(call.args) > 2:
        raise Rejection(f"{call.name} takes a key and an amount", loc)
    amount: Expr = call.args[1] if len(call.args) == 2 else build.number(1, loc)
    if not is_integer(amount.type):
        raise Rejection(f"the amount of {call.name} must be an integer", loc, "pass a number")
    key = build.local("key", map_.key, loc, call.args[0])
    step = build.local("step", amount.type, loc, amount)
    body: list[Stmt] = [build.declare(key)]
    if fold(amount) is None:  # evaluated once, whichever branch is taken
        body.append(build.declare(step))
    leaf = _lookup(call, key)
    add = _add(call, leaf, _step(step, amount), atomic=atomic)
    missing = _insert(call, key, _step(step, amount)) if map_.type in (HASH, EXTERN) else []
    body.append(build.declare(leaf))
    body.append(build.if_null(build.load(leaf, loc), missing, [build.statement(add)]))
    return build.statement_expr(VOID, body, loc)


def _step(step: VarDecl, amount: Expr) -> Expr:
    value = fold(amount)
    if value is None:
        return build.load(step, step.loc)
    return build.number(value, amount.loc, amount.type)


def _lookup(call: MethodCall, key: VarDecl) -> VarDecl:
    assert call.map.leaf is not None
    pointer = Pointer(call.map.leaf)
    found = call.helper(
        "bpf_map_lookup_elem", pointer, call.address(), build.address(key, call.loc)
    )
    return build.local("leaf", pointer, call.loc, found)


def _add(call: MethodCall, leaf: VarDecl, step: Expr, *, atomic: bool) -> Expr:
    pointer = build.load(leaf, call.loc)
    if not atomic:
        return build.add_to(build.through(pointer, call.loc), step)
    type_: Type = call.map.leaf or INT
    if size_of(type_) not in (4, 8):
        raise Rejection(
            "atomic_increment needs a leaf of 4 or 8 bytes",
            call.loc,
            f"the leaf of '{call.map.name}' has {size_of(type_)}; BPF has no smaller atomics",
        )
    return Builtin(type_, call.loc, "__sync_fetch_and_add", [pointer, build.cast(step, type_)])


def _insert(call: MethodCall, key: VarDecl, step: Expr) -> list[Stmt]:
    assert call.map.leaf is not None
    loc = call.loc
    first = build.local("first", call.map.leaf, loc, build.cast(step, call.map.leaf))
    update = call.helper(
        "bpf_map_update_elem",
        ULONG,
        call.address(),
        build.address(key, loc),
        build.address(first, loc),
        build.number(NOEXIST, loc, ULONG),
    )
    return [build.declare(first), build.statement(update)]
