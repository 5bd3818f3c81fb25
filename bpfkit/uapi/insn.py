"""The instruction set as numbers, and one instruction as fields.

Source: include/uapi/linux/bpf.h, include/uapi/linux/bpf_common.h and
Documentation/bpf/standardization/instruction-set.rst.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

INSN_BYTES = 8

# Classes: the low three bits of an opcode.
BPF_LD = 0x00
BPF_LDX = 0x01
BPF_ST = 0x02
BPF_STX = 0x03
BPF_ALU = 0x04
BPF_JMP = 0x05
BPF_JMP32 = 0x06
BPF_ALU64 = 0x07

# Sizes and modes of loads and stores.
BPF_W = 0x00
BPF_H = 0x08
BPF_B = 0x10
BPF_DW = 0x18
BPF_IMM = 0x00
BPF_MEM = 0x60
BPF_ATOMIC = 0xC0

# Sources and operations.
BPF_K = 0x00
BPF_X = 0x08
BPF_ADD = 0x00
BPF_JA = 0x00
BPF_MOV = 0xB0
BPF_CALL = 0x80
BPF_EXIT = 0x90

LD_IMM64 = BPF_LD | BPF_DW | BPF_IMM
CALL = BPF_JMP | BPF_CALL
EXIT = BPF_JMP | BPF_EXIT
MOV64_IMM = BPF_ALU64 | BPF_MOV | BPF_K
MOV64_REG = BPF_ALU64 | BPF_MOV | BPF_X

ByteOrder = Literal["little", "big"]
_FORMAT = {"little": struct.Struct("<BBhi"), "big": struct.Struct(">BBhi")}


class Insn(NamedTuple):
    """struct bpf_insn, 8 bytes. A 16-byte load takes two, the second with ``code`` 0."""

    code: int
    dst_reg: int = 0
    src_reg: int = 0
    off: int = 0
    imm: int = 0

    def encode(self, order: ByteOrder = "little") -> bytes:
        """Return the 8 bytes; struct.error when a field is out of range."""
        # Bit-fields begin at the other end on big-endian machines.
        if order == "little":
            registers = self.src_reg << 4 | self.dst_reg
        else:
            registers = self.dst_reg << 4 | self.src_reg
        return _FORMAT[order].pack(self.code, registers, self.off, self.imm)


def decode_insn(code: bytes | bytearray, offset: int, order: ByteOrder = "little") -> Insn:
    """Return the instruction at ``offset`` bytes; struct.error when it is cut off."""
    opcode, registers, off, imm = _FORMAT[order].unpack_from(code, offset)
    low, high = registers & 15, registers >> 4
    dst_reg, src_reg = (low, high) if order == "little" else (high, low)
    return Insn(opcode, dst_reg, src_reg, off, imm)
