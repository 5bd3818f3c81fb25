from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.cgroup import HOOKS, attach_cgroup
from bpfkit.links.netns import attach_netns
from bpfkit.links.order import place
from bpfkit.links.sockmap import attach_sockmap
from bpfkit.links.tcx import attach_tcx
from bpfkit.syscalls.requests import RelativeLink
from bpfkit.uapi.bpf import AttachType, ProgType
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel

SOCK = FakeProgram(type=ProgType.CGROUP_SOCK)
CREATE = AttachType.CGROUP_INET_SOCK_CREATE


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


def test_every_attach_type_of_cgroups_has_its_program_type() -> None:
    named = {kind for kind in AttachType if kind.name.startswith("CGROUP_")}
    assert set(HOOKS) == named | {AttachType.LSM_CGROUP}


def test_without_links_the_command_allows_several(fake: FakeKernel) -> None:
    fake.features.lacking.add("link/cgroup")
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    with attach_cgroup(fake.system, SOCK, "/proc", CREATE) as link:
        assert link.method is Method.COMMAND
        assert fake.syscalls.calls[-1] == ("prog_attach", CREATE, 2)
    assert fake.syscalls.names()[-1] == "prog_detach"


def test_what_is_refused_for_another_reason_is_not_tried_again(fake: FakeKernel) -> None:
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    with pytest.raises(AttachError, match=r"EINVAL.*loaded for this attach type"):
        attach_cgroup(fake.system, SOCK, "/proc", CREATE)
    assert fake.syscalls.names() == ["link_create"]


def test_somebody_elses_program_stays(fake: FakeKernel) -> None:
    link = attach_cgroup(fake.system, SOCK, "/proc", CREATE, flags=0)
    fake.syscalls.attached = (7,)
    link.close()
    assert "prog_detach" not in fake.syscalls.names()


def test_a_refusal_leaves_the_same_program_of_another_link(fake: FakeKernel) -> None:
    with attach_cgroup(fake.system, SOCK, "/proc", CREATE, flags=2):
        fake.syscalls.errors["prog_attach"] = [errno.EINVAL]
        with pytest.raises(AttachError, match="EINVAL"):
            attach_cgroup(fake.system, SOCK, "/proc", CREATE, flags=2)
        assert fake.syscalls.attached


def test_an_update_of_several_names_the_program_to_replace(fake: FakeKernel) -> None:
    with attach_cgroup(fake.system, SOCK, "/proc", CREATE, flags=2) as link:
        link.update(FakeProgram("next", ProgType.CGROUP_SOCK))
        assert fake.syscalls.calls[-1] == ("prog_attach", CREATE, 2 | 4)
        assert link.program == "next"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("/nothing/here", "ENOENT", id="nothing"),
        pytest.param("/proc/version", "ENOTDIR", id="a-file"),
    ],
)
def test_a_place_that_is_no_directory_is_refused(fake: FakeKernel, path: str, message: str) -> None:
    with pytest.raises(AttachError, match=message):
        attach_cgroup(fake.system, SOCK, path, CREATE)


def test_an_attach_type_of_others_is_refused(fake: FakeKernel) -> None:
    with pytest.raises(AttachError, match=r"attach type of cgroups is needed.*SOCK_CREATE"):
        attach_cgroup(fake.system, SOCK, "/proc", AttachType.XDP)
    with pytest.raises(AttachError, match="does not run on cgroups"):
        attach_cgroup(fake.system, FakeProgram(), "/proc")


def test_a_kernel_without_the_hook_is_told_the_release(fake: FakeKernel) -> None:
    fake.features.lacking.add("attach_type/cgroup_unix_connect")
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    program = FakeProgram(type=ProgType.CGROUP_SOCK_ADDR)
    with pytest.raises(AttachError, match=r"came with Linux 6.7 and needs CONFIG_CGROUP_BPF"):
        attach_cgroup(fake.system, program, "/proc", AttachType.CGROUP_UNIX_CONNECT)


def test_a_flow_dissector_without_links_uses_the_command(fake: FakeKernel) -> None:
    fake.features.lacking.add("link/netns")
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    with attach_netns(fake.system, FakeProgram(type=ProgType.FLOW_DISSECTOR)) as link:
        assert link.method is Method.COMMAND
    assert fake.syscalls.names()[-2:] == ["prog_attach", "prog_detach"]


def test_a_sockmap_without_links_uses_the_command(fake: FakeKernel) -> None:
    fake.features.lacking.add("link/sockmap")
    program = FakeProgram(type=ProgType.SK_MSG)
    with (
        Path("/dev/null").open() as file,
        attach_sockmap(fake.system, program, file, AttachType.SK_MSG_VERDICT) as link,
    ):
        assert link.method is Method.COMMAND


def test_a_place_is_said_by_flags_and_a_descriptor(fake: FakeKernel) -> None:
    program = FakeProgram(type=ProgType.SCHED_CLS)
    assert place(None, None) == (0, None)
    assert place("first", None) == (8, RelativeLink())
    assert place(None, "last") == (16, RelativeLink())
    assert place(None, program) == (16, RelativeLink(relative=100))
    with attach_tcx(fake.system, program, "lo") as link:
        assert place(link, None) == (8 | 1 << 13, RelativeLink(relative=link.fileno()))
    with pytest.raises(ValueError, match="not both"):
        place(program, program)
