from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from vmlab.engine import rootfs
from vmlab.engine.elf import has_pvh_entry, is_elf, is_static
from vmlab.engine.rootfs import package_marks, shared_libraries
from vmlab.engine.staging import Stage


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory of installed packages, as small as can be."""
    site = tmp_path / "host/site-packages"
    (site / "pkg/__pycache__").mkdir(parents=True)
    (site / "pkg/__init__.py").write_text("VALUE = 1\n")
    (site / "pkg/broken.py").write_text("print 'two'\n")
    (site / "pkg/data.bin").write_bytes(b"\0\1")
    (site / "pkg/__pycache__/__init__.stale.pyc").write_bytes(b"old")
    (site / "pkg/link.py").symlink_to("__init__.py")
    return site


def staged(stage: Stage, path: Path) -> Path:
    return stage.root / str(path).lstrip("/")


def test_a_tree_is_staged_with_bytecode_that_is_never_checked(
    packages: Path, tmp_path: Path
) -> None:
    with Stage(tmp_path) as stage:
        stage.add_tree(str(packages), skip=lambda name: False)
        package = staged(stage, packages / "pkg")
        assert (package / "data.bin").read_bytes() == b"\0\1"
        assert (package / "link.py").is_symlink()
        names = {path.name for path in (package / "__pycache__").iterdir()}
        assert names == {f"__init__.{sys.implementation.cache_tag}.pyc"}
        head = (package / "__pycache__" / names.pop()).read_bytes()[:16]
        assert head[:8] == importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
        assert head[8:] == importlib.util.source_hash(b"VALUE = 1\n")
    assert list(tmp_path.glob("stage-*")) == []


def test_bytecode_of_the_host_is_used_only_while_it_matches_its_source(
    packages: Path, tmp_path: Path
) -> None:
    source = packages / "pkg/__init__.py"
    cached = Path(importlib.util.cache_from_source(str(source)))
    state = source.stat()
    head = importlib.util.MAGIC_NUMBER + (0).to_bytes(4, "little")
    head += int(state.st_mtime).to_bytes(4, "little")
    for size, expected in ((state.st_size, True), (state.st_size + 1, False)):
        cached.write_bytes(head + size.to_bytes(4, "little") + b"code of the host")
        with Stage(tmp_path) as stage:
            stage.add_tree(str(packages), skip=lambda name: False)
            written = Path(importlib.util.cache_from_source(str(staged(stage, source))))
            assert (written.read_bytes()[16:] == b"code of the host") == expected


def test_entries_left_out_are_left_out_at_the_top_only(packages: Path, tmp_path: Path) -> None:
    (packages / "test").mkdir()
    (packages / "pkg/test").mkdir()
    with Stage(tmp_path) as stage:
        stage.add_tree(str(packages), skip=lambda name: name == "test")
        assert not staged(stage, packages / "test").exists()
        assert staged(stage, packages / "pkg/test").is_dir()


def test_a_file_is_staged_with_the_links_on_its_way(tmp_path: Path) -> None:
    host = tmp_path / "host"
    (host / "usr/lib64").mkdir(parents=True)
    (host / "usr/lib64/ld.so").write_bytes(b"loader")
    (host / "usr/lib64/ld-alias.so").symlink_to("ld.so")
    (host / "lib64").symlink_to("usr/lib64")
    with Stage(tmp_path) as stage:
        stage.add_file(f"{host}/lib64/ld-alias.so")
        inside = staged(stage, host)
        assert (inside / "lib64").readlink() == Path("usr/lib64")
        assert (inside / "lib64/ld-alias.so").read_bytes() == b"loader"


def test_directories_keep_their_modes(tmp_path: Path) -> None:
    secret = tmp_path / "host/secret"
    secret.mkdir(parents=True)
    secret.chmod(0o711)
    (secret / "f").write_text("")
    with Stage(tmp_path) as stage:
        stage.add_file(str(secret / "f"))
        assert staged(stage, secret).stat().st_mode & 0o7777 == 0o711


def test_shared_libraries_include_the_loader_and_libc() -> None:
    found = shared_libraries([os.path.realpath(sys.executable)])
    assert any("ld-linux" in path for path in found)
    assert any("libc.so" in path for path in found)
    assert all(path.startswith("/") for path in found)


def test_package_marks_exist_and_name_the_metadata_of_packages() -> None:
    marks = package_marks()
    assert any(mark.endswith(".dist-info/RECORD") for mark in marks)
    assert any(Path(mark).name == "pytest" for mark in marks)


def test_a_record_counts_only_while_no_file_changed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("1")
    (tmp_path / "image.erofs").write_bytes(b"")
    record = tmp_path / "slot.json"
    state = program.stat()
    content = {
        "image": "image.erofs",
        "identity": "i",
        "python": "/python",
        "stats": {str(program): [state.st_size, state.st_mtime_ns]},
    }
    record.write_text(json.dumps(content))
    found = rootfs._read_record(record)
    assert found is not None
    assert found.path == tmp_path / "image.erofs"
    program.write_text("22")
    assert rootfs._read_record(record) is None
    program.unlink()
    assert rootfs._read_record(record) is None
    record.write_text("{")
    assert rootfs._read_record(record) is None


def test_elf_facts_of_this_machine(tmp_path: Path) -> None:
    assert is_elf(Path(os.path.realpath(sys.executable)))
    assert not is_static(Path(os.path.realpath(sys.executable)))
    assert not has_pvh_entry(Path(os.path.realpath(sys.executable)))
    text = tmp_path / "text"
    text.write_text("#!/bin/sh\n")
    assert not is_elf(text)
    assert not is_static(text)
    assert not has_pvh_entry(text)


def elf_with_note(name: bytes, kind: int) -> bytes:
    """Return an ELF file with one PT_NOTE segment that holds two notes."""
    import struct

    def note(owner: bytes, number: int, value: bytes) -> bytes:
        padded = owner + b"\0" * (-len(owner) % 4)
        return struct.pack("<III", len(owner), len(value), number) + padded + value

    notes = note(b"Linux\0", 1, bytes(8)) + note(name, kind, bytes(8))
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 4, 0, 120, 0, 0, len(notes), len(notes), 4)
    return header + program + notes


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [(b"Xen\0", 18, True), (b"Xen\0", 17, False), (b"GNU\0", 18, False)],
)
def test_a_pvh_entry_is_the_note_that_qemu_looks_for(
    tmp_path: Path, name: bytes, kind: int, expected: bool
) -> None:
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(elf_with_note(name, kind))
    assert has_pvh_entry(kernel) is expected


def test_a_kernel_cut_anywhere_is_no_pvh_kernel_or_an_error_of_reading(tmp_path: Path) -> None:
    import struct

    whole = elf_with_note(b"Xen\0", 18)
    kernel = tmp_path / "vmlinux"
    for end in range(len(whole) - 8):
        kernel.write_bytes(whole[:end])
        try:
            assert has_pvh_entry(kernel) is False
        except struct.error:
            continue
