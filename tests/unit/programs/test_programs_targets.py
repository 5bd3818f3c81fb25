"""What BTF-based programs attach to, by the names in their sections."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Func, FuncProto, Int, Type, Typedef
from bpfkit.errors import LoadError
from bpfkit.obj.sections import read_section
from bpfkit.obj.spec import ProgramSpec
from bpfkit.programs.targets import AttachTarget, attach_target_of, named_target
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import ObjectKind
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


@dataclass
class ProgramKernel:
    """System calls that know one program, whose types are `KERNEL`."""

    btf_id: int = 5

    def fileno(self) -> int:
        return 9

    def prog_info(self, fd: int) -> SimpleNamespace:
        return SimpleNamespace(name="other", btf_id=self.btf_id)

    def open_id(self, kind: ObjectKind, id: int) -> OwnedFd:
        assert (kind, id) == (ObjectKind.BTF, self.btf_id)
        return OwnedFd(os.open("/dev/null", os.O_RDONLY), "BTF")

    def btf_info(self, fd: int) -> SimpleNamespace:
        return SimpleNamespace(data=encode(KERNEL))


def target_of(section: str, system: System, kind: ProgType | None = None) -> AttachTarget | None:
    row, target = read_section(section)
    assert row is not None
    spec = ProgramSpec("f", section, b"", row.type, row.attach_type, target)
    return attach_target_of(spec, kind or row.type, row.attach_type, system)


@pytest.mark.parametrize(
    ("section", "found"),
    [
        pytest.param("fentry/vfs_read", AttachTarget(3, "", "fentry of vfs_read"), id="function"),
        pytest.param("lsm/bpf", AttachTarget(4, "", "lsm of bpf"), id="lsm"),
        pytest.param("iter/task", AttachTarget(5, "", "iter of task"), id="iterator"),
        pytest.param(
            "tp_btf/sched_switch", AttachTarget(6, "", "tp_btf of sched_switch"), id="tracepoint"
        ),
        pytest.param("fexit/ext4_x", AttachTarget(7, "ext4", "fexit of ext4_x"), id="module"),
        pytest.param(
            "fexit/ext4:ext4_x", AttachTarget(7, "ext4", "fexit of ext4_x"), id="named-module"
        ),
        pytest.param(
            "fentry/vmlinux:vfs_read", AttachTarget(3, "", "fentry of vfs_read"), id="the-kernel"
        ),
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
        pytest.param("iter/tasks", "nearest names are task", id="neighbours"),
        pytest.param("fentry/ext4:vfs_reed", "BTF of module 'ext4'", id="not-in-the-module"),
        pytest.param("freplace/f", "pass that program as attach_target", id="no-program"),
    ],
)
def test_a_missing_target_is_named(section: str, words: str, system: System) -> None:
    with pytest.raises(LoadError, match=words):
        target_of(section, system)


def test_a_program_loaded_as_something_else_needs_no_target(system: System) -> None:
    assert target_of("fentry/nothing", system, ProgType.KPROBE) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("kfunc__vmlinux__vfs_read", "vmlinux:vfs_read", id="kfunc"),
        pytest.param("kretfunc__ext4__ext4_x", "ext4:ext4_x", id="kretfunc"),
        pytest.param("kfunc__vfs_read", "vfs_read", id="no-module"),
        pytest.param("kmod_ret__security_x", "security_x", id="fmod_ret"),
        pytest.param("lsm__file_open", "file_open", id="lsm"),
        pytest.param("bpf_iter__task_file", "task_file", id="iterator"),
        pytest.param("kprobe__vfs_read", "", id="no-btf"),
    ],
)
def test_a_name_of_bccs_dialect_names_the_target(name: str, found: str) -> None:
    assert named_target(name) == found


def in_program(system: System, kernel: ProgramKernel, name: str) -> AttachTarget | None:
    spec = ProgramSpec("f", "freplace", b"", ProgType.EXT)
    here = System(kernel, system.facts)  # type: ignore[arg-type]
    return attach_target_of(spec, ProgType.EXT, None, here, name=name, owner=kernel)


def test_a_function_of_another_program_is_found_in_its_own_types(system: System) -> None:
    found = in_program(system, ProgramKernel(), "vfs_read")
    assert found == AttachTarget(3, "", "freplace of vfs_read in program 'other'")


def test_what_the_other_program_lacks_is_told(system: System) -> None:
    with pytest.raises(LoadError, match=r"its functions: .*vfs_read"):
        in_program(system, ProgramKernel(), "nothing")
    with pytest.raises(LoadError, match="without types"):
        in_program(system, ProgramKernel(btf_id=0), "vfs_read")
