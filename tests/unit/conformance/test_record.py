"""Records: one line each, read back as they were written, reports made only from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.matrix import finish, is_good
from conformance.record import (
    CaseRecord,
    KernelRecord,
    Outcome,
    append_records,
    emit_record,
    parse_record,
    read_records,
)
from conformance.report.markdown import emit_report
from vmlab.model import RunResult, Verdict

CASES = st.builds(
    CaseRecord,
    kernel=st.text(),
    case=st.text(),
    doc=st.text(),
    outcome=st.sampled_from(list(Outcome)),
    reason=st.text(),
    duration_s=st.floats(0, 1e6),
)


def case(outcome: Outcome, kernel: str = "6.1", name: str = "a/b", reason: str = "") -> CaseRecord:
    return CaseRecord(kernel, name, "It holds.", outcome, reason, 0.1)


def guest(verdict: str = "ok", kernel: str = "6.1", detail: str = "") -> KernelRecord:
    return KernelRecord(kernel, "6.1.0-x", "6.1.1", "x86_64", "", verdict, 1.0, detail)


def result(verdict: Verdict, console: str = "") -> RunResult:
    return RunResult(verdict, 0, "snapshot", 1.0, console)


@given(CASES)
def test_emit_then_parse_is_identity(record: CaseRecord) -> None:
    line = emit_record(record)
    assert line.count("\n") == 1
    assert parse_record(line) == record


@given(CASES, st.data())
def test_a_cut_line_is_an_error_never_a_wrong_record(
    record: CaseRecord, data: st.DataObject
) -> None:
    line = emit_record(record).rstrip("\n")
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(ValueError, match=r"record|JSON"):
        parse_record(line[:cut])


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("[]", id="not-an-object"),
        pytest.param('{"schema": 99, "kind": "case"}', id="other-schema"),
        pytest.param('{"schema": 1, "kind": "song"}', id="unknown-kind"),
        pytest.param('{"schema": 1, "kind": "case", "case": "x"}', id="fields-missing"),
    ],
)
def test_what_is_not_a_record_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="record"):
        parse_record(line)


def test_unknown_fields_are_ignored() -> None:
    values = json.loads(emit_record(case(Outcome.PASS))) | {"new": 1}
    assert parse_record(json.dumps(values)) == case(Outcome.PASS)


def test_a_file_cut_in_its_last_line_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [guest(), case(Outcome.PASS)])
    with path.open("a") as file:
        file.write('{"schema": 1, "kind"')
    assert list(read_records(path)) == [guest(), case(Outcome.PASS)]


@pytest.mark.parametrize(
    ("records", "good"),
    [
        pytest.param([guest(), case(Outcome.PASS)], True, id="passed"),
        pytest.param(
            [guest(), case(Outcome.PASS), case(Outcome.SKIP)], True, id="skips-are-no-failure"
        ),
        pytest.param([guest(), case(Outcome.SKIP)], False, id="nothing-proved"),
        pytest.param([guest()], False, id="no-case"),
        pytest.param([], False, id="no-guest"),
        pytest.param([guest(), case(Outcome.PASS), case(Outcome.LIE)], False, id="lie"),
        pytest.param([guest("panic"), case(Outcome.PASS)], False, id="guest-died"),
        pytest.param(
            [guest(), case(Outcome.PASS), guest("unavailable", "5.15")], False, id="one-not-had"
        ),
    ],
)
def test_only_proof_is_good(records: list[KernelRecord | CaseRecord], good: bool) -> None:
    assert is_good(records) is good


def test_a_guest_that_died_keeps_what_it_proved() -> None:
    records = finish(
        "6.1", "6.1.0-x", [guest(""), case(Outcome.PASS)], result(Verdict.PANIC, "oops"), 2
    )
    head = records[0]
    assert isinstance(head, KernelRecord)
    assert (head.verdict, head.detail) == ("panic", "oops")
    assert records[1] == case(Outcome.PASS)


def test_a_guest_that_ran_no_case_says_so() -> None:
    head = finish("6.1", "6.1.0-x", [], result(Verdict.OK), 2)[0]
    assert isinstance(head, KernelRecord)
    assert head.detail == "the suite ran no case"


def test_the_report_names_every_skip_and_failure_with_its_reason() -> None:
    text = emit_report(
        [
            guest(kernel="5.10"),
            case(Outcome.SKIP, "5.10", "x/skip", "it came with Linux 5.17"),
            case(Outcome.PASS, "5.10", "x/pass"),
            guest("panic", "7.3", "Kernel panic - not syncing"),
            case(Outcome.LIE, "7.3", "x/pass", "the table says 5.8"),
        ]
    )
    assert "| 5.10 | 6.1.0-x | ok | 1 | 0 | 1 | 0 | 0 |" in text
    assert "| `x/pass` | It holds. | ✓ | **lie** |" in text
    assert "- **5.10** `x/skip` (skip): it came with Linux 5.17" in text
    assert "- **7.3** `x/pass` (lie): the table says 5.8" in text
    assert "Kernel panic - not syncing" in text
