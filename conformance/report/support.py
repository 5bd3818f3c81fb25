"""Records to docs/support.md: every feature of the catalogue, on every kernel of the records.

A cell is made from the records of all cases that name the feature: how many were proved, or from
which release on the kernel has it. The rows come from the cases ``features/GROUP/NAME``, of which
there is one for each feature.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ..record import CaseRecord, KernelRecord, Outcome, Record

PREFIX = "features/"
GROUPS = {
    "map_type": "Map types",
    "map": "Abilities of maps",
    "program_type": "Program types",
    "program_flag": "Flags of programs",
    "attach_type": "Attach types",
    "link": "Links",
    "iter": "Iterators",
    "struct_ops": "Structures of operations",
    "btf": "BTF",
    "helper": "Helpers",
}
BAD = {Outcome.FAIL: "**fails**", Outcome.LIE: "**lie**", Outcome.ERROR: "**error**"}
HEAD = """\
# What works on which kernel

Made from the records of the conformance suite by `nox -s support`; do not edit. A number says how
many cases of the suite were proved on that kernel, ✓ that the kernel has the feature by its own
answer and no further case names it. "6.6" stands for: not on this kernel, it came with Linux 6.6.
"config" stands for: this build of the kernel lacks the option.
"""

Cells = dict[str, dict[str, list[CaseRecord]]]


def emit_support(records: Iterable[Record]) -> str:
    """The whole page as Markdown text."""
    records = list(records)
    kernels = [r for r in records if isinstance(r, KernelRecord)]
    cases = [r for r in records if isinstance(r, CaseRecord) and r.feature]
    # Features come in the order of the catalogue, which is that of their probes.
    cells: Cells = {case.feature: defaultdict(list) for case in cases if _is_probe(case)}
    for case in cases:
        cells.setdefault(case.feature, defaultdict(list))[case.kernel].append(case)
    parts = [HEAD, *_releases(kernels)]
    for group, title in GROUPS.items():
        rows = [name for name in cells if name.split("/")[0] == group]
        if rows:
            parts.append("".join(_table(title, rows, cells, kernels)))
    return "\n".join(parts)


def _releases(kernels: Sequence[KernelRecord]) -> Iterator[str]:
    yield "| kernel | release |\n|---|---|\n" + "".join(
        f"| {k.kernel} | {k.release}, {k.machine} |\n" for k in kernels
    )


def _table(
    title: str, rows: Sequence[str], cells: Cells, kernels: Sequence[KernelRecord]
) -> Iterator[str]:
    yield f"## {title}\n\n"
    yield f"| name | since | {' | '.join(k.kernel for k in kernels)} |\n"
    yield f"|---|---|{':-:|' * len(kernels)}\n"
    for name in rows:
        found = cells[name]
        since = next((c.since for rs in found.values() for c in rs if _is_probe(c)), "")
        shown = " | ".join(_cell(found.get(k.kernel, [])) for k in kernels)
        yield f"| {name.partition('/')[2]} | {since} | {shown} |\n"


def _cell(cases: Sequence[CaseRecord]) -> str:
    for case in cases:
        if case.outcome in BAD:
            return BAD[case.outcome]
    proved = sum(c.outcome is Outcome.PASS and not _is_probe(c) for c in cases)
    if proved:
        return str(proved)
    probe = next((c for c in cases if _is_probe(c)), None)
    if probe is None:
        return " "
    if probe.outcome is Outcome.PASS:
        return "✓"
    return "config" if "CONFIG_" in probe.reason else probe.since


def _is_probe(case: CaseRecord) -> bool:
    return case.case.startswith(PREFIX)
