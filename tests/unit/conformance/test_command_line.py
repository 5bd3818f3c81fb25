from __future__ import annotations

from pathlib import Path

import pytest

from conformance import __main__ as program
from vmlab.errors import FetchError


@pytest.mark.parametrize(
    ("ending", "status", "told"),
    [
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="ctrl-c"),
        pytest.param(FetchError("no such package"), 2, "no such package", id="no-kernel"),
    ],
)
def test_what_ends_it_early_is_told_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ending: BaseException,
    status: int,
    told: str,
) -> None:
    def end(*_args: object) -> None:
        raise ending

    monkeypatch.setattr(program, "run_kernel", end)
    assert program.main(["kernel", "6.12", "--out", str(tmp_path)]) == status
    assert told in capsys.readouterr().err


def test_an_unknown_kernel_is_2_with_the_names_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program.main(["kernel", "2.6"]) == 2
    assert "unknown set or kernel '2.6'" in capsys.readouterr().err
