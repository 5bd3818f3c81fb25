from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.errors import MissingDependencyError
from bpfkit.host.cache_directory import cache_directory, precompiled_directory
from bpfkit.host.kernel_headers import BUILD_MARK, SOURCE_MARK, find_kernel_headers


def put(tree: Path, *files: str) -> Path:
    for file in files:
        path = tree / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tree


def test_one_tree_is_source_and_build(tmp_path: Path) -> None:
    tree = put(tmp_path / "linux", SOURCE_MARK, BUILD_MARK)
    (tree / "include/generated/utsrelease.h").write_text('#define UTS_RELEASE "6.1.9-x"\n')
    found = find_kernel_headers(tree, "9.9", tmp_path)
    assert (found.source, found.build, found.release) == (str(tree), str(tree), "6.1.9-x")


def test_without_a_directory_those_of_the_release_are_found(tmp_path: Path) -> None:
    modules = tmp_path / "lib/modules/6.1.0"
    put(modules / "build", BUILD_MARK)
    put(modules / "source", SOURCE_MARK)
    found = find_kernel_headers(None, "6.1.0", tmp_path)
    assert (found.source, found.build) == (str(modules / "source"), str(modules / "build"))
    assert found.release == ""


@pytest.mark.parametrize("moved", [False, True])
def test_a_makefile_names_the_common_tree(tmp_path: Path, moved: bool) -> None:
    common = put(tmp_path / "headers-common", SOURCE_MARK)
    build = put(tmp_path / "headers-amd64", BUILD_MARK)
    named = Path("/elsewhere/headers-common") if moved else common
    (build / "Makefile").write_text(f"# made\ninclude {named}/Makefile\n")
    assert find_kernel_headers(build, "6.1", tmp_path).source == str(common)


def test_what_is_not_configured_is_named_with_what_to_install(tmp_path: Path) -> None:
    tree = put(tmp_path / "linux", SOURCE_MARK)
    with pytest.raises(MissingDependencyError, match=r"autoconf\.h.*linux-headers-6\.1"):
        find_kernel_headers(tree, "6.1", tmp_path)


def test_a_build_tree_without_its_source_is_told(tmp_path: Path) -> None:
    build = put(tmp_path / "build", BUILD_MARK)
    with pytest.raises(MissingDependencyError, match=r"kconfig\.h, which is not in"):
        find_kernel_headers(build, "6.1", tmp_path)


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/bpfkit"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/var/c"}, "/var/c/bpfkit"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "c"}, "/home/u/.cache/bpfkit"),
        ({"HOME": "/home/u", "BPFKIT_CACHE": "0"}, None),
        ({}, None),
        ({"HOME": "nowhere"}, None),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environ: dict[str, str], directory: str | None
) -> None:
    found = cache_directory(environ)
    assert (str(found) if found else None) == directory
    kept = precompiled_directory(environ)
    assert kept == (f"{directory}/headers" if directory else "")


def test_a_kernel_without_a_release_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="name it"):
        find_kernel_headers(None, "", tmp_path)
    with pytest.raises(MissingDependencyError) as caught:
        find_kernel_headers(tmp_path, "", tmp_path)
    assert "install" not in str(caught.value)
