from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bpfkit.compiler.frontend import precompiled as module
from bpfkit.compiler.frontend.parse import parse
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.compiler.tree import Unit
from bpfkit.errors import CompileError

BASE = "#include <shared.h>\nstatic inline int twice(int x) { return x * 2; }\n"
TEXT = "int f(int x) { return twice(x) + ONE; }\n"


def parsed(keep: Path | str, headers: Path, text: str = TEXT, base: str = BASE) -> Unit:
    flags = ("-isystem", str(headers))
    unit, _ = parse(ParseInput("p.c", text, base=base, keep=str(keep), flags=flags))
    return unit


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "shared.h").write_text("#define ONE 1\n")
    return folder


def kept(keep: Path) -> list[Path]:
    return list(keep.glob("*/base.pch"))


def names(unit: Unit) -> list[str]:
    return [function.name for function in unit.functions]


def test_a_base_is_parsed_once_and_used_again(
    tmp_path: Path, headers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = tmp_path / "keep"
    assert names(parsed(keep, headers)) == ["f", "twice"]
    assert len(kept(keep)) == 1
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("made again"))
    assert names(parsed(keep, headers)) == ["f", "twice"]


def test_without_a_directory_nothing_is_kept(tmp_path: Path, headers: Path) -> None:
    assert names(parsed("", headers)) == ["f", "twice"]
    assert not list(tmp_path.glob("**/*.pch"))


def test_a_header_that_changed_is_read_again(tmp_path: Path, headers: Path) -> None:
    keep = tmp_path / "keep"
    parsed(keep, headers)
    (headers / "shared.h").write_text("#define ONE 1\n#define TWO 2\n")
    assert names(parsed(keep, headers, TEXT.replace("ONE", "TWO"))) == ["f", "twice"]
    assert len(kept(keep)) == 1


def test_another_base_is_kept_beside_the_first(tmp_path: Path, headers: Path) -> None:
    keep = tmp_path / "keep"
    parsed(keep, headers)
    parsed(keep, headers, base=BASE + "typedef int other;\n")
    assert len(kept(keep)) == 2


def test_a_base_with_errors_is_reported_and_not_kept(tmp_path: Path, headers: Path) -> None:
    keep = tmp_path / "keep"
    with pytest.raises(CompileError, match="no_such"):
        parsed(keep, headers, base=BASE + "no_such thing;\n")
    assert not kept(keep)


def test_a_directory_that_cannot_be_made_means_nothing_is_kept(
    tmp_path: Path, headers: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert names(parsed(blocked / "keep", headers)) == ["f", "twice"]


def test_forgetting_what_is_not_there_is_fine(tmp_path: Path) -> None:
    module.forget(os.fspath(tmp_path / "none"))


def test_those_that_were_not_used_for_longest_go(tmp_path: Path) -> None:
    now = time.time()
    for name, age_s in (("old", 900), ("older", 9000), ("used", 300), ("new", 0)):
        path = tmp_path / name / "base.pch"
        path.parent.mkdir()
        path.write_bytes(bytes(100))
        os.utime(path, (now - age_s, now - age_s))
    module.drop_oldest(tmp_path, 200)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "used"]
    module.drop_oldest(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]  # somebody may be reading it


def test_use_keeps_one_from_going(tmp_path: Path, headers: Path) -> None:
    keep = tmp_path / "keep"
    parsed(keep, headers)
    (ready,) = kept(keep)
    os.utime(ready, (1, 1))
    parsed(keep, headers)
    assert ready.stat().st_mtime > 1
