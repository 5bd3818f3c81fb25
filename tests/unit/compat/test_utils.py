from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path

import pytest

from bpfkit.compat.bcc.utils import (
    ArgString,
    detect_language,
    get_online_cpus,
    get_possible_cpus,
    printb,
    warn_with_traceback,
)


def test_online_cpus_are_possible() -> None:
    assert set(get_online_cpus()) <= set(get_possible_cpus())
    assert get_online_cpus()


@pytest.mark.parametrize(("nl", "end"), [(1, b"\n"), (0, b"")])
def test_bytes_come_out_as_they_are_and_in_order(nl: int, end: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    stream.write("text ")
    printb(b"\xff\x00bytes", file=stream, nl=nl)
    assert raw.getvalue() == b"text \xff\x00bytes" + end


def test_an_argument_is_text_and_bytes() -> None:
    arg = ArgString("na\udcffme")
    assert bytes(arg) == b"na\xffme"
    assert str(arg) == "na\udcffme"


def process(proc: Path, exe: str, maps: str = "") -> Path:
    folder = proc / "7"
    folder.mkdir(parents=True)
    (folder / "exe").symlink_to(exe)
    (folder / "maps").write_text(maps)
    return proc


MAPS = "7f00-7f01 r-xp 00000000 08:01 42    /usr/lib/jvm/libjvm.so\n7f02-7f03 rw-p 0 00:00 0 \n"


@pytest.mark.parametrize(
    ("exe", "maps", "candidates", "expected"),
    [
        pytest.param("/usr/bin/python3.11", "", ["java", "python"], "python", id="name"),
        pytest.param("/usr/bin/launcher", MAPS, ["java", "python"], "java", id="library"),
        pytest.param("/usr/bin/ruby", "", ["java"], None, id="no-candidate"),
        pytest.param("/usr/bin/phpfoo", "", ["php"], None, id="only-like-it"),
    ],
)
def test_a_language_is_guessed(
    tmp_path: Path, exe: str, maps: str, candidates: list[str], expected: str | None
) -> None:
    assert detect_language(candidates, 7, process(tmp_path, exe, maps)) == expected


def test_a_process_that_is_gone_has_no_language(tmp_path: Path) -> None:
    assert detect_language(["java"], 7, tmp_path) is None


def test_this_process_runs_python() -> None:
    assert detect_language(["java", "python"], os.getpid()) == "python"


def test_a_warning_comes_with_its_stack() -> None:
    stream = io.StringIO()
    warn_with_traceback("mind this", UserWarning, "file.py", 3, stream)
    text = stream.getvalue()
    assert "test_a_warning_comes_with_its_stack" in text
    assert "UserWarning: mind this" in text
    assert warnings.showwarning is not warn_with_traceback
    assert sys.stderr is not stream
