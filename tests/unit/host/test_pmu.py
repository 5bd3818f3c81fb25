from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.errors import FormatError
from bpfkit.host.pmu import ProbePmu, parse_bits, read_probe_pmu


def source(root: Path, name: str, **files: str) -> Path:
    folder = root / "sys/bus/event_source/devices" / name
    (folder / "format").mkdir(parents=True)
    for key, text in files.items():
        (folder / ("type" if key == "type" else f"format/{key}")).write_text(text)
    return root


def test_a_source_is_read(tmp_path: Path) -> None:
    source(tmp_path, "kprobe", type="8\n", retprobe="config:0\n")
    assert read_probe_pmu("kprobe", tmp_path) == ProbePmu(8, 0)


def test_a_place_for_the_reference_counter_is_read(tmp_path: Path) -> None:
    source(tmp_path, "uprobe", type="9\n", retprobe="config:0\n", ref_ctr_offset="config:32-63\n")
    assert read_probe_pmu("uprobe", tmp_path) == ProbePmu(9, 0, 32)


def test_a_kernel_without_the_source_has_none(tmp_path: Path) -> None:
    assert read_probe_pmu("kprobe", tmp_path) is None


@pytest.mark.parametrize(
    "files", [{"type": "x", "retprobe": "config:0"}, {"type": "8", "retprobe": "config1:0"}]
)
def test_unreadable_files_are_format_errors(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        read_probe_pmu("kprobe", source(tmp_path, "kprobe", **files))


@pytest.mark.parametrize("text", ["", "config", "config:", "config:a", "config:1-"])
def test_a_cut_place_is_a_format_error(text: str) -> None:
    with pytest.raises(FormatError):
        parse_bits(text)
