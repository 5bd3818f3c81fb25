"""Members that kernels renamed or moved: written by any of their names, read where they are.

The facts are in ``compiler/include/drift.json``: a member of a record, its type, what else it is
(``else``, an expression on the record), and the commit that changed it. For a member the text
names, the record gets the forms the target lacks, in a union with a member of its own so that its
size stays, and a function that asks the running kernel (``__builtin_preserve_field_info``) and
reads the form it has. ``rename.py`` of the compiler puts calls of these functions where the text
reads the member, so that one object fits kernels of both kinds. A member without ``else`` is only
a step on the way to another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cache

from ...btf.dump import Chunk
from .supply import INCLUDE

PREFIX = "__moved_"
"""The functions are called ``__moved_RECORD__MEMBER``, and with ``at_`` for the address."""

KEEP = f"{PREFIX}keep"

# A member that takes eight bytes: a pointer, or an integer as wide as one.
_WIDE = re.compile(
    r"^\t((?:[\w ]+ \*|(?:size_t|loff_t|sector_t|u64|s64|__u64|long|unsigned long|long unsigned int"
    r"|long int|long long|unsigned long long) )\w+);$",
    re.M,
)
# The union such a member was put into.
_SHARED = re.compile(r"^\tunion \{ (.*); \};$", re.M)
_STEP = re.compile(r"[A-Za-z_]\w*(?:(?:->|\.)\w+)*")


@dataclass(frozen=True, slots=True)
class Moved:
    """One form of a member. ``instead`` is an expression on the record, "" for none."""

    record: str
    member: str
    declaration: str
    instead: str
    beside: str

    @property
    def path(self) -> str:
        """The members that ``instead`` goes through: ``q->disk``."""
        match = _STEP.match(self.instead)
        return match[0] if match else ""

    @property
    def plain(self) -> bool:
        """Whether ``instead`` is a place in memory, not a computed value."""
        return bool(self.instead) and self.path == self.instead


@cache
def moved() -> Mapping[str, tuple[Moved, ...]]:
    """Return the table by record."""
    data = json.loads((INCLUDE / "drift.json").read_text(encoding="utf-8"))
    del data["ORIGIN"]
    return {
        record: tuple(
            Moved(record, one["member"], one["type"], one.get("else", ""), one.get("beside", ""))
            for one in rows
        )
        for record, rows in data.items()
    }


def named(words: Set[str]) -> list[Moved]:
    """Return the entries whose member stands among ``words``, with those on the way to them."""
    return [one for rows in moved().values() for one in rows if one.member in words]


def words_behind(words: Set[str]) -> set[str]:
    """Return the members and records that other forms of the members in ``words`` lead to."""
    found: set[str] = set()
    for one in named(words):
        found.update(re.findall(r"\w+", one.path))
    return found


def places(record: str, words: Set[str]) -> set[str]:
    """Return the members of a record that other forms of members in ``words`` are put beside."""
    return {one.beside for one in moved().get(record, ()) if one.beside and one.member in words}


def tags_behind(words: Set[str]) -> set[tuple[str, str]]:
    """Return the records that moved pointers in ``words`` lead to."""
    texts: list[str] = []
    for one in named(words):
        if "->" in one.instead:
            first = one.path.split("->")[0]
            rows = moved()[one.record]
            texts += [one.declaration, *(r.declaration for r in rows if r.member == first)]
    return {("struct", tag) for text in texts for tag in re.findall(r"struct (\w+)", text)}


def extend(chunks: list[Chunk], words: Set[str]) -> tuple[list[Chunk], str]:
    """Return the declarations with all forms of the members in ``words``, and the functions.

    A form that cannot be had, because a record on its way is not among the declarations, is left
    out; then the member is what the text says.
    """
    at = {chunk.record: index for index, chunk in enumerate(chunks) if chunk.record}
    tags = [tag for tag in moved() if tag in at]
    wanted = [one for tag in tags for one in moved()[tag] if one.member in words and one.instead]
    if not wanted:
        return chunks, ""
    chunks = list(chunks)
    functions: list[str] = []
    for one in wanted:
        _inject(chunks, at, one.record, one.member)
        if _complete(chunks, at, one):
            functions += _functions(one)
    return chunks, "\n".join(functions) + "\n" if functions else ""


def _complete(chunks: list[Chunk], at: Mapping[str, int], one: Moved) -> bool:
    """Make sure that every step of the other form is declared; tell whether that worked."""
    if _declared(chunks[at[one.record]].text, one.member) is None:
        return False
    record = one.record
    for step in re.findall(r"\w+", one.path):
        if record not in at:
            return False
        _inject(chunks, at, record, step)
        line = _declared(chunks[at[record]].text, step)
        if line is None:
            return False
        tag = re.search(rf"\b(?:struct|union) (\w+) [*]?{step}\b", line)
        # Behind a typedef nothing is looked at: those of the table are the same everywhere.
        if tag is None:
            break
        record = tag[1]
    return True


def _inject(chunks: list[Chunk], at: Mapping[str, int], record: str, member: str) -> None:
    """Give a record a member it lacks, beside another of the same or a greater size."""
    form = next((one for one in moved().get(record, ()) if one.member == member), None)
    if form is None or record not in at:
        return
    chunk = chunks[at[record]]
    if _declared(chunk.text, member) is not None:
        return
    if form.beside:
        place = re.search(rf"^\t(.*\b{form.beside}\b.*);$", chunk.text, re.M)
    else:
        place = _SHARED.search(chunk.text) or _WIDE.search(chunk.text)
    if place is not None:
        both = f"\tunion {{ {place[1]}; {form.declaration}; }};"
        text = chunk.text[: place.start()] + both + chunk.text[place.end() :]
        chunks[at[record]] = replace(chunk, text=text)


def _declared(text: str, member: str) -> str | None:
    """Return the line that declares a member, None when there is none."""
    match = re.search(rf"^.*[\s*(]{member}(?=[;\[):]| :).*$", text, re.M)
    return match[0] if match else None


def _functions(one: Moved) -> list[str]:
    """Return the function that reads the member, and the one that gives its address."""
    head = "static inline __attribute__((always_inline))"
    has = f"__builtin_preserve_field_info(record->{one.member}, 2)"
    name = f"{one.record}__{one.member}"
    array = "[" in one.declaration
    lines = []
    if not array:
        result = one.declaration[: -len(one.member)].rstrip()
        lines.append(
            f"{head} {result} {PREFIX}{name}(struct {one.record} *record) {{"
            f" if ({has}) return record->{one.member};"
            f" return ({result})(record->{one.instead}); }}"
        )
    if one.plain:
        # The statements without text keep the two addresses apart: computing both before one is
        # chosen would run the relocation the kernel has nothing for.
        lines.append(
            f"{head} void *{PREFIX}at_{name}(struct {one.record} *record) {{ void *place;"
            f" if ({has}) {{ place = (void *)&record->{one.member}; {_BARRIER} return place; }}"
            f" place = (void *)&record->{one.instead}; {_BARRIER} return place; }}"
        )
    return lines


_BARRIER = '__asm__ volatile("" : "+r"(place));'


def keeper(prelude: str) -> str:
    """Return a function for the end of the text that names all functions of the prelude."""
    if PREFIX not in prelude:
        return ""
    names = re.findall(rf"\b({PREFIX}\w+)\(struct \w+ \*record\)", prelude)
    calls = "".join(f"(void){name}(0);" for name in dict.fromkeys(names))
    return f"\nstatic inline void {KEEP}(void) {{ {calls} }}\n" if calls else ""
