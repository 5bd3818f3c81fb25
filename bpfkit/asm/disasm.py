"""Instructions as text, in the notation of the verifier's log.

Registers are ``r0`` … ``r10``, their low halves ``w0`` … ``w10``. Offsets of jumps and calls count
instructions from the next one, those of memory are in bytes.

Source: kernel/bpf/disasm.c and Documentation/bpf/standardization/instruction-set.rst (v6.12).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..uapi.bpf import (
    BPF_PSEUDO_BTF_ID,
    BPF_PSEUDO_CALL,
    BPF_PSEUDO_FUNC,
    BPF_PSEUDO_KFUNC_CALL,
    BPF_PSEUDO_MAP_FD,
    BPF_PSEUDO_MAP_IDX,
    BPF_PSEUDO_MAP_IDX_VALUE,
    BPF_PSEUDO_MAP_VALUE,
)
from ..uapi.helpers import HELPERS
from ..uapi.insn import (
    BPF_ALU,
    BPF_ALU64,
    BPF_ATOMIC,
    BPF_JMP,
    BPF_JMP32,
    BPF_LD,
    BPF_LDX,
    BPF_ST,
    BPF_X,
    INSN_BYTES,
    LD_IMM64,
    ByteOrder,
    Insn,
    decode_insn,
)

_CLASS, _OPERATION, _SIZE, _MODE = 0x07, 0xF0, 0x18, 0xE0
_BITS = {0x00: 32, 0x08: 16, 0x10: 8, 0x18: 64}
_ABS, _IND, _MEM, _MEMSX = 0x20, 0x40, 0x60, 0x80
_ARITHMETIC = {
    **{0x00: "+=", 0x10: "-=", 0x20: "*=", 0x30: "/=", 0x40: "|=", 0x50: "&=", 0x60: "<<="},
    **{0x70: ">>=", 0x90: "%=", 0xA0: "^=", 0xB0: "=", 0xC0: "s>>="},
}
_NEGATE, _MOVE, _END = 0x80, 0xB0, 0xD0
_SIGNED = {"/=": "s/=", "%=": "s%="}
_CONDITIONS = {
    **{0x10: "==", 0x20: ">", 0x30: ">=", 0x40: "&", 0x50: "!=", 0x60: "s>", 0x70: "s>="},
    **{0xA0: "<", 0xB0: "<=", 0xC0: "s<", 0xD0: "s<="},
}
_JUMP, _CALL, _EXIT, _MAY_GOTO = 0x00, 0x80, 0x90, 0xE0
_FETCH = 0x01
_ATOMICS = {0x00: ("+=", "add"), 0x40: ("|=", "or"), 0x50: ("&=", "and"), 0xA0: ("^=", "xor")}
_EXCHANGE, _COMPARE, _LOAD_ACQUIRE, _STORE_RELEASE = 0xE1, 0xF1, 0x100, 0x110
_WIDE = {
    BPF_PSEUDO_MAP_FD: "map[fd:{low}]",
    BPF_PSEUDO_MAP_VALUE: "map[fd:{low}][0]+{high}",
    BPF_PSEUDO_BTF_ID: "ksym[btf:{low}]",
    BPF_PSEUDO_FUNC: "subprog[{low:+}]",
    BPF_PSEUDO_MAP_IDX: "map[idx:{low}]",
    BPF_PSEUDO_MAP_IDX_VALUE: "map[idx:{low}][0]+{high}",
}
_HELPERS = {helper.number: helper.name for helper in HELPERS}


def disassemble(code: bytes, order: ByteOrder = "little") -> Iterator[tuple[int, str]]:
    """Give each instruction of a program as its number and its text.

    A 16-byte load counts as two instructions and is given once. What is no instruction is given as
    its bytes. Raises struct.error when the last one is cut off.
    """
    count = -(-len(code) // INSN_BYTES)
    number = 0
    while number < count:
        insn = decode_insn(code, number * INSN_BYTES, order)
        if insn.code == LD_IMM64:
            high = decode_insn(code, (number + 1) * INSN_BYTES, order)
            yield number, _wide(insn, high)
            number += 2
        else:
            yield number, text_of(insn)
            number += 1


def text_of(insn: Insn) -> str:
    """One instruction of 8 bytes as text."""
    kind = insn.code & _CLASS
    if kind in (BPF_ALU, BPF_ALU64):
        return _alu(insn, wide=kind == BPF_ALU64)
    if kind in (BPF_JMP, BPF_JMP32):
        return _jump(insn, wide=kind == BPF_JMP)
    if kind == BPF_LD:
        return _packet(insn)
    return _memory(insn, kind)


def _unknown(insn: Insn) -> str:
    return f"unknown opcode {insn.code:#04x}"


def _wide(low: Insn, high: Insn) -> str:
    form = _WIDE.get(low.src_reg)
    if form is None:
        return f"r{low.dst_reg} = {(high.imm & 0xFFFFFFFF) << 32 | low.imm & 0xFFFFFFFF:#x} ll"
    return f"r{low.dst_reg} = {form.format(low=low.imm, high=high.imm)}"


def _register(number: int, wide: bool) -> str:
    return f"{'r' if wide else 'w'}{number}"


def _alu(insn: Insn, *, wide: bool) -> str:
    target = _register(insn.dst_reg, wide)
    operation = insn.code & _OPERATION
    if operation == _NEGATE:
        return f"{target} = -{target}"
    if operation == _END:
        kind = "bswap" if wide else "be" if insn.code & BPF_X else "le"
        return f"r{insn.dst_reg} = {kind}{insn.imm} r{insn.dst_reg}"
    sign = _ARITHMETIC.get(operation)
    if sign is None:
        return _unknown(insn)
    if not insn.code & BPF_X:
        return f"{target} {_SIGNED.get(sign, sign) if insn.off else sign} {insn.imm}"
    source = _register(insn.src_reg, wide)
    if operation == _MOVE and insn.off == 1 and wide:
        return f"{target} = addr_space_cast({source}, {insn.imm >> 16}, {insn.imm & 0xFFFF})"
    if operation == _MOVE and insn.off:
        return f"{target} = (s{insn.off}){source}"
    return f"{target} {_SIGNED.get(sign, sign) if insn.off else sign} {source}"


def _jump(insn: Insn, *, wide: bool) -> str:
    operation = insn.code & _OPERATION
    if operation == _CALL:
        return _call(insn)
    if operation == _EXIT:
        return "exit"
    if operation == _JUMP:
        return f"goto pc{insn.off:+}" if wide else f"gotol pc{insn.imm:+}"
    if operation == _MAY_GOTO:
        return f"may_goto pc{insn.off:+}"
    sign = _CONDITIONS.get(operation)
    if sign is None:
        return _unknown(insn)
    right = _register(insn.src_reg, wide) if insn.code & BPF_X else f"{insn.imm:#x}"
    return f"if {_register(insn.dst_reg, wide)} {sign} {right} goto pc{insn.off:+}"


def _call(insn: Insn) -> str:
    if insn.code & BPF_X:
        return f"callx r{insn.dst_reg}"
    if insn.src_reg == BPF_PSEUDO_CALL:
        return f"call pc{insn.imm:+}"
    if insn.src_reg == BPF_PSEUDO_KFUNC_CALL:
        return f"call kernel-function#{insn.imm}"
    return f"call {_HELPERS.get(insn.imm, 'unknown')}#{insn.imm}"


def _packet(insn: Insn) -> str:
    """Loads from a packet, in network byte order (BPF_ABS and BPF_IND)."""
    bits, mode = _BITS[insn.code & _SIZE], insn.code & _MODE
    if mode == _ABS:
        return f"r0 = *(u{bits} *)skb[{insn.imm}]"
    if mode == _IND:
        return f"r0 = *(u{bits} *)skb[r{insn.src_reg} {insn.imm:+}]"
    return _unknown(insn)


def _memory(insn: Insn, kind: int) -> str:
    bits, mode = _BITS[insn.code & _SIZE], insn.code & _MODE
    if kind == BPF_LDX and mode in (_MEM, _MEMSX):
        sign = "s" if mode == _MEMSX else "u"
        wide = _register(insn.dst_reg, bits == 64 or mode == _MEMSX)
        return f"{wide} = *({sign}{bits} *)(r{insn.src_reg} {insn.off:+})"
    place = f"(u{bits} *)(r{insn.dst_reg} {insn.off:+})"
    if kind == BPF_ST and mode == _MEM:
        return f"*{place} = {insn.imm}"
    if kind == BPF_LDX:
        return _unknown(insn)
    if mode == _MEM:
        return f"*{place} = {_register(insn.src_reg, bits == 64)}"
    return _atomic(insn, bits, place) if mode == BPF_ATOMIC else _unknown(insn)


def _atomic(insn: Insn, bits: int, place: str) -> str:
    wide = bits == 64
    source = _register(insn.src_reg, wide)
    prefix = "atomic64" if wide else "atomic"
    if insn.imm == _EXCHANGE:
        return f"{source} = {prefix}_xchg({place}, {source})"
    if insn.imm == _COMPARE:
        old = _register(0, wide)
        return f"{old} = {prefix}_cmpxchg({place}, {old}, {source})"
    if insn.imm == _LOAD_ACQUIRE:
        target = _register(insn.dst_reg, wide)
        return f"{target} = load_acquire((u{bits} *)(r{insn.src_reg} {insn.off:+}))"
    if insn.imm == _STORE_RELEASE:
        return f"store_release({place}, {source})"
    known = _ATOMICS.get(insn.imm & ~_FETCH)
    if known is None:
        return _unknown(insn)
    sign, word = known
    if insn.imm & _FETCH:
        return f"{source} = {prefix}_fetch_{word}({place}, {source})"
    return f"lock *{place} {sign} {source}"
