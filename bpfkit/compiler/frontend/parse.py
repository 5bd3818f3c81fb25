"""C text to tree: the frontend's one entry.

Everything libclang reads comes from memory. The prelude is included before the text and, like every
header, counts as a system header, so that warnings are about the user's text alone.
"""

from __future__ import annotations

import ctypes
import re
import threading

from ...errors import CompileError
from ..diagnostics import Diagnostic, Loc, Rejection, Severity
from ..parse_input import ParseInput
from ..tree import InitList, StrLit, Unit, VarDecl
from . import clangffi
from .build import Builder
from .clangffi import ParseFailure
from .context import VIRTUAL_ROOT
from .kinds import Cursor
from .messages import Messages
from .precompiled import AST_READ_ERROR, USE, forget, precompiled
from .reachable import reachable_headers

PRELUDE = "prelude.h"
BASE = "base.h"
_START = "start.h"
"""Includes the prelude from a system header, which makes it one and leaves its lines alone."""
_MACRO_TEXT = "__macro_text_"

_FLAGS = (
    "-xc",
    "-target",
    "bpf",
    "-std=gnu11",
    "-nostdinc",
    "-O2",
    "-fms-extensions",
    "-fno-builtin",
    "-fno-color-diagnostics",
    "-fspell-checking",  # libclang is for editors and leaves it out
    # Silence what is normal in BPF programs.
    "-Wno-address-of-packed-member",
    "-Wno-array-bounds",
    "-Wno-compare-distinct-pointer-types",
    "-Wno-duplicate-decl-specifier",
    "-Wno-gnu-variable-sized-type-not-at-end",
    "-Wno-ignored-attributes",
    "-Wno-incompatible-pointer-types-discards-qualifiers",
    "-Wno-microsoft",
    "-Wno-microsoft-anon-tag",
    "-Wno-pointer-sign",
    "-Wno-pragma-once-outside-header",
    "-Wno-tautological-compare",
    "-Wno-unknown-attributes",
    "-Wno-unknown-warning-option",
    "-Wno-unused-value",
    "-Wno-visibility",
    # What C89 forgave would be a wrong program here.
    "-Werror=implicit-function-declaration",
    "-Werror=implicit-int",
    "-Werror=int-conversion",
    "-Werror=incompatible-function-pointer-types",
)

# libclang's options and our learned tables are not meant for threads.
_LOCK = threading.Lock()


def parse(source: ParseInput) -> tuple[Unit, list[Diagnostic]]:
    """Parse ``source``; returns the tree and the warnings.

    Raises CompileError, which has every diagnostic, when the text is wrong or uses what BPF cannot
    do; MissingDependencyError without libclang.
    """
    with _LOCK:
        return _parse(source)


def _parse(source: ParseInput) -> tuple[Unit, list[Diagnostic]]:
    macros = [name for name in source.macros if _defines(source.text, name)]
    text = source.text + _probe_macros(macros) + source.tail
    # Where nothing is beside it on the disk: an include finds what we were given, or nothing.
    main = VIRTUAL_ROOT + source.name
    files = [(main, text.encode("utf-8", "surrogateescape"))]
    flags = [*_FLAGS]
    if source.headers:
        flags += ["-isystem", VIRTUAL_ROOT.rstrip("/")]
        reached = reachable_headers(source)
        files += [(VIRTUAL_ROOT + name, body.encode()) for name, body in reached.items()]
    common = [*flags, *source.flags]
    ready = precompiled(source, common) if source.base and source.keep else ""
    if ready:
        flags += [*USE, ready]
    parts = {PRELUDE: source.prelude, BASE: "" if ready else source.base}
    named = [name for name in (BASE, PRELUDE) if parts[name]]
    if named:
        flags += ["-include", VIRTUAL_ROOT + _START]
        includes = "".join(f'#include "{VIRTUAL_ROOT}{name}"\n' for name in named)
        start = f"#pragma GCC system_header\n{includes}"
        files.append((VIRTUAL_ROOT + _START, start.encode()))
        files += [(VIRTUAL_ROOT + name, parts[name].encode()) for name in named]
    flags += source.flags
    try:
        unit = clangffi.Unit(main, flags, files, 0)
    except ParseFailure as failure:
        if ready and failure.code == AST_READ_ERROR:  # a header changed since: once more
            forget(ready)
            return _parse(source)
        message = f"libclang could not parse the text (error {failure.code})"
        loc = Loc(source.name)
        raise CompileError([Diagnostic(Severity.ERROR, message, loc)]) from failure
    with unit:
        return _read(unit, source, macros)


def _read(
    unit: clangffi.Unit, source: ParseInput, macros: list[str]
) -> tuple[Unit, list[Diagnostic]]:
    texts = {PRELUDE: source.prelude, BASE: source.base, source.name: source.text}
    messages = Messages(unit, texts, source.headers)
    found = messages.read()
    if any(message.severity is Severity.ERROR for message in found):
        raise CompileError(found)
    builder = Builder(unit, source.name)
    try:
        tree = builder.build(source.text, [_MACRO_TEXT + name for name in macros])
        tree.macros = _macro_values(builder, macros)
    except (RecursionError, ctypes.ArgumentError) as deep:  # both mean: no stack left
        message = "an expression or a block of this text is nested too deeply"
        error = Diagnostic(Severity.ERROR, message, Loc(source.name), "", "split it")
        raise CompileError([*found, error]) from deep
    except Rejection as refused:
        error = Diagnostic(
            Severity.ERROR,
            refused.message,
            refused.loc,
            messages.source_line(refused.loc),
            refused.hint,
        )
        raise CompileError([*found, error]) from refused
    return tree, found


# ---------------------------------------------------------------- macros


def _defines(text: str, name: str) -> bool:
    """Whether ``text`` may define the object-like macro ``name``."""
    pattern = rf"^[ \t]*#[ \t]*define[ \t]+{re.escape(name)}(?![\w(])"
    return re.search(pattern, text, re.MULTILINE) is not None


def _probe_macros(names: list[str]) -> str:
    """C text that keeps the values of the macros ``names`` in strings, for the end of the text."""
    if not names:
        return ""
    lines = [
        "",
        "#define __macro_text2(...) #__VA_ARGS__",
        "#define __macro_text(x) __macro_text2(x)",
    ]
    for name in names:
        lines += [
            f"#ifdef {name}",
            f"static const char {_MACRO_TEXT}{name}[] = __macro_text({name});",
            "#endif",
        ]
    return "\n".join(lines) + "\n"


def _macro_values(builder: Builder, names: list[str]) -> dict[str, str]:
    wanted = {_MACRO_TEXT + name: name for name in names}
    values: dict[str, str] = {}
    if not wanted:
        return values
    for cursor in builder.lib.children(builder.unit.cursor):
        name = builder.lib.spelling(cursor) if cursor.kind == Cursor.VAR else ""
        if name in wanted:
            values[wanted[name]] = _string_value(builder.initialised(cursor))
    return values


def _string_value(variable: VarDecl) -> str:
    init = variable.init
    value = init.entries[0].value if isinstance(init, InitList) else init
    assert isinstance(value, StrLit)
    return value.data.rstrip(b"\0").decode("utf-8", "replace")
