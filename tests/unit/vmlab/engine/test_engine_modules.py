from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from vmlab.engine.modules import (
    ModuleIndex,
    closure,
    module_name,
    parse_alias,
    parse_dep,
    parse_softdep,
    read_index,
    read_module,
)
from vmlab.errors import EngineError

DEP = """\
kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz kernel/fs/fscache.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/fs/fscache.ko.xz:
kernel/crypto/crc32c_generic.ko.xz:
kernel/crypto/crc32c-intel.ko.xz:
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/virtio/virtio_ring.ko.xz
kernel/net/9p/9pnet.ko.xz:
kernel/virtio/virtio_ring.ko.xz:
"""
ALIAS = """\
# Aliases extracted from modules themselves.
alias crypto-crc32c crc32c_generic
alias crypto-crc32c crc32c_intel
alias virtio:d00000009v* 9pnet_virtio
"""


def index(softdep: str = "softdep libcrc32c pre: crc32c\n", builtin: str = "") -> ModuleIndex:
    return ModuleIndex(
        parse_dep(DEP), parse_softdep(softdep), frozenset(builtin.split()), parse_alias(ALIAS)
    )


def names(paths: list[str]) -> list[str]:
    return [module_name(path) for path in paths]


def test_dependencies_come_before_what_needs_them() -> None:
    order, missing = closure(index(softdep=""), ["9pnet_virtio", "erofs"])
    assert names(order) == ["virtio_ring", "9pnet", "9pnet_virtio", "fscache", "libcrc32c", "erofs"]
    assert missing == []


def test_a_soft_dependency_that_is_an_alias_brings_what_offers_it_first() -> None:
    order, _ = closure(index("softdep libcrc32c pre: crypto-crc32c\n"), ["erofs"])
    assert names(order) == ["fscache", "crc32c_generic", "crc32c_intel", "libcrc32c", "erofs"]


def test_a_soft_dependency_that_is_nowhere_or_built_in_is_left_out() -> None:
    assert "crc32c_generic" not in names(closure(index("softdep libcrc32c pre: zz"), ["erofs"])[0])
    order, _ = closure(index("softdep erofs pre: crypto", builtin="crypto"), ["erofs"])
    assert names(order) == ["fscache", "libcrc32c", "erofs"]


def test_a_soft_dependency_after_is_not_loaded() -> None:
    assert parse_softdep("softdep a pre: b c post: d\nsoftdep a pre: e\n") == {"a": ("b", "c", "e")}
    assert parse_softdep("softdep x-y z\n# softdep c d\nsoftdep e\n") == {"x_y": ("z",)}


def test_a_name_that_is_built_in_is_not_missing_and_one_that_is_nowhere_is() -> None:
    order, missing = closure(index(builtin="virtio_pci"), ["virtio_pci", "no_such", "crc32c-intel"])
    assert names(order) == ["crc32c_intel"]
    assert missing == ["no_such"]


def test_dependencies_in_a_ring_end() -> None:
    ring = ModuleIndex({"a.ko": ("b.ko",), "b.ko": ("a.ko",)})
    assert sorted(closure(ring, ["a"])[0]) == ["a.ko", "b.ko"]


@pytest.mark.parametrize("end", range(len(DEP)))
def test_modules_dep_cut_anywhere_is_a_value_and_never_an_error(end: int) -> None:
    assert set(parse_dep(DEP[:end])) <= set(parse_dep(DEP))


def test_read_index_reads_what_depmod_wrote(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(DEP)
    (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio-pci.ko\n")
    (tmp_path / "modules.softdep").write_text("softdep libcrc32c pre: crypto-crc32c\n")
    (tmp_path / "modules.alias").write_text(ALIAS)
    found = read_index(tmp_path)
    assert found.builtin == {"virtio_pci"}
    assert names(closure(found, ["virtio_pci", "libcrc32c"])[0])[-1] == "libcrc32c"


def test_read_index_without_modules_dep_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="depmod"):
        read_index(tmp_path)


def test_modules_are_read_uncompressed(tmp_path: Path) -> None:
    content = b"\x7fELF" + bytes(1000)
    for name, data in (
        ("a.ko", content),
        ("a.ko.xz", lzma.compress(content)),
        ("a.ko.gz", gzip.compress(content)),
    ):
        (tmp_path / name).write_bytes(data)
        assert read_module(tmp_path / name) == content
    (tmp_path / "a.ko.rar").write_bytes(b"")
    with pytest.raises(EngineError, match="compressed"):
        read_module(tmp_path / "a.ko.rar")
