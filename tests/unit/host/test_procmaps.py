from __future__ import annotations

from pathlib import Path

from bpfkit.host.procmaps import parse_maps, path_of_process, read_maps

TEXT = """\
55d0c0a00000-55d0c0a02000 r-xp 00001000 fd:01 1234                       /usr/bin/a program
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000002000-7f0000003000 r--p 00002000 00:1f 99                         /tmp/gone.so (deleted)
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
nonsense
"""


def test_lines_are_taken_apart() -> None:
    program, anonymous, gone, stack = parse_maps(TEXT)
    assert (program.start, program.end, program.offset) == (
        0x55D0C0A00000,
        0x55D0C0A02000,
        0x1000,
    )
    assert (program.path, program.inode, program.executable) == ("/usr/bin/a program", 1234, True)
    assert (anonymous.path, anonymous.is_file, anonymous.executable) == ("", False, False)
    assert (gone.path, gone.deleted, program.deleted) == ("/tmp/gone.so", True, False)
    assert not stack.is_file


def test_this_process_has_itself_mapped() -> None:
    assert any(m.executable and m.is_file for m in read_maps("self"))


def namespace(root: Path, pid: str, name: str, folder: Path) -> None:
    process = root / "proc" / pid
    (process / "ns").mkdir(parents=True)
    (process / "ns/mnt").symlink_to(name)
    (process / "root").symlink_to(folder)


def test_a_process_in_the_same_place_has_the_same_files(tmp_path: Path) -> None:
    namespace(tmp_path, "self", "mnt:[1]", tmp_path)
    namespace(tmp_path, "7", "mnt:[1]", tmp_path)
    assert path_of_process(7, "/lib/x.so", tmp_path) == tmp_path / "lib/x.so"


def test_a_process_in_a_container_has_files_of_its_own(tmp_path: Path) -> None:
    namespace(tmp_path, "self", "mnt:[1]", tmp_path)
    namespace(tmp_path, "7", "mnt:[2]", tmp_path)
    assert path_of_process(7, "/lib/x.so", tmp_path) == tmp_path / "proc/7/root/lib/x.so"


def test_a_process_that_changed_its_root_has_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "jail").mkdir()
    namespace(tmp_path, "self", "mnt:[1]", tmp_path)
    namespace(tmp_path, "7", "mnt:[1]", tmp_path / "jail")
    assert path_of_process(7, "/x", tmp_path) == tmp_path / "proc/7/root/x"
