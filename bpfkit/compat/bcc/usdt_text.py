"""The C functions that read a USDT probe's arguments, as bcc generates them.

``bpf_usdt_readarg(2, ctx, &value)`` in function FN calls ``_bpf_readarg_FN_2``. Where a probe has
several places that keep an argument differently, the function tells them apart by the instruction
pointer: its low bits do not depend on where the file is loaded. Where those are the same, by the
attach cookie, which numbers the places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...arch.pt_regs import INSTRUCTION_POINTER, REGISTERS, Register
from ...elf.usdt import Place, UsdtArgument

PAGE = 4096  # larger pages leave these bits alone, too


class ArgumentsError(Exception):
    """No function can be made."""


@dataclass(frozen=True, slots=True)
class TextSite:
    """A place of a probe, as far as its text depends on it. ``symbols``: addresses of names."""

    address: int
    arguments: Sequence[UsdtArgument]
    symbols: dict[str, int]
    movable: bool


def c_type(arguments: Sequence[UsdtArgument]) -> str:
    """The type that holds an argument wherever it is: the largest one of the places."""
    largest = max(arguments, key=lambda a: a.size)
    return f"{'int' if largest.signed else 'uint'}{largest.size * 8}_t"


def readers(function: str, sites: Sequence[TextSite], arch: str, *, cookies: bool) -> str:
    """All functions that read the arguments of a probe that calls ``function``."""
    count = min(len(site.arguments) for site in sites)
    return "".join(_reader(function, number, sites, arch, cookies) for number in range(count))


def _reader(function: str, number: int, sites: Sequence[TextSite], arch: str, cookies: bool) -> str:
    type_ = c_type([site.arguments[number] for site in sites])
    bodies = [_body(site, number, type_, arch) for site in sites]
    lines = [
        f"static __always_inline int _bpf_readarg_{function}_{number + 1}("
        "struct pt_regs *ctx, void *dest, size_t len)",
        "{",
        f"\tif (len != sizeof({type_}))",
        "\t\treturn -1;",
    ]
    if len(set(bodies)) == 1:
        lines += [f"\t{bodies[0]}", "\treturn 0;", "}", ""]
        return "\n".join(lines)
    selector, cases = _selector(sites, bodies, arch, cookies)
    lines.append(f"\tswitch ({selector}) {{")
    for value, body in cases.items():
        lines += [f"\tcase {value:#x}ULL:", f"\t\t{body}", "\t\treturn 0;"]
    lines += ["\t}", "\treturn -1;", "}", ""]
    return "\n".join(lines)


def _selector(
    sites: Sequence[TextSite], bodies: Sequence[str], arch: str, cookies: bool
) -> tuple[str, dict[int, str]]:
    """What tells the places apart, and the body for each of its values."""
    low: dict[int, str] = {}
    for site, body in zip(sites, bodies, strict=True):
        if low.setdefault(site.address % PAGE, body) != body:
            break
    else:
        member = INSTRUCTION_POINTER[arch].member
        return f"ctx->{member} % {PAGE}", low
    if not any(site.movable for site in sites):
        whole = {site.address: body for site, body in zip(sites, bodies, strict=True)}
        return f"ctx->{INSTRUCTION_POINTER[arch].member}", whole
    if cookies:
        return "bpf_get_attach_cookie(ctx)", dict(enumerate(bodies))
    raise ArgumentsError(
        "can't generate USDT probe arguments; several places of the probe look alike, and before "
        "Linux 5.15 nothing tells them apart"
    )


def _body(site: TextSite, number: int, type_: str, arch: str) -> str:
    """Statements that store one argument of one place."""
    argument = site.arguments[number]
    registers = REGISTERS.get(arch)
    if registers is None:
        raise ArgumentsError(f"arguments of USDT probes cannot be read on {arch} yet")
    own = c_type([argument])
    offset = argument.offset
    if argument.symbol:
        if argument.symbol not in site.symbols:
            return f"*({type_} *)dest = 0; return -1;"
        offset += site.symbols[argument.symbol]
    try:
        base = registers[argument.base] if argument.base else None
        index = registers[argument.index] if argument.index else None
    except KeyError:
        return f"*({type_} *)dest = 0; return -1;"
    match argument.place:
        case Place.CONSTANT:
            return f"*({type_} *)dest = ({own}){offset}LL;"
        case Place.REGISTER if base is not None:
            return f"{{ {_fixed(_value(base))} *({type_} *)dest = ({own})word; }}"
        case Place.MEMORY:
            if base is None and (argument.symbol or not site.movable):
                # What is at a fixed distance from the probe stays so wherever it is loaded.
                base, offset = INSTRUCTION_POINTER[arch], offset - site.address
            terms = [_value(base)] if base is not None else []
            if index is not None:
                terms.append(f"{_value(index)} * {argument.scale}")
            where = " + ".join([*terms, f"({offset}LL)"])
            return (
                f"{{ {_fixed(where)} {own} value = 0; "
                "bpf_probe_read_user(&value, sizeof(value), (void *)word); "
                f"*({type_} *)dest = value; }}"
            )
    return f"*({type_} *)dest = 0; return -1;"


def _fixed(value: str) -> str:
    """Take a value into ``word`` right here: a compiler that merges the ends of branches would make
    one read of the context at two offsets of it, which the verifier refuses.
    """
    return f'uint64_t word = {value}; asm volatile("" : "+r"(word));'


def _value(register: Register) -> str:
    text = f"ctx->{register.member}"
    return f"({text} >> {register.shift})" if register.shift else text
