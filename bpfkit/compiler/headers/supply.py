"""The names BTF does not hold: kernel macros and small inline functions, on demand.

The facts are in ``compiler/include/supply.json``. An entry is C text, or a list of forms of which
the first with a true condition is taken. A condition is ``struct.member`` or ``struct NAME``, with
``!`` for its opposite; ``size`` and ``count`` are computed from BTF, so that they are plain numbers
``#if`` can compare.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from .scan import Scan, body_words, tags_of

INCLUDE = Path(__file__).parent.parent / "include"
_NET_HEADERS = re.compile(
    r"net/|rdma/|(?:uapi/)?linux/(?:tcp|udp|ip|ipv6|in|in6|net|netdevice|skbuff|socket|inetdevice"
    r"|filter|if_.*|netfilter.*|nfs_fs)\.h"
)

# Headers whose constants the kernel may turn into enumerators; all others are fixed by an ABI.
_MOVING = frozenset(
    {
        "linux/sched.h",
        "linux/fs.h",
        "linux/mm.h",
        "linux/gfp.h",
        "linux/blkdev.h",
        "linux/blk_types.h",
        "linux/interrupt.h",
        "linux/irqreturn.h",
        "linux/skbuff.h",
        "net/tcp.h",
    }
)


class LayoutFacts(Protocol):
    """Questions about kernel types that conditions ask."""

    def has_member(self, tag: str, path: str) -> bool:
        """Whether ``struct tag`` has the member."""

    def has_record(self, tag: str) -> bool:
        """Whether there is a ``struct tag``."""

    def measure(self, tag: str, path: str, *, count: bool) -> int | None:
        """Size in bytes, or number of elements, of a member."""

    def is_enumerator(self, name: str) -> bool:
        """Whether an enumeration of the kernel has ``name``."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an entry."""

    text: str = ""
    condition: str = ""
    size: str = ""
    count: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name with its forms; ``gate`` is "net" or "kernel" when some header must be included."""

    name: str
    header: str
    forms: tuple[Form, ...]
    gate: str = ""

    @property
    def is_function(self) -> bool:
        """Whether it is an inline function rather than a macro."""
        return not self.forms[0].text.startswith("#define") and bool(self.forms[0].text)


@cache
def entries() -> Mapping[str, Entry]:
    """Return all entries by name."""
    data = json.loads((INCLUDE / "supply.json").read_text(encoding="utf-8"))
    result: dict[str, Entry] = {}
    for header, names in data.items():
        if header == "ORIGIN":
            continue
        for name, value in names.items():
            result[name] = _entry(name, header, value)
    return result


def _entry(name: str, header: str, value: object) -> Entry:
    gate = ""
    if isinstance(value, dict):
        gate, value = value.get("gate", ""), value["forms"]
    if isinstance(value, str):
        return Entry(name, header, (Form(value),), gate)
    assert isinstance(value, list)
    forms = tuple(
        Form(f.get("text", ""), f.get("if", ""), f.get("size", ""), f.get("count", ""))
        for f in value
    )
    return Entry(name, header, forms, gate)


@dataclass(slots=True)
class Supply:
    """What was taken: texts in an order that compiles, and the names the texts bring into play."""

    macros: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    tags: set[tuple[str, str]] = field(default_factory=set)


def select(
    used: Scan, taken: set[str], facts: LayoutFacts, expand: Callable[[str], frozenset[str]]
) -> Supply:
    """Take every entry the text names, and those their bodies name.

    ``taken`` are names that have a meaning already. ``expand`` gives the words a macro of the
    dialect adds.
    """
    known = entries()
    supply = Supply(words=set(used.words))
    waiting = sorted(used.words)
    functions: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        entry = known.get(name)
        if entry is None or name in taken or not _gate_open(entry, used):
            new = expand(name)
        elif entry.header in _MOVING and name.isupper() and facts.is_enumerator(name):
            continue
        else:
            text = _text(entry, facts)
            if not text:
                continue
            supply.names.add(name)
            if entry.is_function:
                functions[name] = text
            else:
                supply.macros.append(text)
            new = frozenset(body_words(text))
            supply.tags |= tags_of(text)
            supply.tags |= _aliased_tag(entry, text, used)
        waiting += sorted(new - supply.words)
        supply.words |= new
    supply.macros.sort()
    supply.functions = [functions[name] for name in sorted(functions)]
    return supply


def _gate_open(entry: Entry, used: Scan) -> bool:
    if entry.gate == "net":
        return any(_NET_HEADERS.match(name) for name in used.includes)
    if entry.gate == "kernel":
        return entry.name in used.free and any("/" in name for name in used.includes)
    return True


def _aliased_tag(entry: Entry, text: str, used: Scan) -> set[tuple[str, str]]:
    """Return what a macro that renames a tag stands for: ``#define rcu_head callback_head``."""
    target = text.split()[-1]
    return {
        (word, target) for word, tag in used.tags if tag == entry.name and target.isidentifier()
    }


def _text(entry: Entry, facts: LayoutFacts) -> str:
    """Return the text of the first form that holds, empty when none does."""
    for form in entry.forms:
        if not _holds(form.condition, facts):
            continue
        if form.text:
            return form.text
        tag, _, path = (form.size or form.count).partition(".")
        value = facts.measure(tag, path, count=bool(form.count))
        if value is not None:
            return f"#define {entry.name} {value}"
    return ""


def _holds(condition: str, facts: LayoutFacts) -> bool:
    if not condition:
        return True
    wanted = not condition.startswith("!")
    fact = condition.removeprefix("!")
    if fact.startswith("struct "):
        return facts.has_record(fact.removeprefix("struct ")) == wanted
    tag, _, path = fact.partition(".")
    return facts.has_member(tag, path) == wanted
