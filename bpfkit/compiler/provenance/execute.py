"""Executing the statements of a clone, in source order, each once a pass."""

from __future__ import annotations

from ..ctype import Record, bare, size_of
from ..dialect.probes import USER_MEMORY
from ..tree import (
    Asm,
    Case,
    Compound,
    DeclStmt,
    Default,
    DoWhile,
    ExprStmt,
    For,
    If,
    Label,
    Return,
    Stmt,
    Storage,
    Switch,
    VarDecl,
    While,
)
from .transfer import Transfer
from .values import NOTHING, SCALARS, USERS, Atoms, stack


def execute(transfer: Transfer, node: Stmt) -> Atoms:
    """Execute ``node``; give the value of its last statement when that is an expression."""
    match node:
        case Compound():
            value = NOTHING
            for statement in node.body:
                value = execute(transfer, statement)
            return value
        case ExprStmt():
            return transfer.value(node.expr)
        case Label() | Case() | Default():
            return execute(transfer, node.body)
        case DeclStmt():
            for var in node.vars:
                _declare(transfer, var)
        case If():
            transfer.value(node.condition)
            execute(transfer, node.then)
            if node.otherwise is not None:
                execute(transfer, node.otherwise)
        case While() | DoWhile() | Switch():
            transfer.value(node.condition)
            execute(transfer, node.body)
        case For():
            _for(transfer, node)
        case Return() if node.value is not None:
            transfer.memory.learn(transfer.clone.result, transfer.value(node.value))
        case Asm():
            _asm(transfer, node)
    return NOTHING


def _declare(transfer: Transfer, var: VarDecl) -> None:
    if var.storage is Storage.LOCAL and var.init is not None:
        obj = transfer.clone.object_of(var)
        transfer.clone.comes_from(var, var.init)
        if USER_MEMORY in var.annotations:
            transfer.value(var.init)
            transfer.memory.write(obj, 0, USERS)
            return
        transfer.initialise(frozenset({stack(obj)}), var.type, var.init)


def _for(transfer: Transfer, node: For) -> None:
    if node.init is not None:
        execute(transfer, node.init)
    if node.condition is not None:
        transfer.value(node.condition)
    execute(transfer, node.body)
    if node.step is not None:
        transfer.value(node.step)


def _asm(transfer: Transfer, node: Asm) -> None:
    """An empty template moves values: each output may be any input."""
    moved = NOTHING.union(*(transfer.value(value) for value in node.inputs))
    for output in node.outputs:
        to, _ = transfer.access(output, store=True)
        if isinstance(bare(output.type), Record):
            transfer.memory.copy(
                to, SCALARS, size_of(output.type), transfer.record_access(output, to)
            )
        else:
            transfer.memory.store(to, moved or SCALARS)
