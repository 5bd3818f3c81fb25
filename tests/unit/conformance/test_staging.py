"""What a guest is given to start quickly."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from conformance import unpack
from conformance.staging import ROOT, stage


def test_the_archive_holds_the_tree_with_its_bytecode(tmp_path: Path) -> None:
    before = stage(tmp_path, "/share", [sys.executable, "-c", ""])
    with tarfile.open(tmp_path / "tree.tar") as archive:
        names = set(archive.getnames())
    assert {"bpfkit/system.py", "conformance/plugin.py", "examples"} <= names
    assert any(name.startswith("bpfkit/__pycache__/system.") for name in names)
    assert before[-3:] == [unpack.__file__, "/share/tree.tar", str(ROOT)]


def test_a_missing_archive_does_not_stop_the_suite(tmp_path: Path) -> None:
    start = [sys.executable, unpack.__file__, str(tmp_path / "none.tar"), str(tmp_path)]
    run = subprocess.run([*start, "/bin/echo", "ran"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "ran\n")
