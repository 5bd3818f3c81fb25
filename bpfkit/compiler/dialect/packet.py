"""Packet headers of ``bcc/proto.h``: ``ip->ttl`` where ``ip`` is an offset into the packet.

A record annotated "packet" has its fields in network order, bits counted from the most significant
one. A read becomes a packet load (BPF_LD | BPF_IND, host order), an assignment becomes
bpf_skb_store_bytes, after a load of what stays where the field does not fill its bytes.
"""

from __future__ import annotations

from ..ctype import U8, U16, U32, U64, ULONG, VOID_PTR, Field, Function, Record, Type, bare, size_of
from ..diagnostics import Loc, Rejection
from ..target import Target
from ..tree import (
    Assign,
    Binary,
    Call,
    CompoundAssign,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    IncDec,
    Load,
    Member,
    Storage,
    VarDecl,
)
from . import build
from .builtins import network_order

PACKET = "packet"

_UNSIGNED: dict[int, Type] = {1: U8, 2: U16, 4: U32, 8: U64}
_INTRINSICS = {1: "byte", 2: "half", 4: "word"}


def _intrinsic(width: int) -> FunctionDecl:
    """``load_byte``, ``load_half``, ``load_word``: (packet, offset) to a number in host order."""
    name = _INTRINSICS[width]
    type_ = Function(U64, (VOID_PTR, U64))
    params = [
        VarDecl(n, t, Storage.LOCAL, Loc(), is_param=True)
        for n, t in (("skb", VOID_PTR), ("off", U64))
    ]
    return FunctionDecl(
        f"load_{name}",
        type_,
        params,
        Loc(),
        asm_label=f"llvm.bpf.load.{name}",
        in_main_file=False,
    )


_LOADS = {width: _intrinsic(width) for width in _INTRINSICS}


def packet_field(lvalue: Expr) -> tuple[Expr, Field] | None:
    """(pointer, field) when ``lvalue`` is ``pointer->field`` of a packet header."""
    match lvalue:
        case Member(base=Deref(pointer=pointer, type=type_), field=field):
            record = bare(type_)
            if isinstance(record, Record) and PACKET in record.annotations:
                return pointer, field
    return None


class PacketAccess:
    """Rewrites the packet accesses of one function; the packet is its first parameter."""

    def __init__(self, function: FunctionDecl, target: Target) -> None:
        self._function = function
        self._target = target

    def change(self, node: Expr) -> Expr:
        """What ``node`` becomes; itself when it is no packet access."""
        match node:
            case Load(lvalue=lvalue) if (found := packet_field(lvalue)) is not None:
                return self._read(node, *found)
            case Assign(lvalue=lvalue) if (found := packet_field(lvalue)) is not None:
                return self._write(node, *found)
            case CompoundAssign(lvalue=lvalue) | IncDec(lvalue=lvalue) if packet_field(lvalue):
                raise Rejection(
                    "a packet field can only be read or assigned",
                    node.loc,
                    "read it into a variable, change that, and assign it back",
                )
        return node

    def _packet(self, loc: Loc) -> Expr:
        if not self._function.params:
            raise Rejection(
                "packet headers need the packet, and this function has no parameter",
                loc,
                "use them in the program itself, or in a function that gets the packet first",
            )
        return build.cast(build.load(self._function.params[0], loc), VOID_PTR)

    def _read(self, node: Load, pointer: Expr, field: Field) -> Expr:
        start, skip, bits, width = _extent(field, node.loc)
        offset = build.local("offset", U64, node.loc, _offset(pointer, start))
        value = self._load(offset, width, node.loc)
        value = _low_bits(_shift_right(value, width * 8 - skip - bits), bits)
        body = [build.declare(offset), build.statement(build.cast(value, node.type))]
        return build.statement_expr(node.type, body, node.loc)

    def _load(self, offset: VarDecl, width: int, loc: Loc) -> Expr:
        """``width`` bytes at ``offset``, as a number in host order."""
        if width < 8:
            return self._load_at(build.load(offset, loc), width, loc)
        four = build.number(4, loc, U64)
        low = Binary(U64, loc, "+", build.load(offset, loc), four)
        high = self._load_at(build.load(offset, loc), 4, loc)
        shifted = Binary(U64, loc, "<<", high, build.number(32, loc))
        return Binary(U64, loc, "|", shifted, self._load_at(low, 4, loc))

    def _load_at(self, offset: Expr, width: int, loc: Loc) -> Expr:
        callee = _LOADS[width]
        return Call(U64, loc, DeclRef(callee.type, loc, callee), [self._packet(loc), offset])

    def _write(self, node: Assign, pointer: Expr, field: Field) -> Expr:
        loc = node.loc
        start, skip, bits, width = _extent(field, loc)
        offset = build.local("offset", U64, loc, _offset(pointer, start))
        value = build.local("value", U64, loc, build.cast(node.value, U64))
        whole: Expr = build.load(value, loc)
        if bits != width * 8:
            shift = width * 8 - skip - bits
            keep = ~(((1 << bits) - 1) << shift) & ((1 << width * 8) - 1)
            old = Binary(
                U64, loc, "&", self._load(offset, width, loc), build.number(keep, loc, U64)
            )
            new = Binary(U64, loc, "<<", _low_bits(whole, bits), build.number(shift, loc))
            whole = Binary(U64, loc, "|", old, new)
        unsigned = _UNSIGNED[width]
        swapped = build.cast(network_order(whole, width, self._target), unsigned)
        data = build.local("data", unsigned, loc, swapped)
        store = build.helper(
            "bpf_skb_store_bytes",
            ULONG,
            loc,
            [
                self._packet(loc),
                build.load(offset, loc),
                build.address(data, loc),
                build.number(width, loc),
                build.number(0, loc, U64),
            ],
        )
        result = build.cast(_low_bits(build.load(value, loc), bits), node.type)
        body = [
            build.declare(offset),
            build.declare(value),
            build.declare(data),
            build.statement(store),
            build.statement(result),
        ]
        return build.statement_expr(node.type, body, loc)


def _offset(pointer: Expr, start: int) -> Expr:
    """The pointer's value as a number, plus ``start`` bytes."""
    base = build.cast(pointer, ULONG)
    if start == 0:
        return build.cast(base, U64)
    return Binary(
        U64, pointer.loc, "+", build.cast(base, U64), build.number(start, pointer.loc, U64)
    )


def _extent(field: Field, loc: Loc) -> tuple[int, int, int, int]:
    """(first byte, bits to skip, bits of the field, bytes of the smallest load that holds them)."""
    bits = field.bit_width if field.bit_width is not None else size_of(field.type) * 8
    start, skip = divmod(field.bit_offset, 8)
    for width in _UNSIGNED:
        if skip + bits <= width * 8:
            return start, skip, bits, width
    raise Rejection(
        f"packet field '{field.name}' does not fit one load",
        loc,
        "split it into fields of at most 64 bits",
    )


def _shift_right(value: Expr, shift: int) -> Expr:
    return Binary(U64, value.loc, ">>", value, build.number(shift, value.loc)) if shift else value


def _low_bits(value: Expr, bits: int) -> Expr:
    if bits == 64:
        return value
    mask = build.number((1 << bits) - 1, value.loc, U64)
    return Binary(U64, value.loc, "&", value, mask)
