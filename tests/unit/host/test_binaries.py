from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bpfkit.host.binaries import find_exe, find_library
from bpfkit.host.ldcache import CachedLibrary, parse_ld_cache


def cache(entries: list[tuple[int, str, str]]) -> bytes:
    """A file as ldconfig writes it: (flags, name, path) of each library."""
    strings, rows = b"", b""
    start = 48 + 24 * len(entries)
    for flags, name, path in entries:
        at = []
        for text in (name, path):
            at.append(start + len(strings))
            strings += text.encode() + b"\0"
        rows += struct.pack("=iIIIQ", flags, *at, 0, 0)
    head = b"glibc-ld.so.cache1.1" + struct.pack("=II", len(entries), len(strings))
    return head.ljust(48, b"\0") + rows + strings


ENTRIES = [
    (0x003, "libc.so.6", "/lib32/libc.so.6"),
    (0x303, "libcap.so.2", "/lib/libcap.so.2"),
    (0x303, "libc.so.6", "/lib/libc.so.6"),
    (0xA03, "libc.so.6", "/lib/arm/libc.so.6"),
]


def test_libraries_of_one_architecture_are_listed() -> None:
    assert parse_ld_cache(cache(ENTRIES), "x86_64") == [
        CachedLibrary("libcap.so.2", "/lib/libcap.so.2"),
        CachedLibrary("libc.so.6", "/lib/libc.so.6"),
    ]
    assert [e.path for e in parse_ld_cache(cache(ENTRIES), "aarch64")] == ["/lib/arm/libc.so.6"]


def test_the_format_is_found_behind_the_old_one() -> None:
    assert parse_ld_cache(b"ld.so-1.7.0\0" + bytes(100) + cache(ENTRIES), "aarch64")


def test_other_formats_and_cut_files_have_no_more_than_they_hold() -> None:
    whole = cache(ENTRIES)
    assert parse_ld_cache(b"something else", "x86_64") == []
    for length in range(len(whole)):
        assert len(parse_ld_cache(whole[:length], "x86_64")) <= 2


def installed(root: Path, *paths: str) -> Path:
    for path in paths:
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(0o755)
    return root


def test_a_library_is_found_in_the_cache(tmp_path: Path) -> None:
    installed(tmp_path, "/etc/ld.so.cache")
    (tmp_path / "etc/ld.so.cache").write_bytes(cache(ENTRIES))
    assert find_library("c", "x86_64", root=tmp_path) == "/lib/libc.so.6"
    assert find_library("ca", "x86_64", root=tmp_path) is None


def test_a_library_is_found_without_a_cache(tmp_path: Path) -> None:
    installed(tmp_path, "/usr/lib/libfoo-1.2.so", "/lib/x86_64-linux-gnu/libbar.so.3")
    assert find_library("foo", "x86_64", root=tmp_path) == "/usr/lib/libfoo-1.2.so"
    assert find_library("bar", "x86_64", root=tmp_path) == "/lib/x86_64-linux-gnu/libbar.so.3"


def test_a_process_knows_best_which_library_it_uses(tmp_path: Path) -> None:
    installed(tmp_path, "/lib/libc.so.6", "/proc/7/maps")
    line = "7f00-7f01 r-xp 00000000 fd:01 5 /opt/own/libc.so.6\n"
    (tmp_path / "proc/7/maps").write_text(line)
    assert find_library("c", "x86_64", pid=7, root=tmp_path) == "/opt/own/libc.so.6"
    assert find_library("c", "x86_64", pid=8, root=tmp_path) == "/lib/libc.so.6"


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_library("/some/where", "x86_64", root=tmp_path) == "/some/where"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("tool", "/opt/bin/tool"), ("other", None), ("/opt/bin/tool", "/opt/bin/tool"), ("/x", None)],
)
def test_programs_are_found_by_path(tmp_path: Path, name: str, expected: str | None) -> None:
    installed(tmp_path, "/opt/bin/tool")
    environ = {"PATH": "/usr/bin::/opt/bin"}
    assert find_exe(name, environ=environ, root=tmp_path) == expected
