"""Programs with parameters beside the context: ``int f(struct pt_regs *ctx, struct path *p)``.

The kernel passes one argument, the context. The others become locals that are initialised from it:
from the registers that carry arguments, from the caller's registers for system calls, or from the
words the context of a BTF-based program points to (functions annotated "args:ctx"). What is behind
a pointer among them is for the provenance stage.
"""

from __future__ import annotations

from ..ctype import ULONG, Array, Pointer, Record, bare, is_scalar, size_of
from ..diagnostics import Rejection
from ..target import Target
from ..tree import (
    Binary,
    Cast,
    DeclRef,
    DeclStmt,
    Expr,
    FunctionDecl,
    Storage,
    VarDecl,
)
from . import build
from .registers import Registers, registers_of
from .walk import expressions

FROM_WORDS = "args:ctx"
MAX_WORDS = 12  # MAX_BPF_FUNC_ARGS
SYSCALL_PREFIX = "syscall__"
USER_MEMORY = "user memory"
"""Annotation of a variable whose value is an address of the process's memory."""
WRAPPED_SINCE = (4, 17)

# The names by which bcc's attach calls mean "the system call that is called so on this machine".
_SYSCALL_NAMES = (
    "sys_",
    "__x64_sys_",
    "__x32_compat_sys_",
    "__ia32_compat_sys_",
    "__arm64_sys_",
    "__s390x_sys_",
    "__s390_sys_",
    "__riscv_sys_",
)


def bind_parameters(function: FunctionDecl, target: Target) -> None:
    """Turn the parameters of a program after its first into locals; unused ones are not read."""
    extra = function.params[1:]
    if not extra:
        return
    context = function.params[0]
    _check_names(function, extra)
    prologue: list[VarDecl] = []
    if FROM_WORDS in function.annotations:
        values = _from_words(context, extra)
    else:
        values = _from_registers(function, extra, target, prologue)
    used = {node.decl for node in expressions(function) if isinstance(node, DeclRef)}
    for parameter, value in zip(extra, values, strict=True):
        if parameter in used:
            prologue.append(_as_local(parameter, value))
    function.params = [context]
    assert function.body is not None
    if any(parameter in used for parameter in extra):
        function.body.body[:0] = [DeclStmt(v.loc, [v]) for v in prologue]


def _check_names(function: FunctionDecl, extra: list[VarDecl]) -> None:
    for parameter in (function.params[0], *extra):
        if not parameter.name:
            raise Rejection(
                "arguments to BPF program definition must be named",
                function.loc,
                "name each parameter",
            )


def _as_local(parameter: VarDecl, value: Expr) -> VarDecl:
    """``parameter`` itself becomes the local, so that every reference to it stays right."""
    type_ = bare(parameter.type)
    if isinstance(type_, Array):
        parameter.type = type_ = Pointer(type_.of)
    if not is_scalar(type_) or size_of(type_) > 8:
        raise Rejection(
            f"parameter '{parameter.name}' does not fit a register",
            parameter.loc,
            "only integers and pointers are passed in registers",
        )
    parameter.is_param = False
    parameter.storage = Storage.LOCAL
    parameter.init = Cast(parameter.type, parameter.loc, value)
    return parameter


def _from_words(context: VarDecl, extra: list[VarDecl]) -> list[Expr]:
    """``ctx[0]``, ``ctx[1]`` …"""
    if len(extra) > MAX_WORDS:
        raise Rejection(
            f"too many arguments, a traced function has at most {MAX_WORDS}",
            extra[MAX_WORDS].loc,
            "leave the last parameters out",
        )
    values: list[Expr] = []
    for i, parameter in enumerate(extra):
        pointer = build.load(context, parameter.loc)
        index = build.number(i, parameter.loc)
        place = Binary(context.type, parameter.loc, "+", pointer, index)
        values.append(build.read(build.through(place, parameter.loc)))
    return values


def _from_registers(
    function: FunctionDecl, extra: list[VarDecl], target: Target, prologue: list[VarDecl]
) -> list[Expr]:
    """The registers of the context.

    For a wrapped system call these of its caller, whose address becomes a local in ``prologue``.
    """
    context = function.params[0]
    table = registers_of(target.arch)
    names, wrapped = _convention(function.name, table, target)
    if len(extra) > len(names):
        raise Rejection(
            "too many arguments, bcc only supports in-register parameters",
            extra[len(names)].loc,
            f"{target.arch} passes {len(names)} arguments in registers",
        )
    _check_context(context)
    if names is table.syscall_args:
        _mark_user_memory(extra)
    holder = context
    if wrapped:
        inner = Cast(context.type, context.loc, _register(context, table.args[0], context))
        holder = build.local("caller", context.type, context.loc, inner)
        prologue.append(holder)
    return [_register(holder, name, p) for p, name in zip(extra, names, strict=False)]


def _mark_user_memory(parameters: list[VarDecl]) -> None:
    """Say of the pointers that a process passes to the kernel where they lead."""
    for parameter in parameters:
        if isinstance(bare(parameter.type), (Pointer, Array)):
            parameter.annotations = (*parameter.annotations, USER_MEMORY)


def _convention(name: str, table: Registers, target: Target) -> tuple[tuple[str, ...], bool]:
    """(registers of the arguments, whether they belong to the caller of a system call wrapper)."""
    function = name.removeprefix("kprobe__")
    is_syscall = name.startswith(SYSCALL_PREFIX) or (
        name.startswith("kprobe__") and function.startswith(_SYSCALL_NAMES)
    )
    if not is_syscall:
        return table.args, False
    return table.syscall_args, has_syscall_wrapper(target)


def has_syscall_wrapper(target: Target) -> bool:
    """Whether system calls get one pointer to the caller's registers."""
    value = target.kernel.config("CONFIG_ARCH_HAS_SYSCALL_WRAPPER")
    if value is not None:
        return value == "y"
    # No answer may mean that no configuration is known. x86 and arm64 have had it for so long that
    # only old kernels (before v4.17 and v4.19) are left out.
    return target.arch in ("x86_64", "aarch64") and target.kernel.version[:2] >= WRAPPED_SINCE


def _check_context(context: VarDecl) -> None:
    type_ = bare(context.type)
    record = bare(type_.to) if isinstance(type_, Pointer) else None
    if not isinstance(record, Record):
        raise Rejection(
            f"extra parameters need the registers, and '{context.name}' does not point to them",
            context.loc,
            "declare the first parameter as struct pt_regs *",
        )
    if not record.complete:
        raise Rejection(f"{record!r} is not defined, so its registers cannot be read", context.loc)


def _register(context: VarDecl, name: str, parameter: VarDecl) -> Expr:
    pointer = build.load(context, parameter.loc)
    place = build.member(build.through(pointer, parameter.loc), name, parameter.loc)
    value = build.read(place)
    return value if size_of(value.type) == 8 else Cast(ULONG, parameter.loc, value)
