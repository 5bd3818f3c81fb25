from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.asm.disasm import disassemble, text_of
from bpfkit.uapi.insn import Insn


@pytest.mark.parametrize(
    ("insn", "text"),
    [
        (Insn(0xB7, 0, imm=7), "r0 = 7"),
        (Insn(0xB4, 3, imm=-1), "w3 = -1"),
        (Insn(0xBF, 1, 10), "r1 = r10"),
        (Insn(0xBF, 1, 2, 8), "r1 = (s8)r2"),
        (Insn(0xBC, 1, 2, 16), "w1 = (s16)w2"),
        (Insn(0xBF, 1, 2, 1, 1 << 16), "r1 = addr_space_cast(r2, 1, 0)"),
        (Insn(0x07, 1, imm=-8), "r1 += -8"),
        (Insn(0x0C, 1, 2), "w1 += w2"),
        (Insn(0x3F, 1, 2), "r1 /= r2"),
        (Insn(0x3F, 1, 2, 1), "r1 s/= r2"),
        (Insn(0x97, 1, off=1, imm=3), "r1 s%= 3"),
        (Insn(0xC7, 1, imm=63), "r1 s>>= 63"),
        (Insn(0x87, 1), "r1 = -r1"),
        (Insn(0x84, 1), "w1 = -w1"),
        (Insn(0xDC, 1, imm=16), "r1 = be16 r1"),
        (Insn(0xD4, 1, imm=64), "r1 = le64 r1"),
        (Insn(0xD7, 1, imm=32), "r1 = bswap32 r1"),
        (Insn(0x61, 2, 1, 4), "w2 = *(u32 *)(r1 +4)"),
        (Insn(0x79, 2, 10, -8), "r2 = *(u64 *)(r10 -8)"),
        (Insn(0x81, 2, 1, 4), "r2 = *(s32 *)(r1 +4)"),
        (Insn(0x73, 1, 2, 1), "*(u8 *)(r1 +1) = w2"),
        (Insn(0x7A, 10, off=-16, imm=5), "*(u64 *)(r10 -16) = 5"),
        (Insn(0xDB, 1, 2, 0, 0x00), "lock *(u64 *)(r1 +0) += r2"),
        (Insn(0xC3, 1, 2, 0, 0x41), "w2 = atomic_fetch_or((u32 *)(r1 +0), w2)"),
        (Insn(0xDB, 1, 2, 8, 0xE1), "r2 = atomic64_xchg((u64 *)(r1 +8), r2)"),
        (Insn(0xDB, 1, 2, 8, 0xF1), "r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)"),
        (Insn(0xDB, 1, 2, 8, 0x100), "r1 = load_acquire((u64 *)(r2 +8))"),
        (Insn(0xDB, 1, 2, 8, 0x110), "store_release((u64 *)(r1 +8), r2)"),
        (Insn(0x28, imm=12), "r0 = *(u16 *)skb[12]"),
        (Insn(0x40, 0, 3, 0, 14), "r0 = *(u32 *)skb[r3 +14]"),
        (Insn(0x05, off=3), "goto pc+3"),
        (Insn(0x06, imm=-70000), "gotol pc-70000"),
        (Insn(0xE5, off=2), "may_goto pc+2"),
        (Insn(0x15, 1, off=-2, imm=5), "if r1 == 0x5 goto pc-2"),
        (Insn(0x6E, 1, 2, 4), "if w1 s> w2 goto pc+4"),
        (Insn(0x45, 1, off=1, imm=1), "if r1 & 0x1 goto pc+1"),
        (Insn(0x85, imm=5), "call bpf_ktime_get_ns#5"),
        (Insn(0x85, 0, 1, 0, 7), "call pc+7"),
        (Insn(0x85, 0, 2, 0, 99), "call kernel-function#99"),
        (Insn(0x85, imm=9999), "call unknown#9999"),
        (Insn(0x8D, 3), "callx r3"),
        (Insn(0x95), "exit"),
        (Insn(0xF7, 1), "unknown opcode 0xf7"),
        (Insn(0xF5, 1), "unknown opcode 0xf5"),
        (Insn(0x00, 1), "unknown opcode 0x00"),
        (Insn(0xA3, 1), "unknown opcode 0xa3"),
        (Insn(0xDB, 1, 2, 0, 0x77), "unknown opcode 0xdb"),
    ],
)
def test_an_instruction_reads_as_in_the_verifiers_log(insn: Insn, text: str) -> None:
    assert text_of(insn) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (0, "r1 = 0x900000005 ll"),
        (1, "r1 = map[fd:5]"),
        (2, "r1 = map[fd:5][0]+9"),
        (3, "r1 = ksym[btf:5]"),
        (4, "r1 = subprog[+5]"),
        (5, "r1 = map[idx:5]"),
        (6, "r1 = map[idx:5][0]+9"),
    ],
)
def test_a_load_of_16_bytes_is_one_line(source: int, text: str) -> None:
    code = Insn(0x18, 1, source, 0, 5).encode() + Insn(0, imm=9).encode() + Insn(0x95).encode()
    assert list(disassemble(code)) == [(0, text), (2, "exit")]


def test_both_byte_orders_are_read() -> None:
    insn = Insn(0x79, 2, 10, -8)
    assert list(disassemble(insn.encode("big"), "big")) == [(0, "r2 = *(u64 *)(r10 -8)")]


def test_a_cut_off_instruction_is_an_error() -> None:
    with pytest.raises(struct.error):
        list(disassemble(Insn(0x18, 1).encode()))


@given(st.binary(min_size=8, max_size=8))
def test_every_instruction_has_a_text(code: bytes) -> None:
    if code[0] != 0x18:
        assert next(disassemble(code))[1]
