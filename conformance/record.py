"""One outcome as one line of JSON: all that reports are ever made from.

A file of records starts with one `KernelRecord` for each guest, then has a `CaseRecord` for each
case, skips too. Every line has ``schema`` and ``kind``; unknown fields are ignored when reading,
so old reports stay readable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

SCHEMA = 1


class Outcome(StrEnum):
    """What became of a case."""

    PASS = "pass"  # the claim was tried and holds
    FAIL = "fail"  # the claim was tried and does not hold
    SKIP = "skip"  # this kernel cannot have it: reason says why
    LIE = "lie"  # our table of releases and the kernel's own answer disagree
    ERROR = "error"  # the case broke before it could try


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """The guest that the following cases ran in, and what became of it."""

    kernel: str  # id of the manifest, "" for the machine itself
    release: str
    version: str  # release number without the distribution's words: 6.12.117
    machine: str
    config_hash: str  # SHA-256 of the kernel's configuration, "" when unknown
    verdict: str  # vmlab's word: ok failed boot_failed panic lost timeout
    duration_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One case in one guest."""

    kernel: str
    case: str
    doc: str
    outcome: Outcome
    reason: str
    duration_s: float
    since: str = ""  # release the claim starts with
    decided_by: str = ""  # "probe", "release" or "": what said whether the kernel has it
    feature: str = ""  # the feature of bpfkit.features that the claim is about


Record = KernelRecord | CaseRecord
_KINDS: dict[str, type[KernelRecord] | type[CaseRecord]] = {
    "kernel": KernelRecord,
    "case": CaseRecord,
}


def emit_record(record: Record) -> str:
    """One line of JSON, newline included."""
    kind = "kernel" if isinstance(record, KernelRecord) else "case"
    return json.dumps({"schema": SCHEMA, "kind": kind, **asdict(record)}) + "\n"


def parse_record(line: str) -> Record:
    """Read one line back; ValueError says what is wrong with it."""
    try:
        values: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not a line of JSON: {error}") from error
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise ValueError(f"not a record of schema {SCHEMA}")
    kind = _KINDS.get(str(values.get("kind")))
    if kind is None:
        raise ValueError(f"unknown kind of record: {values.get('kind')!r}")
    known = {field.name for field in fields(kind)}
    try:
        record = kind(**{key: value for key, value in values.items() if key in known})
    except TypeError as error:
        raise ValueError(f"an incomplete {values['kind']} record: {error}") from error
    if isinstance(record, CaseRecord):
        object.__setattr__(record, "outcome", Outcome(record.outcome))
    return record


def read_records(path: Path) -> Iterator[Record]:
    """All records of a file. A last line without its newline was cut off and is left out."""
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield parse_record(line)


def append_records(path: Path, records: Iterable[Record]) -> None:
    """Write records at the end of a file, each in one write."""
    with path.open("a") as file:
        for record in records:
            file.write(emit_record(record))
            file.flush()
