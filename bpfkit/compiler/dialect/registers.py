"""Where each architecture keeps arguments and results, as members of its ``struct pt_regs``.

Source: arch/*/include/asm/ptrace.h and the calling conventions the kernel documents. The same table
gives the ``PT_REGS_*`` macros and the prologue of probes with typed parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics import Loc, Rejection


@dataclass(frozen=True, slots=True)
class Registers:
    """Members of ``struct pt_regs`` as C spells them: ``di``, ``regs[0]``, ``psw.addr``."""

    args: tuple[str, ...]  # arguments of a C function, in order
    syscall_args: tuple[str, ...]  # arguments of a system call, in the registers at entry
    result: str
    return_address: str
    frame: str
    stack: str
    ip: str
    target: str  # bpf_target_…: the macro programs test
    page_size: int = 4096  # the usual one; kernels may be configured otherwise


REGISTERS = {
    "x86_64": Registers(
        args=("di", "si", "dx", "cx", "r8", "r9"),
        syscall_args=("di", "si", "dx", "r10", "r8", "r9"),
        result="ax",
        return_address="sp",
        frame="bp",
        stack="sp",
        ip="ip",
        target="x86",
    ),
    "aarch64": Registers(
        args=tuple(f"regs[{i}]" for i in range(6)),
        syscall_args=("orig_x0", *(f"regs[{i}]" for i in range(1, 6))),
        result="regs[0]",
        return_address="regs[30]",
        frame="regs[29]",
        stack="sp",
        ip="pc",
        target="arm64",
    ),
    "s390x": Registers(
        args=tuple(f"gprs[{i}]" for i in range(2, 7)),
        syscall_args=("orig_gpr2", *(f"gprs[{i}]" for i in range(3, 8))),
        result="gprs[2]",
        return_address="gprs[14]",
        frame="gprs[11]",
        stack="gprs[15]",
        ip="psw.addr",
        target="s390x",
    ),
    "riscv64": Registers(
        args=tuple(f"a{i}" for i in range(6)),
        syscall_args=("orig_a0", *(f"a{i}" for i in range(1, 6))),
        result="a0",
        return_address="ra",
        frame="s0",
        stack="sp",
        ip="epc",
        target="riscv",
    ),
    "ppc64le": Registers(
        args=tuple(f"gpr[{i}]" for i in range(3, 9)),
        syscall_args=("orig_gpr3", *(f"gpr[{i}]" for i in range(4, 9))),
        result="gpr[3]",
        return_address="link",
        frame="gpr[31]",
        stack="gpr[1]",
        ip="nip",
        target="powerpc",
        page_size=65536,
    ),
    "loongarch64": Registers(
        args=tuple(f"regs[{i}]" for i in range(4, 10)),
        syscall_args=("orig_a0", *(f"regs[{i}]" for i in range(5, 10))),
        result="regs[4]",
        return_address="regs[1]",
        frame="regs[22]",
        stack="regs[3]",
        ip="csr_era",
        target="loongarch",
        page_size=16384,
    ),
}


def registers_of(arch: str) -> Registers:
    """The table of ``arch`` (a machine name as ``uname -m`` prints it)."""
    found = REGISTERS.get(arch)
    if found is None:
        known = ", ".join(sorted(REGISTERS))
        raise Rejection(f"unknown architecture '{arch}'", Loc(), f"known ones: {known}")
    return found
