"""The text that stands before a program of bcc's dialect: its map, probe and function macros.

It comes after kernel types, constants and helper declarations, and needs none of them. The C itself
is in ``compiler/include``; this module adds what depends on the architecture.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .registers import registers_of

_INCLUDE = Path(__file__).parent.parent / "include"
_PARTS = ("bcc_maps.h", "bcc_probes.h", "bcc_functions.h")


def bcc_prelude(arch: str, *, page_size: int = 0, syscall_wrapper: bool = True) -> str:
    """Text of the dialect's own macros for ``arch``.

    ``page_size`` in bytes (0: the usual one) sizes ring buffers. ``syscall_wrapper`` tells whether
    system calls take one pointer to the registers (CONFIG_ARCH_HAS_SYSCALL_WRAPPER).
    """
    size = page_size or registers_of(arch).page_size
    parts = [f"#define __BPF_PAGE_SIZE {size}\n", _registers_text(arch, syscall_wrapper)]
    parts += [_text(name) for name in _PARTS]
    return "".join(parts)


def bcc_headers() -> dict[str, str]:
    """What a program of the dialect may include by bcc's own names: path to text."""
    return {
        "bcc/proto.h": _text("bcc_proto.h"),
        "bcc/helpers.h": "",
        "bcc/bpf.h": "",
        "bcc/bpf_common.h": "",
    }


@cache
def _text(name: str) -> str:
    return (_INCLUDE / name).read_text(encoding="utf-8")


def _registers_text(arch: str, syscall_wrapper: bool) -> str:
    """The ``PT_REGS_*`` macros."""
    table = registers_of(arch)
    rows = {f"PARM{n}": reg for n, reg in enumerate(table.args, 1)}
    rows |= {f"PARM{n}_SYSCALL": reg for n, reg in enumerate(table.syscall_args, 1)}
    rows |= {
        "RET": table.return_address,
        "FP": table.frame,
        "RC": table.result,
        "SP": table.stack,
        "IP": table.ip,
    }
    lines = [f"#define bpf_target_{table.target}", "#define bpf_target_defined"]
    lines += [f"#define PT_REGS_{name}(ctx) ((ctx)->{reg})" for name, reg in rows.items()]
    inner = "((struct pt_regs *)PT_REGS_PARM1(ctx))" if syscall_wrapper else "(ctx)"
    lines.append(f"#define PT_REGS_SYSCALL_CTX(ctx) {inner}")
    return "\n".join(lines) + "\n"
