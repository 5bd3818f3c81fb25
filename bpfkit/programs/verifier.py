"""The verifier's log, made short: the C line it stumbled over, what it said, what it knew, and how
it came there.

``verifier_log.py`` reads the log and ``verifier_hints.py`` knows the commonest causes. Where the
kernel has its own report (Linux 7.3), its suggestion is the hint when ours has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .verifier_hints import hint_for
from .verifier_log import REPORT, Branch, Reading, Step, read_log

_COMPLAINT_LINES = 3
_BRANCHES = 3
_ALLOCATED = re.compile(r"alloc_insn=(?P<number>\d+)")
_REGISTER = re.compile(r"\bR(\d+)\b")


# What the verifier says to a plain load of memory that it does not see: a number, an object that
# may be NULL, a place in a kernel object that its types do not allow. A helper reads them all.
_HELPER_COULD = re.compile(
    r"^R\d+ invalid mem access '(?:scalar|inv|\w*ptr_\w*)'"
    r"|^R\d+ is (?:\w+_)?ptr_\w+ (?:invalid|access)"
    r"|^access beyond (?:the end of|struct) "
    r"|^cannot access ptr member "
)
_LOAD = re.compile(r"^(\d+): \([0-9a-f]{2}\) [rw]\d+ = \*\(")


def refused_load(log: str) -> int | None:
    """The number of the instruction that was refused, when it is a plain load that a helper could
    do.
    """
    instruction: re.Match[str] | None = None
    for line in log.partition(REPORT)[0].splitlines():
        if re.match(r"\d+: \([0-9a-f]{2}\) ", line):
            instruction = _LOAD.match(line)
        elif instruction is not None and _HELPER_COULD.match(line.strip()):
            return int(instruction[1])
    return None


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where in the C text an instruction comes from; ``text`` is the whole line."""

    file: str
    line: int
    column: int
    text: str

    @property
    def variable(self) -> str:
        """The variable, or the member of one, that stands at the column; else empty."""
        at = max(self.column - 1, 0)
        for found in _VARIABLE.finditer(self.text):
            if found.end() > at:
                near = found.start() <= at or not _OTHER.search(self.text[at : found.start()])
                name = found["name"]
                return name if near and not found["call"] and name not in _NO_VARIABLES else ""
        return ""


