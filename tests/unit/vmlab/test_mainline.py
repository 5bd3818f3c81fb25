from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.errors import FetchError, ToolMissingError
from vmlab.sources.mainline import download_with_virtme_ng, fetch_mainline


def test_no_network_ends_in_one_error_with_what_to_try(tmp_path: Path) -> None:
    def offline(_version: str, _into: Path) -> None:
        try:
            raise OSError("Name or service not known")
        except OSError as inner:
            raise ConnectionError("pool(host=…): retries exceeded") from inner

    with pytest.raises(FetchError, match=r"v5\.15.*Name or service not known.*--image") as caught:
        fetch_mainline("v5.15", tmp_path / "tree", offline)
    assert "pool(" not in str(caught.value)


def test_a_version_that_is_not_there_is_a_fetch_error(tmp_path: Path) -> None:
    def missing(_version: str, _into: Path) -> None:
        raise FileNotFoundError("failed to retrieve content, error: 404")

    with pytest.raises(FetchError, match="404"):
        fetch_mainline("v5.15", tmp_path / "tree", missing)


def test_ctrl_c_is_not_an_error(tmp_path: Path) -> None:
    def interrupted(_version: str, _into: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_mainline("v5.15", tmp_path / "tree", interrupted)


def test_its_progress_does_not_reach_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def chatty(_version: str, into: Path) -> None:
        write(into / "boot/vmlinuz-5.15-generic")
        sys.stdout.write("downloading\n")

    fetch_mainline("v5.15", tmp_path / "tree", chatty)
    assert capsys.readouterr() == ("", "downloading\n")


def test_virtme_ngs_downloader_is_kept_to_our_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class KernelDownloader:
        kernel_dir: str
        target: str
        version: str
        arch: str
        verbose: bool

        def __init__(self) -> None:
            raise AssertionError("it would use its own cache")

        def _fetch_kernel(self) -> None:
            seen.append((self.version, self.arch, self.kernel_dir, self.target, self.verbose))

    module = types.ModuleType("virtme_ng.mainline")
    module.KernelDownloader = KernelDownloader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "virtme_ng", types.ModuleType("virtme_ng"))
    monkeypatch.setitem(sys.modules, "virtme_ng.mainline", module)
    download_with_virtme_ng("v5.15", tmp_path)
    target = str(tmp_path / "boot/vmlinuz*generic")
    assert seen == [("v5.15", "amd64", str(tmp_path), target, False)]


def test_without_virtme_ng_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "virtme_ng.mainline", None)
    with pytest.raises(ToolMissingError, match="pip install virtme-ng"):
        fetch_mainline("v5.15", tmp_path / "tree")
