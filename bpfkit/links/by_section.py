"""Attach where a program's section says: ``SEC("uprobe//bin/bash:readline")``.

The forms are libbpf's ("Program Types and ELF Sections" of its documentation). Hooks that need to
be told more than a section can hold (a device, a control group) are attached by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import AttachError
from ..obj.sections import read_section
from .base import Link

if TYPE_CHECKING:
    from .hooked import HookedProgram

_OFFSET = re.compile(r"(?P<name>.+?)(?:\+(?P<offset>0x[0-9a-fA-F]+|\d+))?")


def attach_by_section(program: HookedProgram, section: str) -> Link:
    """Attach ``program`` where its section says. Raises AttachError when it says nothing usable."""
    row, rest = read_section(section)
    attach = _ATTACH.get(row.word.removesuffix(".s")) if row is not None else None
    if attach is None:
        raise AttachError(
            program.name,
            f"section {section!r}",
            "the section does not tell where to attach",
            "use one of the attach_… methods",
        )
    link = attach(program, rest) if rest or attach in _WITHOUT_NAME else None
    if link is None:
        raise AttachError(
            program.name,
            f"section {section!r}",
            f"the section has not the form {_FORMS[attach]}",
            "write it so, or use one of the attach_… methods",
        )
    return link


def _kprobe(program: HookedProgram, rest: str, *, retprobe: bool = False) -> Link | None:
    name, offset = _split(rest)
    return program.attach_kprobe(name, offset=offset, retprobe=retprobe)


def _kretprobe(program: HookedProgram, rest: str) -> Link | None:
    return _kprobe(program, rest, retprobe=True)


def _kprobe_multi(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_kprobe_multi(pattern=from_glob(rest))


def _kretprobe_multi(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_kprobe_multi(pattern=from_glob(rest), retprobe=True)


def _kprobe_session(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_kprobe_multi(pattern=from_glob(rest), session=True)


def _ksyscall(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_ksyscall(rest)


def _kretsyscall(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_ksyscall(rest, retprobe=True)


def _uprobe(program: HookedProgram, rest: str, *, retprobe: bool = False) -> Link | None:
    binary, colon, place = rest.rpartition(":")
    if not colon or not place:
        return None
    symbol, offset = _split(place)
    if re.fullmatch(r"0x[0-9a-fA-F]+", symbol):
        return program.attach_uprobe(binary, address=int(symbol, 16) + offset, retprobe=retprobe)
    return program.attach_uprobe(binary, symbol, offset=offset, retprobe=retprobe)


def _uretprobe(program: HookedProgram, rest: str) -> Link | None:
    return _uprobe(program, rest, retprobe=True)


def _uprobe_multi(
    program: HookedProgram, rest: str, *, retprobe: bool = False, session: bool = False
) -> Link | None:
    binary, colon, glob = rest.rpartition(":")
    if not colon or not glob:
        return None
    pattern = from_glob(glob) + r"\Z"
    return program.attach_uprobe_multi(binary, pattern=pattern, retprobe=retprobe, session=session)


def _uretprobe_multi(program: HookedProgram, rest: str) -> Link | None:
    return _uprobe_multi(program, rest, retprobe=True)


def _uprobe_session(program: HookedProgram, rest: str) -> Link | None:
    return _uprobe_multi(program, rest, session=True)


def _usdt(program: HookedProgram, rest: str) -> Link | None:
    binary, *names = rest.rsplit(":", 2)
    return program.attach_usdt(binary, *names) if len(names) == 2 else None


def _tracepoint(program: HookedProgram, rest: str) -> Link | None:
    category, slash, event = rest.partition("/")
    return program.attach_tracepoint(category, event) if slash else None


def _raw_tracepoint(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_raw_tracepoint(rest)


def _tracing(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_tracing()


def _freplace(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_freplace()


def _lsm(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_lsm()


def _iter(program: HookedProgram, rest: str) -> Link | None:
    return program.attach_iter()


def from_glob(glob: str) -> str:
    """A regular expression for a pattern of ``*`` and ``?``."""
    return re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")


def _split(place: str) -> tuple[str, int]:
    found = _OFFSET.fullmatch(place)
    if found is None:
        return place, 0
    return found["name"], int(found["offset"] or "0", 0)


_ATTACH: dict[str, Callable[[HookedProgram, str], Link | None]] = {
    "kprobe": _kprobe,
    "kretprobe": _kretprobe,
    "kprobe.multi": _kprobe_multi,
    "kretprobe.multi": _kretprobe_multi,
    "kprobe.session": _kprobe_session,
    "ksyscall": _ksyscall,
    "kretsyscall": _kretsyscall,
    "uprobe": _uprobe,
    "uretprobe": _uretprobe,
    "uprobe.multi": _uprobe_multi,
    "uretprobe.multi": _uretprobe_multi,
    "uprobe.session": _uprobe_session,
    "usdt": _usdt,
    "tracepoint": _tracepoint,
    "tp": _tracepoint,
    "raw_tracepoint": _raw_tracepoint,
    "raw_tp": _raw_tracepoint,
    "raw_tracepoint.w": _raw_tracepoint,
    "raw_tp.w": _raw_tracepoint,
    "tp_btf": _tracing,
    "fentry": _tracing,
    "fexit": _tracing,
    "fmod_ret": _tracing,
    "fsession": _tracing,
    "freplace": _freplace,
    "lsm": _lsm,
    "iter": _iter,
}
# Their names were used when the program was loaded.
_WITHOUT_NAME = (_tracing, _freplace, _lsm, _iter)
_BINARY_FORM = "WORD/PATH:SYMBOL"
_FORMS: dict[Callable[[HookedProgram, str], Link | None], str] = {
    **dict.fromkeys(_ATTACH.values(), "WORD/NAME"),
    _kprobe: "kprobe/FUNCTION+OFFSET",
    _uprobe: "uprobe/PATH:SYMBOL+OFFSET",
    _uretprobe: _BINARY_FORM,
    _uprobe_multi: "uprobe.multi/PATH:PATTERN",
    _uretprobe_multi: "uretprobe.multi/PATH:PATTERN",
    _uprobe_session: "uprobe.session/PATH:PATTERN",
    _usdt: "usdt/PATH:PROVIDER:NAME",
    _tracepoint: "tp/CATEGORY/EVENT",
}
