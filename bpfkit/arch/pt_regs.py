"""Where ``struct pt_regs``, as BPF programs see it, has each register of the assembler.

Source: arch/x86/include/asm/ptrace.h and arch/arm64/include/uapi/asm/ptrace.h.
"""

from __future__ import annotations

from typing import NamedTuple


class Register(NamedTuple):
    """A register, or a part of one: bytes ``offset`` … of pt_regs, and the member they belong to.

    ``shift`` is how many bits of the member stand below it.
    """

    offset: int
    member: str
    shift: int = 0


_X86_WORDS = (
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di",
    "orig_ax", "ip", "cs", "flags", "sp",
)  # fmt: skip


def _x86_64() -> dict[str, Register]:
    table: dict[str, Register] = {}
    for index, member in enumerate(_X86_WORDS):
        place = Register(8 * index, member)
        if member[0] == "r":  # r8 … r15: r8, r8d, r8w, r8b
            names = [member, *(member + width for width in "dwb")]
        else:
            low = member + "l" if member in ("si", "di", "bp", "sp") else member[0] + "l"
            names = [f"r{member}", f"e{member}", member, low]
        if member not in ("orig_ax", "cs", "flags"):
            table.update(dict.fromkeys(names, place))
        if member in ("ax", "bx", "cx", "dx"):
            table[member[0] + "h"] = Register(8 * index + 1, member, 8)
    # "il" would be the low byte of the instruction pointer, which nobody has.
    del table["il"]
    return table


def _aarch64() -> dict[str, Register]:
    table = {}
    for index in range(31):
        place = Register(8 * index, f"regs[{index}]")
        table[f"x{index}"] = table[f"w{index}"] = place
    table["sp"] = Register(31 * 8, "sp")
    return table


REGISTERS: dict[str, dict[str, Register]] = {"x86_64": _x86_64(), "aarch64": _aarch64()}
"""By architecture, by the assembler's name without ``%``."""
INSTRUCTION_POINTER = {"x86_64": Register(16 * 8, "ip"), "aarch64": Register(32 * 8, "pc")}