_VARIABLE = re.compile(r"(?P<name>[A-Za-z_]\w*(?:(?:->|\.)\w+|\[[^\[\]]*\])*)(?P<call>\s*\()?")
_OTHER = re.compile(r"[^\s*&(]")
_NO_VARIABLES = frozenset({"return", "if", "for", "while", "switch", "int", "sizeof", "else", "do"})
Places = Callable[[int], SourcePlace | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What people read of a log."""

    summary: str
    hint: str


def explain(log: str, places: Places = lambda number: None, detail: str = "") -> Explanation:
    """The C line, the verifier's words, the register's state, the path; a hint where there is one.

    ``places`` tells where instructions come from, which logs tell less well. ``detail`` is the log
    of the same program at level 2, which tells states that level 1 of old kernels leaves out.
    """
    reading = read_log(log)
    if not reading.complaint and reading.last is None:
        return Explanation("", "")
    told = read_log(detail) if detail else reading
    if told.complaint != reading.complaint:
        told = reading
    parts = []
    place = places(told.last.number) if told.last is not None else None
    if told.last is not None and (line := _line(told.last, place)):
        parts.append(f"at: {line}")
    parts.append(f"verifier: {'; '.join(reading.complaint[:_COMPLAINT_LINES])}")
    if register := _register(told, place):
        parts.append(register)
    parts += _acquired(told, places)
    parts += _path(told, places)
    hint = hint_for(*reading.complaint) or _suggestion(reading.report)
    return Explanation("\n".join(parts), hint)


def lacks_state(log: str) -> bool:
    """Whether the complaint is about a register of which the log tells nothing."""
    reading = read_log(log)
    number = _number(reading)
    return bool(number) and not reading.state_of(number)


def _line(step: Step, place: SourcePlace | None) -> str:
    if place is not None:
        return f"{place.text.strip()}   ({place.file}:{place.line})"
    return step.source + (f"   ({step.place})" if step.place else "")


def _number(reading: Reading) -> str:
    """The register that the complaint is about."""
    for line in reading.complaint:
        if found := _REGISTER.search(line):
            return f"R{found[1]}"
    return ""


def _register(reading: Reading, place: SourcePlace | None) -> str:
    number = _number(reading)
    state = reading.state_of(number) if number else ""
    if not number:
        return ""
    variable = place.variable if place is not None else ""
    who = f"{number} in '{variable}'" if variable else number
    if "!read_ok" in reading.complaint[0]:
        return f"register: {who} has no value"
    meaning = describe(state)
    return f"register: {who} = {state}{f', {meaning}' if meaning else ''}" if state else ""


def _acquired(reading: Reading, places: Places) -> list[str]:
    """Where the reference comes from that the program does not give back."""
    found = _ALLOCATED.search(" ".join(reading.complaint))
    if found is None:
        return []
    step = reading.last
    while step is not None and step.number != int(found["number"]):
        step = step.before
    line = _line(step, places(step.number)) if step is not None else ""
    return [f"acquired at: {line}"] if line else []


def _path(reading: Reading, places: Places) -> list[str]:
    """The last branches that were taken, the first of them first; a loop's once."""
    seen: dict[int, Branch] = {}
    for branch in reading.branches():
        seen.setdefault(branch.step.number, branch)
        if len(seen) == _BRANCHES:
            break
    lines = []
    for branch in reversed(seen.values()):
        line = _line(branch.step, places(branch.step.number))
        outcome = "held" if branch.held else "did not hold"
        lines.append(
            f"  {line or 'instruction ' + str(branch.step.number)}: {branch.condition} {outcome}"
        )
    return ["path:", *lines] if lines else []


_KINDS: tuple[tuple[str, str], ...] = (
    (r"^map_value_or_null", "a map's value or NULL"),
    (r"^map_value", "a map's value"),
    (r"^map_ptr", "a map"),
    (r"^map_key", "a map's key"),
    (r"^(?:scalar|inv)(?!_)", "a number"),
    (r"^(?:Pscalar|P?-?\d|P?0x)", "a known number"),
    (r"^ctx", "the program's context"),
    (r"^fp", "a place on the stack"),
    (r"^pkt_end", "the end of the packet"),
    (r"^pkt_meta", "the packet's metadata"),
    (r"^pkt", "a place in the packet"),
    (r"^(?:\w+_)?ptr_or_null_(?P<name>\w+)", "a struct {name} or NULL"),
    (r"^(?:\w+_)?ptr_(?P<name>\w+)", "a struct {name}"),
    (r"^(?:alloc_mem|mem|ringbuf_mem|rdonly_mem|dynptr_mem)_or_null", "reserved memory or NULL"),
    (r"^(?:alloc_mem|mem|ringbuf_mem)", "reserved memory"),
    (r"^(?:rdonly_|rdwr_)?buf_or_null", "a buffer or NULL"),
    (r"^sock\w*_or_null", "a socket or NULL"),
)


def describe(state: str) -> str:
    """A register's state in words; empty where it is not known here."""
    for pattern, words in _KINDS:
        if found := re.match(pattern, state):
            text = words.format(**found.groupdict())
            return f"{text}{_range(state)}"
    return ""


def _range(state: str) -> str:
    """The bounds of a number, or of a pointer's variable part."""
    low = re.search(r"\bumin(?:_value)?=([^,)=]+)", state)
    high = re.search(r"\bumax(?:_value)?=(?:smax32=|umax32=)*([^,)=]+)", state)
    if high is None and state.startswith(("scalar", "inv")):
        return " that can be anything" if state in ("scalar()", "inv") else ""
    if high is None:
        return ""
    first = _value(low[1]) if low else 0
    last = _value(high[1])
    return (
        f" plus {first} to {last}"
        if not state.startswith(("scalar", "inv"))
        else (f" from {first} to {last}")
    )


def _value(text: str) -> int:
    return int(text, 0)


def _suggestion(report: str) -> str:
    """What the kernel's own report suggests, on one line."""
    paragraph = report.partition("\nSuggestion:\n")[2].split("\n\n")[0]
    return " ".join(paragraph.split())
