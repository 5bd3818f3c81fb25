"""Records to a compatibility report in Markdown: kernels across, cases down, every skip with its
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..record import CaseRecord, KernelRecord, Outcome, Record

SIGNS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "**✗**",
    Outcome.SKIP: "skip",
    Outcome.LIE: "**lie**",
    Outcome.ERROR: "**error**",
}
BAD = (Outcome.FAIL, Outcome.LIE, Outcome.ERROR)


def emit_report(records: Iterable[Record]) -> str:
    """The whole report as Markdown text."""
    records = list(records)
    kernels = [r for r in records if isinstance(r, KernelRecord)]
    cases = [r for r in records if isinstance(r, CaseRecord)]
    parts = ["# Kernel compatibility", _kernel_table(kernels, cases), _case_table(kernels, cases)]
    parts += [_reasons("Failures", cases, BAD), _reasons("Skips", cases, (Outcome.SKIP,))]
    parts.append(_broken_guests(kernels))
    return "\n\n".join(part for part in parts if part) + "\n"


def _kernel_table(kernels: Sequence[KernelRecord], cases: Sequence[CaseRecord]) -> str:
    lines = [
        "| kernel | release | guest | pass | fail | skip | lie | error | seconds |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kernel in kernels:
        count = Counter(c.outcome for c in cases if c.kernel == kernel.kernel)
        numbers = " | ".join(
            str(count[o])
            for o in (Outcome.PASS, Outcome.FAIL, Outcome.SKIP, Outcome.LIE, Outcome.ERROR)
        )
        lines.append(
            f"| {kernel.kernel} | {kernel.release} | {kernel.verdict} | {numbers} "
            f"| {kernel.duration_s:.0f} |"
        )
    return "\n".join(lines)


def _case_table(kernels: Sequence[KernelRecord], cases: Sequence[CaseRecord]) -> str:
    names = [kernel.kernel for kernel in kernels]
    by_case: dict[str, dict[str, CaseRecord]] = {}
    for record in cases:
        by_case.setdefault(record.case, {})[record.kernel] = record
    if not by_case:
        return ""
    lines = [
        f"| case | claim | {' | '.join(names)} |",
        f"|---|---|{':-:|' * len(names)}",
    ]
    for case_id, by_kernel in sorted(by_case.items()):
        signs = [SIGNS[by_kernel[n].outcome] if n in by_kernel else " " for n in names]
        doc = next(iter(by_kernel.values())).doc.replace("|", "\\|")
        lines.append(f"| `{case_id}` | {doc} | {' | '.join(signs)} |")
    return "\n".join(lines)


def _reasons(title: str, cases: Sequence[CaseRecord], outcomes: Sequence[Outcome]) -> str:
    chosen = [c for c in cases if c.outcome in outcomes]
    if not chosen:
        return ""
    lines = [f"## {title}", ""]
    for record in chosen:
        reason = record.reason.strip().replace("\n", "\n  > ")
        lines.append(f"- **{record.kernel}** `{record.case}` ({record.outcome}): {reason}")
    return "\n".join(lines)


def _broken_guests(kernels: Sequence[KernelRecord]) -> str:
    broken = [k for k in kernels if k.detail]
    if not broken:
        return ""
    lines = ["## Guests that did not finish"]
    for kernel in broken:
        lines.append(f"### {kernel.kernel}: {kernel.verdict}\n\n```\n{kernel.detail.strip()}\n```")
    return "\n\n".join(lines)
