"""The verifier's log as a path: the instructions that led to the complaint, and what was known.

The format is no interface and changes, so only what is recognised is used:

    ; u64 *v = bpf_map_lookup_elem(&t, &key); @ program.c:5     C line; its place since v6.10
    5: (85) call bpf_map_lookup_elem#1     ; R0_w=map_value…    instruction; state after it (v5.17)
    6: R0=map_value_or_null(…) R10=fp0                          state before an instruction
    from 7 to 9: R0=… R10=fp0                                   the other way of a jump, taken later
    7: (15) if r0 == 0x0 goto pc+1 9: R0=… R10=fp0              the same, on the jump's own line
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

REPORT = "\nVerification failed:"
"""Where Linux 7.3 begins a report of its own, behind the log."""

_SOURCE = re.compile(r"^; (?P<text>.*?)(?: @ (?P<place>\S+:\d+))?$")
_INSN = re.compile(r"^(?P<number>\d+): \([0-9a-f]{2}\) (?P<text>.*)$")
_BEFORE = re.compile(r"^(?P<number>\d+): (?P<state>(?:frame\d+: ?)?R\d.*)$")
_FROM = re.compile(r"^from (?P<jump>\d+) to (?P<number>\d+)[^:]*:(?P<state>.*)$")
_INLINE = re.compile(r"^(?P<text>.*?goto pc[+-]?\d+) (?P<number>\d+): (?P<state>.*)$")
_GOTO = re.compile(r"^if (?P<condition>.*) goto pc(?P<distance>[+-]?\d+)")
_WRITES = re.compile(r"^[rw](?P<register>\d+) (?:[-+*/%&|^]|<<|>>|s>>|s/|s%)?= ")
_NOISE = re.compile(
    r"^(processed \d+ insns|verification time|stack depth|max_states|peak_states|mark_read|arg#|"
    r"func#|func '|last_idx|regs=|mark_precise|parent |propagating |-- BEGIN|caller:|callee:|"
    r" frame|returning from|to caller at|Func#|Validating |Unrecognized arg#|R\d+(?:_\w+)?=|"
    r"\d+: (?:safe|R\d)|from \d+ to |cur state:|old state:)"
)
_CALLED = range(6)


@dataclass(slots=True)
class Step:
    """One instruction on the way; ``before`` is the one that was followed."""

    number: int
    text: str
    source: str = ""
    place: str = ""
    before: Step | None = None
    state_before: dict[str, str] = field(default_factory=dict)
    """Registers as they were told in front of it."""
    state_after: dict[str, str] = field(default_factory=dict)
    """Registers that are told behind it."""

    def writes(self, register: str) -> bool:
        """Whether it gives a register another value."""
        found = _WRITES.match(self.text)
        if found:
            return f"R{found['register']}" == register
        return self.text.startswith("call ") and int(register[1:]) in _CALLED


@dataclass(frozen=True, slots=True)
class Branch:
    """A conditional jump on the way."""

    step: Step
    condition: str
    held: bool


@dataclass(slots=True)
class Reading:
    """What a log tells. ``complaint``: the lines behind the last instruction, the first counts."""

    last: Step | None
    complaint: list[str]
    report: str = ""

    def state_of(self, register: str) -> str:
        """What was last known of a register ("R0"); empty when the log does not tell."""
        step, inner = self.last, False
        while step is not None:
            if inner and register in step.state_after:
                return step.state_after[register]
            if inner and step.writes(register):
                return ""
            if register in step.state_before:
                return step.state_before[register]
            step, inner = step.before, True
        return ""

    def branches(self) -> Iterator[Branch]:
        """The conditional jumps on the way, the last one first."""
        after, step = self.last, self.last.before if self.last is not None else None
        while step is not None and after is not None:
            jump = _GOTO.match(step.text)
            if jump:
                target = step.number + 1 + int(jump["distance"])
                yield Branch(step, jump["condition"], held=after.number == target)
            after, step = step, step.before


def read_log(log: str) -> Reading:
    """Read a log of either level."""
    log, found, report = log.partition(REPORT)
    reader = _Reader()
    for line in log.splitlines():
        reader.take(line.rstrip())
    return Reading(reader.last, reader.complaint, found.lstrip() + report if found else "")


@dataclass(slots=True)
class _Reader:
    """Takes line by line."""

    last: Step | None = None
    complaint: list[str] = field(default_factory=list)
    _latest: dict[int, Step] = field(default_factory=dict)
    _source: tuple[str, str] = ("", "")
    _state: dict[str, str] = field(default_factory=dict)
    _told_by_insn: bool = False
    """Whether the line before was an instruction."""

    def take(self, line: str) -> None:
        told_by_insn, self._told_by_insn = self._told_by_insn, False
        if not line:
            return
        if line.startswith("; "):
            found = _SOURCE.match(line)
            assert found is not None  # the second half of the pattern may be missing
            self._source = found["text"].strip(), found["place"] or ""
        elif found := _INSN.match(line):
            self._instruction(int(found["number"]), found["text"])
        elif found := _FROM.match(line):
            self._go_back(int(found["jump"]), found["state"])
        elif found := _BEFORE.match(line):
            self._state = read_registers(found["state"])
        elif line.startswith(" R"):
            # Linux before 5.17 tells the state at the refused instruction; other lines that begin
            # so, behind "last_idx", tell that of earlier ones.
            if told_by_insn and self.last is not None:
                self.last.state_before = read_registers(line)
        elif not _NOISE.match(line):
            self.complaint.append(line.strip())

    def _instruction(self, number: int, text: str) -> None:
        self.complaint = []
        self._told_by_insn = True
        inline = _INLINE.match(text)
        text, _, state = (inline["text"] if inline else text).partition(";")
        step = Step(number, text.strip(), *self._source, before=self.last)
        step.state_before = self._state
        step.state_after = read_registers(state)
        self.last = self._latest[number] = step
        self._state = read_registers(inline["state"]) if inline else {}

    def _go_back(self, jump: int, state: str) -> None:
        """The verifier goes the other way of a jump that it has passed."""
        self.last = self._latest.get(jump)
        self._state = read_registers(state)
        if self.last is not None:
            self._source = self.last.source, self.last.place


def read_registers(text: str) -> dict[str, str]:
    """``R0_w=map_value(id=1,off=0) R10=fp0`` as a mapping; values may hold brackets and blanks."""
    found: dict[str, str] = {}
    for match in re.finditer(r"(?:^|[ ;])R(\d+)(?:_\w+)?=", text):
        start = at = match.end()
        depth = 0
        while at < len(text) and (depth or text[at] != " "):
            depth += (text[at] == "(") - (text[at] == ")")
            at += 1
        found[f"R{match[1]}"] = text[start:at]
    return found
