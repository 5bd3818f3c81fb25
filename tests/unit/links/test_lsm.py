"""LSM programs: what is checked before they are attached."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.lsm import active_modules, attach_lsm, attach_lsm_cgroup
from bpfkit.uapi.bpf import AttachType, ProgType
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram
from tests.fakes.tracing import descriptor, tracing_kernel

PROGRAM = FakeProgram("deny", ProgType.LSM)


def activate(root: Path, modules: str) -> None:
    path = root / "sys/kernel/security"
    path.mkdir(parents=True)
    (path / "lsm").write_text(modules)


def test_lsm_links_keep_the_contract(tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path)
    activate(tmp_path, "capability,bpf")
    check_link(lambda: attach_lsm(fake.system, PROGRAM))
    check_link(lambda: attach_lsm_cgroup(fake.system, PROGRAM, descriptor(3)))


def test_a_kernel_that_would_never_call_the_program_is_told_of(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    activate(tmp_path, "lockdown,capability\n")
    with pytest.raises(AttachError, match="boot with lsm=lockdown,capability,bpf"):
        attach_lsm(fake.system, PROGRAM)
    assert calls.calls == []


def test_without_securityfs_the_kernel_is_asked(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    assert active_modules(fake.system) is None
    attach_lsm(fake.system, PROGRAM).close()
    assert calls.names() == ["raw_tracepoint_open"]


def test_other_programs_are_turned_away(tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path)
    with pytest.raises(AttachError, match=r'SEC\("lsm/HOOK"\)'):
        attach_lsm(fake.system, FakeProgram())


def test_a_control_group_is_where_the_program_runs(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    with attach_lsm_cgroup(fake.system, PROGRAM, descriptor(3)):
        assert calls.calls == [("link_create", 100, AttachType.LSM_CGROUP, 0)]
    calls.errors["link_create"] = [errno.EBADF]
    with pytest.raises(AttachError, match="cgroup v2"):
        attach_lsm_cgroup(fake.system, PROGRAM, descriptor(3))
