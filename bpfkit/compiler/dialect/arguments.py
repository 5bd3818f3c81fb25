"""Programs of libbpf's dialect with named arguments: BPF_PROG, BPF_KPROBE and their like.

The macros give a function its arguments as parameters and an annotation that says where they are.
The kernel passes the context alone, so they become locals that are initialised from it. Those that
the body does not name are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..ctype import U64, ULONG, Array, Function, Pointer, Record, Type, bare, is_scalar, size_of
from ..diagnostics import Rejection
from ..target import Target
from ..tree import (
    AddrOf,
    Binary,
    Cast,
    Decay,
    DeclRef,
    DeclStmt,
    Deref,
    Expr,
    FunctionDecl,
    Init,
    InitList,
    Stmt,
    Storage,
    Unit,
    VarDecl,
)
from . import build
from .probes import has_syscall_wrapper
from .registers import registers_of
from .walk import expressions

MAX_WORDS = 12  # MAX_BPF_FUNC_ARGS of the kernel
_PREFIX = "args:"


def bind_arguments(unit: Unit, target: Target) -> None:
    """Turn the arguments of every program of ``unit`` into locals. Raises Rejection."""
    for function in unit.functions:
        for annotation in function.annotations:
            if annotation.startswith(_PREFIX):
                _SOURCES[annotation.removeprefix(_PREFIX)](function, target)


def _used(function: FunctionDecl) -> list[tuple[int, VarDecl]]:
    """The arguments that the body names, each with its place; the function loses all of them."""
    context, *arguments = function.params
    for argument in arguments:
        if not argument.name:
            raise Rejection(
                f"an argument of '{function.name}' has no name",
                argument.loc,
                "give each argument a type and a name",
            )
        if isinstance(bare(argument.type), Array):
            array = bare(argument.type)
            assert isinstance(array, Array)
            argument.type = Pointer(array.of)
    function.params = [context]
    function.type = Function(function.type.result, (context.type,))
    named = {node.decl for node in expressions(function) if isinstance(node, DeclRef)}
    return [(place, a) for place, a in enumerate(arguments) if a in named]


def _begin_with(function: FunctionDecl, prologue: list[VarDecl]) -> None:
    assert function.body is not None
    statements: list[Stmt] = [DeclStmt(v.loc, [v]) for v in prologue]
    function.body.body[:0] = statements


def _as_local(argument: VarDecl, value: Expr | None) -> VarDecl:
    """``argument`` itself becomes the local, so that every reference to it stays right."""
    argument.is_param = False
    argument.storage = Storage.LOCAL
    argument.init = value
    return argument


# ---------------------------------------------------------------- words


def _from_words(function: FunctionDecl, target: Target) -> None:
    """Arguments of fentry and its like: each takes as many 64-bit words as it fills."""
    context, *arguments = function.params
    places = list(_words(arguments))
    prologue: list[VarDecl] = []
    for number, argument in _used(function):
        start, count = places[number]
        words = [_word(context, start + i, argument) for i in range(count)]
        if is_scalar(argument.type):
            prologue.append(_as_local(argument, Cast(argument.type, argument.loc, words[0])))
        else:
            prologue += _from_copy(argument, words)
    _begin_with(function, prologue)


def _words(arguments: list[VarDecl]) -> Iterator[tuple[int, int]]:
    """(first word, number of words) of each argument."""
    at = 0
    for argument in arguments:
        count = 1 if is_scalar(argument.type) else max(1, -(-size_of(argument.type) // 8))
        if at + count > MAX_WORDS:
            raise Rejection(
                f"too many arguments, a traced function has at most {MAX_WORDS} words of them",
                argument.loc,
                "leave the last arguments out",
            )
        yield at, count
        at += count


def _word(context: VarDecl, number: int, argument: VarDecl) -> Expr:
    """``ctx[number]``."""
    loc = argument.loc
    pointer = build.load(context, loc)
    place = Binary(context.type, loc, "+", pointer, build.number(number, loc))
    return build.read(build.through(place, loc))


def _from_copy(argument: VarDecl, words: list[Expr]) -> list[VarDecl]:
    """A struct argument: its words are collected, then taken for what they are."""
    loc = argument.loc
    buffer: Type = Array(U64, len(words))
    entries = [Init(i * 8, U64, Cast(U64, loc, word)) for i, word in enumerate(words)]
    holder = build.local(f"words of {argument.name}", buffer, loc, InitList(buffer, loc, entries))
    start = Decay(Pointer(U64), loc, build.ref(holder, loc))
    place = Deref(argument.type, loc, Cast(Pointer(argument.type), loc, start))
    return [holder, _as_local(argument, build.read(place))]


# ---------------------------------------------------------------- registers


def _from_call(function: FunctionDecl, target: Target) -> None:
    """Arguments of a function, from the registers at its entry."""
    _from_registers(function, target, registers_of(target.arch).args)


def _from_result(function: FunctionDecl, target: Target) -> None:
    """The result of a function, from the registers at its return."""
    if len(function.params) > 2:
        raise Rejection(
            f"'{function.name}' is called when a function returns, so it has one argument",
            function.params[2].loc,
            "name the function's result alone; its arguments are gone",
        )
    _from_registers(function, target, (registers_of(target.arch).result,))


def _from_registers(function: FunctionDecl, target: Target, names: tuple[str, ...]) -> None:
    context = function.params[0]
    _check_count(function, target, names)
    prologue = []
    for number, argument in _used(function):
        _check_fits(argument)
        value = _register(context, names[number], argument)
        prologue.append(_as_local(argument, Cast(argument.type, argument.loc, value)))
    _begin_with(function, prologue)


def _from_syscall(function: FunctionDecl, target: Target) -> None:
    """Arguments of a system call: behind the wrapper's one argument, where there is a wrapper."""
    table = registers_of(target.arch)
    if not has_syscall_wrapper(target):
        _from_registers(function, target, table.syscall_args)
        return
    context = function.params[0]
    _check_count(function, target, table.syscall_args)
    used = _used(function)
    inner = Cast(context.type, context.loc, _register(context, table.args[0], context))
    caller = build.local("caller", context.type, context.loc, inner)
    prologue = [caller]
    for number, argument in used:
        _check_fits(argument)
        loc = argument.loc
        slot = build.local(argument.name, ULONG, loc, build.number(0, loc, ULONG))
        source = _member(caller, table.syscall_args[number], argument)
        size = build.number(size_of(source.type), loc)
        address = AddrOf(Pointer(source.type), loc, source)
        call = build.helper(
            "bpf_probe_read_kernel", ULONG, loc, [build.address(slot, loc), size, address]
        )
        done = build.local(f"read {argument.name}", ULONG, loc, call)
        value = Cast(argument.type, loc, build.load(slot, loc))
        prologue += [slot, done, _as_local(argument, value)]
    _begin_with(function, prologue if used else [])


