"""Facts out of whatever file holds a kernel's types."""

from __future__ import annotations

import bz2
import gzip
import lzma
import platform
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bpfkit.errors import FormatError, NotSupportedError
from bpfkit.host.files import BtfFacts, facts_from_btf, read_facts
from bpfkit.host.recorded import RecordedFacts, emit_recording

BTF = (Path(__file__).parents[2] / "data" / "uapi.btf").read_bytes()
BANNER = b"Linux version 6.12.1+deb13 (a@b) (gcc (Debian 14.2.0-19)) #1 SMP Debian 6.12.117-1 x\n\0"


def elf(*, machine: int = 62, btf: bytes | None = BTF, banner: bytes = BANNER) -> bytes:
    """A little-endian ELF file with a banner in .rodata and types in .BTF."""
    names = b"\0.rodata\0.BTF\0.shstrtab\0"
    parts = [(1, banner), (9 if btf is not None else 1, btf or b"x"), (14, names)]
    body, headers, at = b"", bytes(64), 64
    for name, data in parts:
        headers += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, at, len(data), 0, 0, 1, 0)
        body += data
        at += len(data)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 0, at, 0, 64, 0, 0, 64, 4, 3)
    return ident + head + body + headers


def bzimage(payload: bytes, *, protocol: int = 0x20F) -> bytes:
    """An x86 boot image around a compressed kernel."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, 16, len(payload))
    return bytes(head) + bytes(16) + payload


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "kernel"
    path.write_bytes(data)
    return path


def test_a_recording_is_recognised(tmp_path: Path) -> None:
    scalars = {
        "release": "5.10.0", "version_text": "", "arch": "s390x",
        "version": [5, 10, 262], "possible_cpus": 1, "online_cpus": 1,
    }  # fmt: skip
    path = write(tmp_path, emit_recording(scalars, {"btf/vmlinux": BTF}))
    facts = read_facts(path)
    assert isinstance(facts, RecordedFacts)
    assert (facts.arch, facts.version) == ("s390x", (5, 10, 262))
    with pytest.raises(FormatError, match="for s390x, not for aarch64"):
        read_facts(path, arch="aarch64")


def test_a_vmlinux_tells_types_version_and_architecture(tmp_path: Path) -> None:
    facts = read_facts(write(tmp_path, elf(machine=183)))
    assert isinstance(facts, BtfFacts)
    assert facts.arch == "aarch64"
    assert facts.release == "6.12.1+deb13"
    assert facts.version == (6, 12, 117)  # of the package, not of the compiler in the banner
    assert facts.btf.by_name("bpf_attr")
    with pytest.raises(FormatError, match="for aarch64, not for x86_64"):
        read_facts(tmp_path / "kernel", arch="x86_64")


@pytest.mark.parametrize(
    "pack",
    [
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(lzma.compress, id="xz"),
        pytest.param(lambda data: lzma.compress(data, lzma.FORMAT_ALONE), id="lzma"),
        pytest.param(bz2.compress, id="bzip2"),
    ],
)
def test_a_bzimage_is_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    # The build appends the plain length.
    packed = pack(elf()) + len(elf()).to_bytes(4, "little")
    facts = facts_from_btf(write(tmp_path, bzimage(packed)))
    assert facts.version == (6, 12, 117)
    assert facts.btf.by_name("bpf_attr")


def test_raw_types_are_of_this_machine_unless_told(tmp_path: Path) -> None:
    path = write(tmp_path, BTF)
    assert read_facts(path).arch == platform.machine()
    facts = read_facts(path, version=(6, 6, 0), arch="riscv64")
    assert (facts.arch, facts.version) == ("riscv64", (6, 6, 0))


def test_what_types_alone_do_not_tell_is_an_error_that_says_so(tmp_path: Path) -> None:
    facts = facts_from_btf(write(tmp_path, BTF))
    unknown: list[Callable[[], object]] = [
        lambda: facts.version,
        lambda: facts.possible_cpus,
        lambda: facts.online_cpus,
        lambda: facts.tracepoint_format("sched", "sched_switch"),
        lambda: facts.tracepoints("sched"),
        lambda: facts.has_symbol("x"),
    ]
    for ask in unknown:
        with pytest.raises(NotSupportedError, match=r"types in .*kernel.*bpfkit record"):
            ask()


def test_what_may_be_unknown_is_none(tmp_path: Path) -> None:
    facts = facts_from_btf(write(tmp_path, BTF))
    assert (facts.btf_bytes("vmlinux"), facts.btf_bytes("vfat")) == (BTF, b"")
    assert facts.btf_identity("vmlinux")
    assert facts.btf_identity("vfat") == ""
    assert facts.config("BPF") is None
    assert facts.config_text() is None
    assert facts.modules_with_btf() == []
    assert facts.module_btf("vfat") is None


def test_a_kernel_without_a_banner_has_no_version(tmp_path: Path) -> None:
    path = write(tmp_path, elf(banner=b"no banner"))
    with pytest.raises(NotSupportedError, match="version"):
        _ = read_facts(path).version
    assert read_facts(path, version=(6, 6, 1)).version == (6, 6, 1)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "neither", id="empty"),
        pytest.param(b"hello", "neither", id="text"),
        pytest.param(b"\x7fELF" + bytes(100), "ELF", id="broken-elf"),
        pytest.param(elf()[:200], "ELF", id="cut-elf"),
        pytest.param(elf(btf=None), "CONFIG_DEBUG_INFO_BTF", id="no-types"),
        pytest.param(bzimage(gzip.compress(b"not a kernel")), "neither", id="no-kernel-inside"),
        pytest.param(bzimage(gzip.compress(elf()), protocol=0x207), "too old", id="old-image"),
        pytest.param(bzimage(gzip.compress(elf()))[:-10], "cut off", id="cut-image"),
        pytest.param(bzimage(b"\x28\xb5\x2f\xfd" + bytes(9)), "zstd.*extract-vmlinux", id="zstd"),
        pytest.param(bzimage(b"?" * 20), "unknown", id="unknown-compression"),
        pytest.param(bzimage(b"\x1f\x8b" + b"?" * 20), "damaged", id="damaged"),
    ],
)
def test_other_files_are_refused_with_their_name(tmp_path: Path, data: bytes, told: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(FormatError, match=told) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
