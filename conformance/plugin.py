"""The pytest plugin of the guest side: applies requirements and writes one record for each case.

Loaded with ``-p conformance.plugin``. Options: ``--records FILE`` (appended to), ``--kernel-id
ID`` (the id of the manifest the records are filed under).
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.system import System

from .case import Case, case_of
from .record import CaseRecord, KernelRecord, Outcome, append_records
from .requires import Decision, decide
from .situation import situation_of

DECIDED_BY = pytest.StashKey[str]()
LIE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("conformance")
    group.addoption("--records", type=Path, help="append one JSON line for each case to this file")
    group.addoption("--kernel-id", default="", help="id of the kernel in kernels/manifest")


def pytest_configure(config: pytest.Config) -> None:
    """Start the recorder when a file for records was given."""
    path = config.getoption("--records")
    if path is not None:
        config.pluginmanager.register(Recorder(path, config.getoption("--kernel-id")))


SYSTEM = pytest.StashKey[System]()


def live_system(config: pytest.Config) -> System:
    """The live system of this run, made when it is first asked for: its probes answer once."""
    if SYSTEM not in config.stash:
        config.stash[SYSTEM] = System.live()
    return config.stash[SYSTEM]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Run, skip or fail a case as its requirement says."""
    case = declared(item)
    if case is None:
        pytest.fail(
            f"{item.nodeid} is not declared with @case: every claim has an id", pytrace=False
        )
    here = situation_of(live_system(item.config), case.needs)
    decision, reason, decided_by = decide(case.needs, here)
    item.stash[DECIDED_BY] = decided_by
    if decision is Decision.SKIP:
        pytest.skip(reason)
    if decision is Decision.LIE:
        item.stash[LIE] = reason
        pytest.fail(f"lie: {reason}", pytrace=False)


def declared(item: pytest.Item) -> Case | None:
    """The case an item was declared to be; a parametrised one carries its parameters in the id.

    They stand in brackets, or after the slash that the declared id ends with.
    """
    if not isinstance(item, pytest.Function):
        return None
    case = case_of(item.function)
    if case is None or not hasattr(item, "callspec"):
        return case
    parameters = item.callspec.id
    id_ = case.id + (parameters if case.id.endswith("/") else f"[{parameters}]")
    return Case(id_, case.doc, case.needs)


class Recorder:
    """Writes the kernel's record at the start, and a case's record when its last phase is over."""

    def __init__(self, path: Path, kernel: str) -> None:
        self.path = path
        self.kernel = kernel
        self.started: dict[str, float] = {}
        self.seen: dict[str, tuple[Outcome, str]] = {}

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Write what this kernel is. The host adds the verdict on the guest."""
        uname = platform.uname()
        facts = live_system(session.config).facts
        config = facts.config_text()
        digest = hashlib.sha256(config.encode()).hexdigest() if config else ""
        version = ".".join(map(str, facts.version))
        append_records(
            self.path,
            [KernelRecord(self.kernel, uname.release, version, uname.machine, digest, "", 0.0)],
        )

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Note the outcome of each phase; the worst one stands."""
        outcome = yield
        report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
        if report.when == "setup":
            self.started[item.nodeid] = time.monotonic()
        if report.when == "setup" or not report.passed or report.when == "call":
            self._note(item, report)
        if report.when == "teardown":
            self._write(item)

    def _note(self, item: pytest.Item, report: pytest.TestReport) -> None:
        if report.skipped:
            self.seen[item.nodeid] = (Outcome.SKIP, _skip_reason(report))
        elif report.failed and LIE in item.stash:
            self.seen[item.nodeid] = (Outcome.LIE, item.stash[LIE])
        elif report.failed:
            kind = Outcome.FAIL if report.when == "call" else Outcome.ERROR
            self.seen[item.nodeid] = (kind, report.longreprtext)
        elif report.when == "call":
            self.seen[item.nodeid] = (Outcome.PASS, "")

    def _write(self, item: pytest.Item) -> None:
        case = declared(item)
        outcome, reason = self.seen.pop(item.nodeid, (Outcome.ERROR, "the case never ran"))
        duration = time.monotonic() - self.started.pop(item.nodeid, time.monotonic())
        append_records(
            self.path,
            [
                CaseRecord(
                    kernel=self.kernel,
                    case=case.id if case else item.nodeid,
                    doc=case.doc if case else "",
                    outcome=outcome,
                    reason=reason,
                    duration_s=round(duration, 3),
                    since=case.needs.kernel if case else "",
                    decided_by=item.stash.get(DECIDED_BY, ""),
                    feature=case.needs.feature if case else "",
                )
            ],
        )


def _skip_reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    return (
        str(longrepr[2]).removeprefix("Skipped: ") if isinstance(longrepr, tuple) else str(longrepr)
    )
