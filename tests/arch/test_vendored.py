"""Projects vendor the folder ``bpfkit`` under another name: every module must work there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WALK = """
import importlib, pkgutil, sys
import acme.vendored as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(("__main__", "backend.worker", "guest.agent")):
        importlib.import_module(module.name)
names = {name.split(".")[0] for name in sys.modules}
assert "bpfkit" not in names, "an absolute self-import"
assert not {"llvmlite", "clang"} & names, "a heavy package is imported before it is needed"
print(len([name for name in sys.modules if name.startswith("acme.vendored")]))
"""


def test_every_module_imports_under_another_name(tmp_path: Path) -> None:
    target = tmp_path / "acme" / "vendored"
    shutil.copytree(ROOT / "bpfkit", target, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "acme" / "__init__.py").touch()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WALK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20
