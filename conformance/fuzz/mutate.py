"""Texts that are wrong in ways people are not: mutations of good ones, and bytes of any kind."""

from __future__ import annotations

import random
import re

_TOKEN = re.compile(r"\s+|\w+|\"[^\"\n]*\"|[^\w\s]")
_NUMBERS = ("0", "-1", "99999999999999999999", "1e400", "0x", "0b2", "'", "1.5f", "08")
_WORDS = (
    *("struct", "union", "enum", "static", "extern", "volatile", "_Bool", "__int128", "double"),
    *("return", "goto", "switch", "case", "sizeof", "typeof", "_Generic", "asm", "__auto_type"),
    *("__builtin_memcpy", "__builtin_va_arg", "__builtin_alloca", "__builtin_return_address"),
    *("BPF_HASH", "BPF_TABLE", "lookup", "perf_submit", "TRACEPOINT_PROBE", "KFUNC_PROBE", "args"),
    *("__attribute__((packed))", '__attribute__((section("x")))', "__attribute__((weak))"),
    *("({", "})", "...", "##", "&&label", "->", "#define X", "#include <x>", "#pragma unroll"),
)


def mutated(text: str, choices: random.Random) -> str:
    """``text`` with a few tokens dropped, doubled, swapped or replaced, or wrapped deeply."""
    tokens = _TOKEN.findall(text)
    for _ in range(choices.choice((1, 1, 2, 3, 8))):
        if not tokens:
            break
        at, other = choices.randrange(len(tokens)), choices.randrange(len(tokens))
        match choices.randrange(8):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[other])
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = choices.choice(_NUMBERS)
            case 4:
                tokens.insert(at, f" {choices.choice(_WORDS)} ")
            case 5:
                del tokens[at : at + choices.randrange(20)]
            case 6:
                depth = choices.choice((3, 40, 300, 5000))
                opening, closing = choices.choice(("()", "{}", "[]", ("-", ""), ("*", "")))
                tokens[at] = opening * depth + tokens[at] + closing * depth
            case _:
                tokens[at] = tokens[at] * choices.choice((2, 50, 3000))
    return "".join(tokens)


def noise(choices: random.Random) -> str:
    """Characters of any kind, as a file that is no C would have."""
    size = choices.choice((0, 1, 20, 400, 4000))
    return choices.randbytes(size).decode("utf-8", "surrogateescape")
