from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab import doctor
from vmlab.doctor import Check, check_manifests, check_space, check_tools, examine
from vmlab.engine.accel import Accelerator
from vmlab.manifest import KERNELS_DIR


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(
        "vmlab.engine.accel.probe_acceleration",
        lambda _cache=None, *, fresh=False: Accelerator("tcg", "KVM hangs" if fresh else "old"),
    )
    return {
        "VMLAB_CACHE": str(tmp_path / "cache"),
        "VMLAB_DEBIAN_MIRROR": "http://mirror.example/debian",
        "VMLAB_DEBIAN_KEYRING": str(write(tmp_path / "keyring.gpg")),
    }


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_everything_is_looked_at(environ: dict[str, str]) -> None:
    checks = by_name(examine(environ))
    assert checks["mirror"].ok
    assert "mirror.example" in checks["mirror"].detail
    assert checks["keyring"].ok
    assert checks["cache"].ok
    assert checks["manifests"].ok
    assert "KVM hangs" in checks["acceleration"].detail
    assert not checks["acceleration"].needed


def test_every_problem_comes_with_what_mends_it(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_tool", lambda _name: None)
    monkeypatch.setattr(doctor, "LOW_SPACE", 10**20)
    write(tmp_path / "cache/kernels/6.1/dddddddddddddddd/entry.json", "{")
    environ["VMLAB_DEBIAN_KEYRING"] = "/nowhere"
    checks = by_name(examine(environ))
    for name in ("qemu-system-x86_64", "disk space", "cache", "keyring"):
        assert not checks[name].ok
        assert checks[name].needed
        assert checks[name].mend
    assert "apt-get install qemu-system-x86" in checks["qemu-system-x86_64"].mend
    assert "fetch --force 6.1" in checks["cache"].mend


def test_an_optional_tool_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_tool", lambda _name: None)
    optional = [check.name for check in check_tools() if not check.needed]
    assert optional == ["lz4"]


def test_space_is_looked_at_where_the_cache_will_be(tmp_path: Path) -> None:
    assert str(tmp_path) in check_space(tmp_path / "not/yet/there").detail


def test_data_files_are_checked_against_the_schema(tmp_path: Path) -> None:
    for name in ("schema.json", "sets.toml", "lock.toml"):
        write(tmp_path / name, (KERNELS_DIR / name).read_bytes())
    write(tmp_path / "manifest/6.1.toml", 'id = "6.1"\n')
    check = check_manifests(tmp_path)
    assert not check.ok
    assert "series" in check.detail
    assert "lock.toml pins 5.10" in check.detail
