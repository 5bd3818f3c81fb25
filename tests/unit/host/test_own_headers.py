"""A program's own headers are found beside it, and what they include beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.host import own_headers
from bpfkit.host.own_headers import read_own_headers


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_h", ".h")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_headers_are_read_with_those_they_include(tmp_path: Path) -> None:
    put(tmp_path, a_h='#include "sub/b.h"\n', sub__b_h=' # include "c.h"\n', sub__c_h="int c;\n")
    found = read_own_headers('#include "a.h"\n#include "a.h"\n', tmp_path)
    assert sorted(found) == ["a.h", "sub/b.h", "sub/c.h"]
    assert found["sub/c.h"] == "int c;\n"


def test_headers_that_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    put(tmp_path, a_h='#include "b.h"\n', b_h='#include "./a.h"\n')
    assert sorted(read_own_headers('#include "b.h"\n', tmp_path)) == ["a.h", "b.h"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#include <a.h>\n", id="brackets"),
        pytest.param('#include "none.h"\n', id="not-there"),
        pytest.param('#include "folder"\n', id="a-folder"),
        pytest.param('#include "vmlinux.h"\n', id="ours"),
        pytest.param('#include "large.h"\n', id="too-large"),
        pytest.param('#include "a\0.h"\n', id="no-name"),
        pytest.param('const char *x = "#include \\"a.h\\"";\n', id="a-string"),
    ],
)
def test_what_is_no_own_header_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    put(tmp_path, a_h="", vmlinux_h="", large_h="x" * 100)
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(own_headers, "LARGEST_BYTES", 10)
    assert read_own_headers(text, tmp_path) == {}