def _check_count(function: FunctionDecl, target: Target, names: tuple[str, ...]) -> None:
    arguments = function.params[1:]
    if len(arguments) > len(names):
        raise Rejection(
            f"'{function.name}' names {len(arguments)} arguments; {target.arch} passes "
            f"{len(names)} in registers",
            arguments[len(names)].loc,
            "leave the last arguments out",
        )


def _check_fits(argument: VarDecl) -> None:
    if not is_scalar(argument.type) or size_of(argument.type) > 8:
        raise Rejection(
            f"argument '{argument.name}' does not fit a register",
            argument.loc,
            "only integers and pointers are passed in registers",
        )


def _member(context: VarDecl, name: str, argument: VarDecl) -> Expr:
    type_ = bare(context.type)
    record = bare(type_.to) if isinstance(type_, Pointer) else None
    if not isinstance(record, Record) or not record.complete:
        raise Rejection(
            "the registers of this architecture are not known",
            argument.loc,
            "include vmlinux.h, or define struct pt_regs",
        )
    pointer = build.load(context, argument.loc)
    return build.member(build.through(pointer, argument.loc), name, argument.loc)


def _register(context: VarDecl, name: str, argument: VarDecl) -> Expr:
    value = build.read(_member(context, name, argument))
    return value if size_of(value.type) == 8 else Cast(ULONG, argument.loc, value)


_SOURCES: dict[str, Callable[[FunctionDecl, Target], None]] = {
    "ctx": _from_words,
    "regs": _from_call,
    "ret": _from_result,
    "syscall": _from_syscall,
}
