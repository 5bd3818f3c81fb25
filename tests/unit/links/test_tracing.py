"""Attaching programs that were loaded for what they attach to."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.tracing import attach_tracing
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram, kernel


def test_attaching_names_nothing(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_tracing(fake.system, FakeProgram()) as link:
        assert fake.syscalls.calls == [("raw_tracepoint_open", None, 100)]
        assert link.method is Method.RAW_TRACEPOINT
        assert link.hook == "tracing"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(errno.EPERM, "CAP_PERFMON", id="rights"),
        pytest.param(errno.EINVAL, "loaded for a function", id="another-type"),
        pytest.param(errno.EBUSY, "live patching", id="busy"),
        pytest.param(errno.E2BIG, "too many programs", id="full"),
        pytest.param(errno.ENOMEM, "ENOMEM", id="anything-else"),
    ],
)
def test_refusals_say_what_to_do(tmp_path: Path, code: int, expected: str) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["raw_tracepoint_open"] = [code]
    with pytest.raises(AttachError, match=expected) as refused:
        attach_tracing(fake.system, FakeProgram())
    assert errno.errorcode[code] in str(refused.value)


def test_tracing_links_keep_their_contract(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    check_link(lambda: attach_tracing(fake.system, FakeProgram()))
