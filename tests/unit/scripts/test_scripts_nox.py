"""scripts/nox runs before anything is installed: what it cannot do is one line that says why."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "nox"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("scripts_nox", str(SCRIPT))
    spec = importlib.util.spec_from_loader("scripts_nox", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


def failing(*_args: object, **_options: object) -> SimpleNamespace:
    return SimpleNamespace(returncode=1)


def test_an_old_python_can_read_it_and_so_say_that_it_is_too_old() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 7))


def test_an_old_python_is_named(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(sys, "version", "3.10.13 (main)")
    with pytest.raises(SystemExit, match=r"3\.11 or newer is needed, this is 3\.10\.13$"):
        script.main()


def test_without_root_and_sudo_it_gives_the_command(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    present = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(script.shutil, "which", lambda name, **_: present.get(name))
    with pytest.raises(SystemExit, match=r"run as root: apt-get install .* kmod$"):
        script.install(["kmod"])


def test_without_apt_it_names_the_packages(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script.shutil, "which", lambda _name, **_: None)
    with pytest.raises(SystemExit, match="no apt-get; install the equivalents of: kmod zstd"):
        script.install(["kmod", "zstd"])


@pytest.mark.parametrize(
    ("venv_fails", "said"),
    [
        pytest.param(True, r"cannot make .*\.venv \(disk full", id="no-room"),
        pytest.param(False, "pip could not install nox; check the network", id="no-network"),
    ],
)
def test_without_room_or_network_it_says_so(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, venv_fails: bool, said: str
) -> None:
    def run(argv: list[str], **_options: object) -> SimpleNamespace:
        return SimpleNamespace(returncode=int(venv_fails or "pip" in argv))

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit, match=said):
        script.ensure_nox()


def test_a_failing_apt_names_the_step(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(script.shutil, "which", lambda name, **_: name)
    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(SystemExit, match=r"'apt-get update -q' failed.*network"):
        script.install(["kmod"])
