"""Programs small enough to assemble by hand."""

from __future__ import annotations

import struct

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)

HELPER_PERF_EVENT_OUTPUT = 25
HELPER_RINGBUF_OUTPUT = 130
HELPER_TRACE_PRINTK = 6
HELPER_GET_CURRENT_PID_TGID = 14


def insn(code: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    """One instruction, little-endian."""
    return struct.pack("<BBhi", code, dst | src << 4, off, imm)


def mov(dst: int, value: int) -> bytes:
    """``dst = value``, sign-extended."""
    return insn(0xB7, dst, imm=value)


def mov_reg(dst: int, src: int) -> bytes:
    """``dst = src``."""
    return insn(0xBF, dst, src)


def add(dst: int, value: int) -> bytes:
    """``dst += value``."""
    return insn(0x07, dst, imm=value)


def load_map(dst: int, fd: int) -> bytes:
    """``dst = map``."""
    return insn(0x18, dst, 1, imm=fd) + insn(0)


def load_imm64(dst: int, value: int) -> bytes:
    """``dst = value``, 64 bits."""
    low, high = struct.unpack("<ii", struct.pack("<Q", value))
    return insn(0x18, dst, imm=low) + insn(0, imm=high)


def store64(dst: int, off: int, src: int) -> bytes:
    """``*(u64 *)(dst + off) = src``."""
    return insn(0x7B, dst, src, off)


def call(helper: int) -> bytes:
    """Call a helper."""
    return insn(0x85, imm=helper)


def exit_with(value: int) -> bytes:
    """``return value``."""
    return mov(R0, value) + insn(0x95)


def only_for(pid: int, body: bytes) -> bytes:
    """Run ``body``, which must end the program, in one process only. Keeps the context in r6."""
    skip = exit_with(0)
    return (
        mov_reg(R6, R1)
        + call(HELPER_GET_CURRENT_PID_TGID)
        + insn(0x77, R0, imm=32)  # r0 >>= 32
        + insn(0x15, R0, off=2, imm=pid)  # if r0 == pid skip the next two
        + skip
        + body
    )


def ringbuf_writer(ring_fd: int, value: int, size: int = 8) -> bytes:
    """Send ``value`` and zeroes, ``size`` bytes in all (a multiple of 8), through a ring buffer."""
    return (
        _fill(value, size)
        + load_map(R1, ring_fd)
        + mov_reg(R2, R10)
        + add(R2, -size)
        + mov(R3, size)
        + mov(R4, 0)
        + call(HELPER_RINGBUF_OUTPUT)
        + exit_with(0)
    )


def perf_writer(array_fd: int, value: int, size: int = 8) -> bytes:
    """Send ``value`` and zeroes through the perf buffer of this CPU. Takes the context from r6."""
    return (
        _fill(value, size)
        + mov_reg(R1, R6)
        + load_map(R2, array_fd)
        + load_imm64(R3, 0xFFFFFFFF)  # BPF_F_CURRENT_CPU
        + mov_reg(R4, R10)
        + add(R4, -size)
        + mov(R5, size)
        + call(HELPER_PERF_EVENT_OUTPUT)
        + exit_with(0)
    )


def printer(text: bytes) -> bytes:
    """Print ``text`` (31 bytes at most) to the trace pipe."""
    padded = text.ljust(32, b"\0")
    code = b""
    for i in range(0, 32, 8):
        (word,) = struct.unpack_from("<Q", padded, i)
        code += load_imm64(R1, word) + store64(R10, i - 32, R1)
    return (
        code
        + mov_reg(R1, R10)
        + add(R1, -32)
        + mov(R2, len(text) + 1)
        + call(HELPER_TRACE_PRINTK)
        + exit_with(0)
    )


def _fill(value: int, size: int) -> bytes:
    code = mov(R1, 0)
    for at in range(-size + 8, 0, 8):
        code += store64(R10, at, R1)
    return code + load_imm64(R1, value) + store64(R10, -size, R1)
