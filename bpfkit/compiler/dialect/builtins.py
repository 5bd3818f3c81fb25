"""Functions that the compiler itself answers: CPU count, checksums, USDT arguments."""

from __future__ import annotations

from ..constants import fold
from ..ctype import U16, U32, U64, ULONG, VOID_PTR, Pointer, Type, bare, size_of
from ..diagnostics import Rejection
from ..target import Target
from ..tree import Binary, Builtin, Call, Cast, DeclRef, Expr, FunctionDecl, Unit
from . import build

BIG_ENDIAN = ("s390x",)


def expand_builtin(
    call: Call, name: str, function: FunctionDecl, unit: Unit, target: Target
) -> Expr | None:
    """The tree that a call of builtin ``name`` stands for; None when there is no such builtin."""
    match name:
        case "bpf_num_cpus":
            return build.number(target.kernel.online_cpus, call.loc, call.type)
        case "bpf_usdt_readarg":
            return _read_argument(call, function, unit)
        case "bpf_usdt_readarg_p":
            return _read_through_argument(call, function, unit)
        case "incr_cksum_l3":
            return _checksum(call, function, target, "bpf_l3_csum_replace")
        case "incr_cksum_l4":
            return _checksum(call, function, target, "bpf_l4_csum_replace")
    return None


# ---------------------------------------------------------------- USDT


def _accessor(call: Call, function: FunctionDecl, unit: Unit) -> FunctionDecl:
    """The generated function that reads one argument of the probe ``function`` is attached to."""
    number = fold(call.args[0])
    if number is None:
        raise Rejection(
            "the number of a USDT argument must be a literal",
            call.loc,
            "write bpf_usdt_readarg(1, ctx, &value)",
        )
    name = f"_bpf_readarg_{function.name}_{number}"
    for candidate in unit.functions:
        if candidate.name == name:
            return candidate
    raise Rejection(
        f"no USDT probe gives argument {number} to '{function.name}'",
        call.loc,
        f"enable the probe for '{function.name}', and read its arguments in that function itself",
    )


def _call_accessor(call: Call, accessor: FunctionDecl, dst: Expr, size: int) -> Call:
    callee = DeclRef(accessor.type, call.loc, accessor)
    length_type = accessor.params[2].type
    length = build.number(size, call.loc, length_type)
    context = build.cast(call.args[1], accessor.params[0].type)
    return Call(call.type, call.loc, callee, [context, build.cast(dst, VOID_PTR), length])


def _read_argument(call: Call, function: FunctionDecl, unit: Unit) -> Expr:
    """``_bpf_readarg_FN_N(ctx, dst, sizeof *dst)``."""
    dst = call.args[2]
    type_ = bare(_written(dst).type)
    size = size_of(type_.to) if isinstance(type_, Pointer) else 0
    return _call_accessor(call, _accessor(call, function, unit), dst, size)


def _read_through_argument(call: Call, function: FunctionDecl, unit: Unit) -> Expr:
    """Read the argument as a user-space address, then what is there."""
    loc = call.loc
    pointer = build.local("address", U64, loc, build.number(0, loc, U64))
    fetch = _call_accessor(call, _accessor(call, function, unit), build.address(pointer, loc), 8)
    source = Cast(VOID_PTR, loc, build.load(pointer, loc), explicit=True)
    read = build.helper("bpf_probe_read_user", call.type, loc, [call.args[2], call.args[3], source])
    body = [build.declare(pointer), build.statement(fetch), build.statement(read)]
    return build.statement_expr(call.type, body, loc)


# ---------------------------------------------------------------- checksums


def _checksum(call: Call, function: FunctionDecl, target: Target, name: str) -> Expr:
    """Replace ``from`` by ``to``, in host order, in the checksum at an offset of the packet."""
    loc = call.loc
    if not function.params:
        raise Rejection(
            "checksums need the packet, and this function has no parameter",
            loc,
            "use them in the program itself, or in a function that gets the packet first",
        )
    offset, old, new = (_written(arg) for arg in call.args[:3])
    size = size_of(new.type)
    flags: Expr = build.number(size, loc, ULONG)
    if len(call.args) > 3:  # BPF_F_PSEUDO_HDR is 0x10
        one = build.number(1, loc, ULONG)
        bit = Binary(ULONG, loc, "&", build.cast(call.args[3], ULONG), one)
        shifted = Binary(ULONG, loc, "<<", bit, build.number(4, loc))
        flags = Binary(ULONG, loc, "|", shifted, flags)
    skb = build.load(function.params[0], loc)
    args = [
        skb,
        Cast(ULONG, loc, offset, explicit=True),
        network_order(old, size, target),
        network_order(new, size, target),
        flags,
    ]
    return build.helper(name, call.type, loc, args)


def network_order(value: Expr, size: int, target: Target) -> Expr:
    """``value`` as ``size`` bytes in network order, widened to 64 bits."""
    types: dict[int, Type] = {2: U16, 4: U32, 8: U64}
    type_ = types.get(size)
    if type_ is None or target.arch in BIG_ENDIAN:
        return build.cast(value, ULONG)
    swapped = Builtin(type_, value.loc, f"__builtin_bswap{size * 8}", [build.cast(value, type_)])
    return build.cast(swapped, ULONG)


def _written(arg: Expr) -> Expr:
    """``arg`` without the conversion to the parameter's type that C inserted."""
    while isinstance(arg, Cast) and not arg.explicit:
        arg = arg.operand
    return arg
