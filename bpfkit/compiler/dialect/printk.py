"""``bpf_trace_printk("…", …)``: the format is put on the stack and its size is passed along."""

from __future__ import annotations

import re

from ..ctype import CHAR, Array, Pointer
from ..diagnostics import Diagnostic, Rejection, Severity
from ..tree import Call, Cast, Decay, Expr, HelperCall, Init, InitList, StrLit
from . import build

NAME = "bpf_trace_printk"
NUMBER = 6  # BPF_FUNC_trace_printk
MAX_VALUES = 3  # a helper takes five arguments, two are the format and its size

_CONVERSION = re.compile(rb"%([-+ #0]*[0-9.]*(?:hh|h|ll|l|z)?.[a-zA-Z]?)")
_ALLOWED = ("d", "u", "x", "ld", "lu", "lx", "lld", "llu", "llx", "p", "pS", "s")


def expand_printk(call: Call | HelperCall, warnings: list[Diagnostic]) -> Expr:
    """The helper call ``call`` stands for; ``warnings`` gets what the kernel will not print."""
    loc = call.loc
    literal = _literal(call.args[0]) if call.args else None
    if literal is None:
        raise Rejection(
            f"the format of {NAME} must be a string literal",
            loc,
            f'write {NAME}("value %d\\n", value)',
        )
    values = call.args[1:]
    if len(values) > MAX_VALUES:
        raise Rejection(
            f"{NAME} takes at most {MAX_VALUES} values, not {len(values)}",
            loc,
            "print the rest with a second call",
        )
    warnings += [Diagnostic(Severity.WARNING, text, loc) for text in _check(literal.data)]
    size = len(literal.data)
    array = Array(CHAR, size)
    text = build.local("format", array, loc)
    text.init = InitList(array, loc, [Init(0, array, literal)])
    pointer = Decay(Pointer(CHAR), loc, build.ref(text, loc))
    args = [pointer, build.number(size, loc), *values]
    printed = build.helper(NAME, call.type, loc, args)
    body = [build.declare(text), build.statement(printed)]
    return build.statement_expr(call.type, body, loc)


def _literal(format_: Expr) -> StrLit | None:
    while isinstance(format_, Cast):
        format_ = format_.operand
    match format_:
        case Decay(operand=StrLit() as literal):
            return literal
    return None


def _check(text: bytes) -> list[str]:
    """What is wrong with a format, as the kernel's bpf_trace_printk sees it."""
    found = [_conversion(m) for m in _CONVERSION.findall(text.rstrip(b"\0"))]
    problems = []
    if len(found) > MAX_VALUES:
        problems.append(f"cannot use more than {MAX_VALUES} conversion specifiers")
    if found.count("s") > 1:
        problems.append("cannot use several %s conversion specifiers")
    if any(conversion not in _ALLOWED for conversion in found):
        shown = " ".join("%" + c for c in _ALLOWED if c != "pS")
        problems.append(f"only {shown} conversion specifiers allowed")
    if any(not (32 <= byte < 127 or byte in b"\t\n") for byte in text.rstrip(b"\0")):
        problems.append("only printable characters are allowed in the format")
    return problems


def _conversion(spec: bytes) -> str:
    """The conversion without what follows it: ``pS`` is one, in ``dK`` only ``d`` is."""
    text = spec.decode("latin-1")
    if text.startswith("p"):
        return text if text in ("pS", "pK", "px", "pB", "pI", "pi") else "p"
    return re.sub(r"^([-+ #0]*[0-9.]*(?:hh|h|ll|l|z)?.).*", r"\1", text)
