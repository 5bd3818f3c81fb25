"""What BTF-based programs attach to, by the names in their sections."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Func, FuncProto, Int, Type, Typedef
from bpfkit.errors import LoadError
from bpfkit.obj.sections import read_section
from bpfkit.obj.spec import ProgramSpec
from bpfkit.programs.targets import AttachTarget, attach_target_of
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from tests.fakes.system import fake_system

KERNEL: tuple[Type, ...] = (
    Int("int", 4, 32, signed=True),
    FuncProto(1, ()),
    Func("vfs_read", 2),
    Func("bpf_lsm_bpf", 2),
    Func("bpf_iter_task", 2),
    Typedef("btf_trace_sched_switch", 1),
)


@pytest.fixture
def system(tmp_path: Path) -> System:
    vmlinux = tmp_path / "sys/kernel/btf"
    vmlinux.mkdir(parents=True)
    (vmlinux / "vmlinux").write_bytes(encode(KERNEL))
    module = encode([Func("ext4_x", 2)], base=decode(encode(KERNEL)))
    (vmlinux / "ext4").write_bytes(module)
    return fake_system(tmp_path)[0]


def target_of(section: str, system: System, kind: ProgType | None = None) -> AttachTarget | None:
    row, target = read_section(section)
    assert row is not None
    spec = ProgramSpec("f", section, b"", row.type, row.attach_type, target)
    return attach_target_of(spec, kind or row.type, row.attach_type, system)


@pytest.mark.parametrize(
    ("section", "found"),
    [
        pytest.param("fentry/vfs_read", AttachTarget(3), id="function"),
        pytest.param("lsm/bpf", AttachTarget(4), id="lsm"),
        pytest.param("iter/task", AttachTarget(5), id="iterator"),
        pytest.param("tp_btf/sched_switch", AttachTarget(6), id="tracepoint"),
        pytest.param("fexit/ext4_x", AttachTarget(7, "ext4"), id="module"),
        pytest.param("kprobe/vfs_read", None, id="no-btf"),
        pytest.param("fentry", None, id="no-name"),
    ],
)
def test_the_section_names_the_target(
    section: str, found: AttachTarget | None, system: System
) -> None:
    assert target_of(section, system) == found


@pytest.mark.parametrize(
    ("section", "words"),
    [
        pytest.param("fentry/nothing", "function 'nothing'", id="function"),
        pytest.param("tp_btf/nothing", "tracepoint 'nothing'", id="tracepoint"),
        pytest.param("lsm/nothing", "LSM hook 'nothing'", id="lsm"),
        pytest.param("iter/nothing", "iterator 'nothing'", id="iterator"),
    ],
)
def test_a_missing_target_is_named(section: str, words: str, system: System) -> None:
    with pytest.raises(LoadError, match=words):
        target_of(section, system)


def test_a_program_loaded_as_something_else_needs_no_target(system: System) -> None:
    assert target_of("fentry/nothing", system, ProgType.KPROBE) is None
