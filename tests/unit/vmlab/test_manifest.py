from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.errors import ManifestError
from vmlab.lock import load_pins
from vmlab.manifest import (
    KERNELS_DIR,
    kernel_ids,
    load_kernel,
    load_kernels,
    load_sets,
    parse_manifest,
    resolve_set,
    validate_data,
)

GOOD = {
    "id": "6.1",
    "series": "6.1",
    "why": "because",
    "differs": "little",
    "cmdline": ["lsm=bpf"],
    "source": [{"kind": "debian", "suites": ["bookworm"]}],
}


def data_directory(root: Path) -> Path:
    for name in ("5.9", "5.10", "6.1"):
        write(
            root / f"manifest/{name}.toml",
            f'id = "{name}"\nseries = "{name}"\nwhy = "w"\ndiffers = "d"\n'
            '[[source]]\nkind = "debian"\nsuites = ["trixie"]\n',
        )
    write(root / "sets.toml", '[sets.smoke]\ndoc = "d"\nkernels = ["5.10", "6.1"]\n')
    write(root / "lock.toml", "[kernel]\n")
    write(root / "schema.json", (KERNELS_DIR / "schema.json").read_bytes())
    return root


def test_every_data_file_of_the_project_fits_the_schema() -> None:
    assert validate_data() == ()


def test_every_declared_kernel_loads_and_says_why_it_is_there() -> None:
    kernels = load_kernels()
    assert [kernel.id for kernel in kernels] == list(kernel_ids())
    assert all(kernel.why and kernel.differs and kernel.sources for kernel in kernels)


def test_the_sets_of_the_project_name_declared_kernels() -> None:
    sets = load_sets()
    assert sets["smoke"].kernels == ("5.10", "6.1", "6.12", "6.18", "7.3")
    assert sets["all"].kernels == kernel_ids()


def test_every_debian_kernel_is_pinned_within_its_series() -> None:
    pins = load_pins()
    for kernel in load_kernels():
        if kernel.sources[0].kind == "debian":
            assert pins[kernel.id].release.startswith(f"{kernel.series}.")


def test_5_15_tries_an_image_of_the_user_before_mainline() -> None:
    kernel = load_kernel("5.15")
    assert [source.kind for source in kernel.sources] == ["image", "mainline"]


def test_5_10_adds_the_bpf_lsm_that_its_default_list_lacks() -> None:
    (argument,) = load_kernel("5.10").cmdline
    assert argument.startswith("lsm=")
    assert "bpf" in argument.removeprefix("lsm=").split(",")


def test_no_data_file_names_a_host() -> None:
    for path in KERNELS_DIR.rglob("*.toml"):
        assert "://" not in path.read_text(encoding="utf-8")


def test_ids_are_ordered_by_number_not_by_letter(tmp_path: Path) -> None:
    assert kernel_ids(data_directory(tmp_path)) == ("5.9", "5.10", "6.1")


def test_an_unknown_kernel_is_answered_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"unknown kernel '6\.11'.*did you mean 6\.1") as caught:
        load_kernel("6.11", data_directory(tmp_path))
    assert caught.value.hint


def test_a_path_is_no_kernel_id(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="unknown kernel"):
        load_kernel("../manifest/6.1", data_directory(tmp_path))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"id": "6.2"}, "named '6.1'", id="id-unlike-the-file"),
        pytest.param({"why": ""}, "'why'", id="empty-reason"),
        pytest.param({"series": 6.1}, "'series'", id="series-a-number"),
        pytest.param({"source": []}, "'source'", id="no-source"),
        pytest.param({"source": ["debian"]}, "must be a table", id="source-a-text"),
        pytest.param({"source": [{"kind": "ftp"}]}, "'ftp'", id="unknown-kind"),
        pytest.param({"source": [{"kind": "debian"}]}, "'suites'", id="no-suites"),
        pytest.param({"source": [{"kind": "debian", "suites": []}]}, "suite", id="empty-suites"),
        pytest.param({"source": [{"kind": "mainline"}]}, "'version'", id="no-version"),
        pytest.param({"source": [{"kind": "image"}]}, "'image_env'", id="no-variable"),
        pytest.param({"cmdline": "lsm=bpf"}, "'cmdline'", id="cmdline-a-text"),
    ],
)
def test_a_wrong_manifest_is_named_with_its_mistake(change: dict[str, object], text: str) -> None:
    with pytest.raises(ManifestError, match=text) as caught:
        parse_manifest({**GOOD, **change}, Path("manifest/6.1.toml"))
    assert "manifest/6.1.toml" in str(caught.value)


def test_a_good_manifest_becomes_a_kernel() -> None:
    kernel = parse_manifest(GOOD, Path("manifest/6.1.toml"))
    assert kernel.cmdline == ("lsm=bpf",)
    assert kernel.sources[0].options == {"suites": ["bookworm"]}


def test_toml_that_cannot_be_parsed_names_the_file(tmp_path: Path) -> None:
    root = data_directory(tmp_path)
    write(root / "manifest/6.1.toml", "id = ")
    with pytest.raises(ManifestError, match=r"6\.1\.toml: not valid TOML"):
        load_kernel("6.1", root)


def test_a_set_with_an_undeclared_kernel_is_refused(tmp_path: Path) -> None:
    root = data_directory(tmp_path)
    write(root / "sets.toml", '[sets.smoke]\ndoc = "d"\nkernels = ["9.9"]\n')
    with pytest.raises(ManifestError, match=r"'9\.9'"):
        load_sets(root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("smoke", ["5.10", "6.1"], id="set"),
        pytest.param("5.9", ["5.9"], id="kernel"),
        pytest.param("6.1, smoke,5.9", ["6.1", "5.10", "5.9"], id="both-without-repeats"),
    ],
)
def test_sets_and_kernels_can_be_joined(tmp_path: Path, text: str, expected: list[str]) -> None:
    kernels = resolve_set(text, data_directory(tmp_path))
    assert [kernel.id for kernel in kernels] == expected


@pytest.mark.parametrize("text", ["smokey", "", ","])
def test_a_set_that_is_not_there_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError):
        resolve_set(text, data_directory(tmp_path))


def test_the_schema_finds_what_reading_overlooks(tmp_path: Path) -> None:
    root = data_directory(tmp_path)
    write(root / "manifest/6.1.toml", (root / "manifest/6.1.toml").read_text() + "surplus = 1\n")
    (problem,) = validate_data(root)
    assert "6.1.toml" in problem
    assert "surplus" in problem
