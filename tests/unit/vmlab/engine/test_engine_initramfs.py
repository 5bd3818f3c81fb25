from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from vmlab.engine.initramfs import (
    CpioWriter,
    MissingDriversError,
    boot_modules,
    build,
    guest_sources,
)
from vmlab.engine.modules import BOOT_MODULES
from vmlab.model import KernelImage


@dataclass(frozen=True, slots=True)
class Entry:
    mode: int
    data: bytes
    device: tuple[int, int]
    inode: int


def read_newc(archive: bytes) -> dict[str, Entry]:
    """Read a newc archive, written from the format's description and not from the writer."""
    entries, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        inode, mode, _, _, links, _, size, _, _, major, minor, name_size, check = fields
        assert links == 1
        assert check == 0
        name_end = at + 110 + name_size
        assert archive[name_end - 1] == 0
        name = archive[at + 110 : name_end - 1].decode()
        start = -(-name_end // 4) * 4
        assert not any(archive[name_end:start])
        at = -(-(start + size) // 4) * 4
        assert not any(archive[start + size : at])
        if name == "TRAILER!!!":
            assert at == len(archive)
            return entries
        entries[name] = Entry(mode, archive[start : start + size], (major, minor), inode)


def test_cpio_entries_read_back() -> None:
    cpio = CpioWriter()
    cpio.add_directory("bin")
    cpio.add_link("bin/sh", "busybox")
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    for size in range(9):  # every alignment of the content and of the name
        cpio.add_file("f" * (size + 1), b"x" * size, 0o755)
    entries = read_newc(cpio.finish())
    assert stat.S_ISDIR(entries["bin"].mode)
    assert stat.S_ISLNK(entries["bin/sh"].mode)
    assert entries["bin/sh"].data == b"busybox"
    assert entries["dev/console"].device == (5, 1)
    for size in range(9):
        assert entries["f" * (size + 1)].data == b"x" * size
        assert entries["f" * (size + 1)].mode == stat.S_IFREG | 0o755
    assert len({entry.inode for entry in entries.values()}) == len(entries)


def test_the_initramfs_has_the_agent_as_a_package_and_the_modules_in_order(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"static")
    modules = [("b", b"second?"), ("a", b"first?")]
    entries = read_newc(build(busybox, "/opt/python", guest_sources(), modules))
    assert entries["modules/order"].data == b"b.ko\na.ko\n"
    assert entries["modules/a.ko"].data == b"first?"
    assert entries["python"].data == b"/opt/python\n"
    assert entries["init"].data.startswith(b"#!/bin/sh\n")
    assert entries["init"].mode & 0o111
    assert entries["bin/busybox"].mode & 0o111
    for path in ("vmlab", "vmlab/engine", "vmlab/engine/guest"):
        assert f"agent/{path}/__init__.py" in entries
    # A directory must come before what is in it.
    order = list(entries)
    for name in order:
        for parent in Path(name).parents:
            assert str(parent) == "." or order.index(str(parent)) < order.index(name)


def test_every_applet_the_init_script_calls_is_there() -> None:
    script = guest_sources()["init.sh"].decode()
    from vmlab.engine.initramfs import _APPLETS

    for command in ("mount", "insmod", "mkdir", "sleep", "ip", "chroot", "poweroff"):
        assert command in script
        assert command in _APPLETS


def image(tmp_path: Path, config: str | None, modules: bool) -> KernelImage:
    path = tmp_path / "config"
    if config is not None:
        path.write_text(config)
    directory = tmp_path / "6.0"
    if modules:
        directory.mkdir()
        (directory / "modules.dep").write_text("kernel/erofs.ko:\n")
        (directory / "erofs.ko").write_bytes(b"erofs")
        (directory / "modules.builtin").write_text("kernel/virtio_pci.ko\n")
    return KernelImage(
        id="x",
        release="6.0",
        image=tmp_path / "vmlinuz",
        modules=directory if modules else None,
        config=path if config is not None else None,
        digest="d",
        origin="",
    )


def test_drivers_that_are_nowhere_are_named_with_their_options(tmp_path: Path) -> None:
    with pytest.raises(MissingDriversError) as caught:
        boot_modules(image(tmp_path, None, modules=True))
    assert caught.value.missing == set(BOOT_MODULES) - {"erofs", "virtio_pci"}
    assert "CONFIG_OVERLAY_FS" in str(caught.value)
    assert "CONFIG_EROFS_FS" not in str(caught.value)


def test_without_modules_the_configuration_decides(tmp_path: Path) -> None:
    options = [f"{option}=y" for option in BOOT_MODULES.values()]
    assert boot_modules(image(tmp_path, "\n".join(options), modules=False)) == []
    with pytest.raises(MissingDriversError) as caught:
        boot_modules(image(tmp_path, "\n".join(options[1:]), modules=False))
    assert caught.value.missing == {next(iter(BOOT_MODULES))}


def test_without_modules_and_configuration_the_guest_is_asked(tmp_path: Path) -> None:
    assert boot_modules(image(tmp_path, None, modules=False)) == []
