"""The verifier's log, made short: the C line it stumbled over, what it said, and what to do.

The log is not parsed beyond finding those: its format is no interface and changes. Known forms are
the classic one, where source lines start with ``;``, and that of Linux 6.10 and later, where a
place follows the line: ``; *v += 1 @ program.c:6``. Linux 7.3 adds a report of its own after that,
whose suggestion is the hint when ours has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SOURCE = re.compile(r"^; (?P<text>.*?)(?: @ (?P<place>\S+:\d+))?$")
_STATISTICS = re.compile(
    r"^(processed \d+ insns|verification time|stack depth|max_states|peak_states|mark_read)"
)
_NOISE = re.compile(
    r"^(\d+: |R\d+|arg#|func#|from \d+|last_idx|regs=|mark_precise|parent |-- BEGIN)"
)

_REPORT = "\nVerification failed:"

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"map_value_or_null|invalid mem access 'map_value_or_null'",
        "a map lookup can fail: check the pointer for NULL before using it",
    ),
    (r"mem_or_null", "a reservation can fail: check the pointer for NULL before using it"),
    (
        r"invalid mem access '(inv|scalar)'",
        "this pointer is a plain number to the verifier: read through it with "
        "bpf_probe_read_kernel() or bpf_probe_read_user(), or keep local and kernel pointers in "
        "separate variables",
    ),
    (
        r"invalid access to packet",
        "compare the end of the access with data_end before reading the packet",
    ),
    (
        r"invalid (indirect )?(read|access) (from|to) stack|invalid stack",
        "initialise the whole variable, padding included: struct x y = {};",
    ),
    (
        r"(unreleased|leak).*reference|Unreleased reference",
        "submit or discard what was reserved on every path",
    ),
    (
        r"(GPL-restricted|GPL only) function",
        'the helper is for GPL programs only: define BPF_LICENSE as GPL or "Dual BSD/GPL"',
    ),
    (
        r"(unknown|invalid) func|program of this type cannot use helper",
        "this kernel or this program type does not have the helper; 'python -m bpfkit features' "
        "lists what it has",
    ),
    (
        r"infinite loop|back-edge|too many (jumps|states)|BPF program is too large",
        "bound the loop by a constant, or unroll it with #pragma unroll",
    ),
    (
        r"math between .* pointer|pointer arithmetic",
        "keep numbers and pointers in separate variables",
    ),
    (
        r"(unbounded|min value is negative|max value is outside|outside of the allowed memory)",
        "bound the index or size first, for example with an if or a mask",
    ),
    (r"R0 !read_ok|R0 .*not.*known", "return a value on every path"),
    (
        r"helper.*195896080|func .*195896080",
        "the program reads a field that this kernel does not have",
    ),
)


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
    for line in log.partition(_REPORT)[0].splitlines():
        if re.match(r"\d+: \([0-9a-f]{2}\) ", line):
            instruction = _LOAD.match(line)
        elif instruction is not None and _HELPER_COULD.match(line.strip()):
            return int(instruction[1])
    return None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What people read of a log."""

    summary: str
    hint: str


def explain(log: str) -> Explanation:
    """The C line, the verifier's last words, and a hint when the cause is a common one."""
    log, _, report = log.partition(_REPORT)
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    source, place = "", ""
    complaint = ""
    for line in lines:
        match = _SOURCE.match(line)
        if match:
            source, place = match["text"].strip(), match["place"] or ""
        elif not _STATISTICS.match(line) and not _NOISE.match(line):
            complaint = line.strip()
    if not complaint:
        spoken = [line for line in lines if not _STATISTICS.match(line)]
        complaint = spoken[-1].strip() if spoken else ""
    if not complaint:
        return Explanation("", "")
    parts = [f"at: {source}" + (f"   ({place})" if place else "")] if source else []
    parts.append(f"verifier: {complaint}")
    hint = next((text for pattern, text in _HINTS if re.search(pattern, complaint)), "")
    if not hint:
        tail = "\n".join(lines[-8:])
        hint = next((text for pattern, text in _HINTS if re.search(pattern, tail)), "")
    return Explanation("\n".join(parts), hint or _suggestion(report))


def _suggestion(report: str) -> str:
    """What the kernel's own report suggests, on one line."""
    paragraph = report.partition("\nSuggestion:\n")[2].split("\n\n")[0]
    return " ".join(paragraph.split())
