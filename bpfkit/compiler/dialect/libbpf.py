"""What stands before a program of libbpf's dialect: headers under the names libbpf documents.

The C itself is in ``compiler/include``. Types come from the target's BTF whatever the text
includes, so ``vmlinux.h`` itself is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ..diagnostics import Rejection
from ..headers.scan import tags_of, without_comments
from .registers import Registers, registers_of

_INCLUDE = Path(__file__).parent.parent / "include"
_HELPERS = "bpf/bpf_helpers.h"
_TRACING = "bpf/bpf_tracing.h"
_CORE = "bpf/bpf_core_read.h"
_USDT = "bpf/usdt.bpf.h"
_FILES = {
    _HELPERS: "bpf_helpers.h",
    _CORE: "bpf_core_read.h",
    _TRACING: "bpf_tracing.h",
    "bpf/bpf_endian.h": "bpf_endian.h",
    _USDT: "bpf_usdt.h",
}
_EMPTY = ("vmlinux.h", "bpf/bpf_helper_defs.h", "bpf/bpf.h")
_REACHES = {
    _CORE: (_HELPERS,),
    _TRACING: (_HELPERS, _CORE),
    _USDT: (_HELPERS, _CORE, _TRACING),
}
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\n\\]|\\.)*)", re.M | re.S)
_PASTED = re.compile(r"___bpf_apply\((\w+),")
_ITERATOR = re.compile(r"\bbpf_for_each\s*\(\s*(\w+)")


@cache
def libbpf_headers(arch: str) -> Mapping[str, str]:
    """What a program may include by libbpf's own names: path to text."""
    texts = {path: (_INCLUDE / name).read_text(encoding="utf-8") for path, name in _FILES.items()}
    texts[_TRACING] = texts[_TRACING].replace("/* @registers@ */", _registers_text(arch))
    return texts | dict.fromkeys(_EMPTY, "")


def included_text(includes: Iterable[str], arch: str) -> str:
    """The texts of libbpf's headers that ``includes`` names, and of those they include."""
    wanted: dict[str, None] = {}
    for name in includes:
        wanted.update(dict.fromkeys((*_REACHES.get(name, ()), name)))
    texts = libbpf_headers(arch)
    text = "".join(texts.get(name, "") for name in _FILES if name in wanted)
    return text + _families(text)


def _families(text: str) -> str:
    """Macros that are named by pasting a count to a word, as if the word named all of them."""
    names = sorted({name for name, _ in _MACRO.findall(text)})
    lines = []
    for stem in sorted(set(_PASTED.findall(text))):
        members = [name for name in names if re.fullmatch(stem + "[0-9]+", name)]
        lines.append(f"#define {stem} {' '.join(members)}\n")
    return "".join(lines)


def macro_tags(text: str, words: Iterable[str], arch: str) -> set[tuple[str, str]]:
    """Records that macros of the headers bring into play: ``words`` are those the text uses."""
    found = {("struct", f"bpf_iter_{name}") for name in _ITERATOR.findall(text)}
    tags = _tags_by_macro(arch)
    for word in words:
        found |= tags.get(word, set())
    return found


@cache
def _tags_by_macro(arch: str) -> Mapping[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for text in libbpf_headers(arch).values():
        for name, body in _MACRO.findall(without_comments(text)):
            tags = {tag for tag in tags_of(body) if not tag[1].endswith("_")}
            if tags:
                found[name] = tags
    return found


def _registers_text(arch: str) -> str:
    """The ``PT_REGS_*`` macros; none for an architecture whose registers are not known."""
    try:
        table = registers_of(arch)
    except Rejection:
        return ""
    lines = [f"#define bpf_target_{table.target}", "#define bpf_target_defined"]
    for name, register in _rows(table).items():
        plain, relocated = f"PT_REGS_{name}", f"PT_REGS_{name}_CORE"
        if name.endswith("_SYSCALL"):
            relocated = f"PT_REGS_{name.removesuffix('_SYSCALL')}_CORE_SYSCALL"
        lines.append(f"#define {plain}(X) (__bpf_regs(X)->{register})")
        lines.append(f"#define {relocated}(X) BPF_CORE_READ(__bpf_regs(X), {register})")
    return "\n".join(lines) + "\n"


def _rows(table: Registers) -> dict[str, str]:
    """What each register is called after: ``PARM1``, ``RC`` …"""
    rows = {f"PARM{n}": register for n, register in enumerate(table.args, 1)}
    rows |= {f"PARM{n}_SYSCALL": register for n, register in enumerate(table.syscall_args, 1)}
    return rows | {
        "RET": table.return_address,
        "FP": table.frame,
        "RC": table.result,
        "SP": table.stack,
        "IP": table.ip,
    }
