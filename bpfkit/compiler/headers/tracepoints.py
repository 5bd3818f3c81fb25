"""``struct tracepoint__CATEGORY__EVENT`` from the format tracefs prints.

Source: the ``format`` file of an event; Documentation/trace/events.rst. The members are those bcc
gives: common fields become padding, a dynamic array ``__data_loc T[] x`` becomes ``int data_loc_x``
(offset from the record in the low 16 bits, length in the high 16), a small integer in a larger
place is widened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIELD = re.compile(
    r"^\s*field:(?P<decl>[^;]+);\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);"
    r"(?:\s*signed:(?P<signed>\d+);)?",
    re.M,
)
_PROBE = re.compile(r"\bTRACEPOINT_PROBE\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_STRUCT = re.compile(r"\bstruct\s+tracepoint__(\w+)")
_DECL = re.compile(r"^(?P<type>.*?)\b(?P<name>\w+)\s*(?P<array>(?:\[[^\]]*\])*)$", re.S)
_DYNAMIC = re.compile(r"^__(?:rel_)?data_loc\b")
_ADDRESS_SPACES = frozenset({"__seg_gs", "__seg_fs", "__user", "__percpu", "__rcu", "__iomem"})
_COMMON_BYTES = 8
_WIDE = {
    (1, True): "s8",
    (1, False): "u8",
    (2, True): "s16",
    (2, False): "u16",
    (4, True): "s32",
    (4, False): "u32",
    (8, True): "s64",
    (8, False): "u64",
}
# Types whose size is known without the kernel's types; a larger place widens them.
_SMALL = {
    "char": 1,
    "signed char": 1,
    "unsigned char": 1,
    "u8": 1,
    "s8": 1,
    "__u8": 1,
    "bool": 1,
    "short": 2,
    "unsigned short": 2,
    "u16": 2,
    "s16": 2,
    "__u16": 2,
    "umode_t": 2,
    "sa_family_t": 2,
    "int": 4,
    "unsigned int": 4,
    "unsigned": 4,
    "u32": 4,
    "s32": 4,
    "__u32": 4,
    "pid_t": 4,
    "uid_t": 4,
    "gid_t": 4,
    "dev_t": 4,
    "gfp_t": 4,
    "long": 8,
    "unsigned long": 8,
    "u64": 8,
    "s64": 8,
    "__u64": 8,
    "size_t": 8,
    "long long": 8,
    "unsigned long long": 8,
}


@dataclass(frozen=True, slots=True)
class Event:
    """A tracepoint a text names; ``at`` is the offset of the name in the text."""

    category: str
    name: str
    at: int

    @property
    def tag(self) -> str:
        """Tag of its structure."""
        return f"tracepoint__{self.category}__{self.name}"


def events_in(code: str) -> list[Event]:
    """Find the tracepoints of a text without comments: TRACEPOINT_PROBE and structures named
    directly.

    In a structure's name the event follows the last double underscore.
    """
    found: dict[tuple[str, str], Event] = {}
    for match in _PROBE.finditer(code):
        found.setdefault((match[1], match[2]), Event(match[1], match[2], match.start(2)))
    for match in _STRUCT.finditer(code):
        category, _, name = match[1].rpartition("__")
        if category:
            found.setdefault((category, name), Event(category, name, match.start()))
    return sorted(found.values(), key=lambda event: event.at)


def tracepoint_struct(event: Event, text: str) -> str:
    """Return the structure of ``event`` from the ``text`` of its format."""
    lines = [f"struct {event.tag} {{", "\tu64 __do_not_use__;"]
    at, pads, packed = _COMMON_BYTES, 0, False
    for match in _FIELD.finditer(text):
        offset, size = int(match["offset"]), int(match["size"])
        if offset + size <= _COMMON_BYTES:
            continue
        if offset < _COMMON_BYTES or match["decl"].split()[-1].startswith("common_"):
            lines += [f"\tchar __do_not_use__{byte};" for byte in range(at, offset + size)]
            at = offset + size
            continue
        if offset > at:
            lines.append(f"\tchar __pad_{pads}[{offset - at}];")
            pads += 1
        member, align = _member(match["decl"], size, match["signed"] == "1")
        packed |= offset % align != 0
        lines.append(f"\t{member};")
        at = offset + size
    lines.append("} __attribute__((packed));" if packed else "};")
    return "\n".join(lines) + "\n"


def _member(declaration: str, size: int, signed: bool) -> tuple[str, int]:
    """Return one field as a C member of exactly ``size`` bytes, and its alignment in bytes."""
    text = " ".join(word for word in declaration.split() if word not in _ADDRESS_SPACES)
    match = _DECL.match(text)
    if match is None:
        return f"char __unreadable[{size}]", 1
    kind, name, array = match["type"].strip(), match["name"], match["array"]
    if _DYNAMIC.match(text):
        return f"int data_loc_{name}", 4
    if array:
        return _array(kind, name, size)
    if kind.endswith("*") and size == 8:
        return f"{kind}{name}", 8
    if _SMALL.get(kind.removeprefix("const ")) == size:
        return f"{kind} {name}", size
    # Enumerations and typedefs: what they are is not known here, how large the field is.
    wide = _WIDE.get((size, signed))
    return (f"{wide} {name}", size) if wide else (f"char {name}[{size}]", 1)


def _array(kind: str, name: str, size: int) -> tuple[str, int]:
    """Return an array; its length is what the size says, for the text may name a constant."""
    if kind.endswith("*"):
        return f"{kind}{name}[{size // 8}]", 8
    element = _SMALL.get(kind.removeprefix("const "))
    if element is None:
        return f"u8 {name}[{size}]", 1
    return f"{kind} {name}[{size // element}]", element
