"""Ways of putting programs on cgroups: links and commands, side by side and in place of others."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.compat.bcc import BPFAttachType
from bpfkit.errors import AttachError
from bpfkit.links.base import Link, Method
from bpfkit.links.cgroup import attach_cgroup
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.cgroups import joined, new_cgroup
from conformance.counting import Loaded, loaded

TEXT = "cgroup"
CREATE = AttachType.CGROUP_INET_SOCK_CREATE


def ran(text: Loaded, cgroup: Path) -> tuple[bool, bool]:
    """Whether each of the programs "first" and "second" sees a socket of the cgroup."""
    before = text.hits(60), text.hits(61)
    with joined(cgroup), socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        pass
    return text.hits(60) > before[0], text.hits(61) > before[1]


@case("links/cgroup/update", kernel="5.7", feature="link/cgroup", config="CGROUP_BPF")
def test_a_link_updates_its_program() -> None:
    """A cgroup's link puts another program in place, and nothing runs after it is closed."""
    with new_cgroup() as cgroup, loaded(TEXT) as text:
        with attach_cgroup(text.system, text.program("first"), cgroup, CREATE) as link:
            assert ran(text, cgroup) == (True, False)
            link.update(text.program("second"))
            assert ran(text, cgroup) == (False, True)
        assert ran(text, cgroup) == (False, False)


@case("links/cgroup/multi", kernel="4.15", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_programs_stand_side_by_side() -> None:
    """With ALLOW_MULTI, and through links, several programs run; each goes with its own link."""
    with new_cgroup() as cgroup, loaded(TEXT) as text:
        first, second = text.program("first"), text.program("second")
        with attach_cgroup(text.system, first, cgroup, CREATE, flags=2) as one:
            assert one.method is Method.COMMAND
            with attach_cgroup(text.system, second, cgroup, CREATE):
                assert ran(text, cgroup) == (True, True)
            assert ran(text, cgroup) == (True, False)
            with attach_cgroup(text.system, second, cgroup, CREATE, flags=2):
                assert ran(text, cgroup) == (True, True)
        assert ran(text, cgroup) == (False, False)


@case("links/cgroup/override", kernel="4.15", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_flags_decide_what_may_be_attached_below() -> None:
    """With ALLOW_OVERRIDE a program below takes the place of the one above; without flags nothing
    may be attached below, and the error says so.
    """
    with new_cgroup() as above, new_cgroup(above) as below, loaded(TEXT) as text:
        first, second = text.program("first"), text.program("second")
        with attach_cgroup(text.system, first, above, CREATE, flags=1):
            assert ran(text, below) == (True, False)
            with attach_cgroup(text.system, second, below, CREATE, flags=1):
                assert ran(text, below) == (False, True)
            assert ran(text, below) == (True, False)
        with (
            attach_cgroup(text.system, first, above, CREATE, flags=0),
            pytest.raises(AttachError, match=r"EPERM.*above with flags"),
        ):
            attach_cgroup(text.system, second, below, CREATE, flags=1)


@case("links/cgroup/others", kernel="4.15", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_a_program_that_replaced_ours_stays() -> None:
    """Where one program replaces another, closing the replaced link leaves the new one alone; a
    link that was updated takes off what it was updated to.
    """
    with new_cgroup() as cgroup, loaded(TEXT) as text:
        first, second = text.program("first"), text.program("second")
        old = attach_cgroup(text.system, first, cgroup, CREATE, flags=1)
        new = attach_cgroup(text.system, second, cgroup, CREATE, flags=1)
        old.close()
        assert ran(text, cgroup) == (False, True)
        new.update(first)
        assert ran(text, cgroup) == (True, False)
        new.close()
        assert ran(text, cgroup) == (False, False)


@case("links/cgroup/replace-multi", kernel="5.6", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_one_of_several_is_replaced() -> None:
    """Updating one of several programs (BPF_F_REPLACE) leaves the others."""
    with new_cgroup() as cgroup, loaded(TEXT) as text:
        first, second = text.program("first"), text.program("second")
        with attach_cgroup(text.system, first, cgroup, CREATE, flags=2) as link:
            link.update(second)
            assert ran(text, cgroup) == (False, True)
        assert ran(text, cgroup) == (False, False)


@case("links/cgroup/gone", kernel="5.7", feature="link/cgroup", config="CGROUP_BPF")
def test_a_cgroup_that_is_gone_needs_no_undoing() -> None:
    """Closing the links of a cgroup that was removed is fine."""
    links: list[Link] = []
    with loaded(TEXT) as text:
        with new_cgroup() as cgroup:
            for flags in (None, 2):
                program = text.program("first" if flags else "second")
                links.append(attach_cgroup(text.system, program, cgroup, CREATE, flags=flags))
        for link in links:
            link.close()


@case("links/cgroup/refusals", kernel="5.7", feature="link/cgroup", config="CGROUP_BPF")
def test_refusals_name_what_is_wrong(tmp_path: Path) -> None:
    """A directory that is no cgroup, one that is not there, a program of another type and one that
    was loaded for another hook are errors that say so.
    """
    with new_cgroup() as cgroup, loaded(TEXT) as text:
        program = text.program("first")
        with pytest.raises(AttachError, match=r"EBADF.*cgroup version 2"):
            attach_cgroup(text.system, program, tmp_path, CREATE)
        with pytest.raises(AttachError, match="ENOENT"):
            attach_cgroup(text.system, program, tmp_path / "nothing", CREATE)
        with pytest.raises(AttachError, match=r"loaded as .*CGROUP_SOCK, .* runs .*CGROUP_DEVICE"):
            attach_cgroup(text.system, program, cgroup, AttachType.CGROUP_DEVICE)
        with pytest.raises(AttachError, match=r"EINVAL.*loaded for this attach type"):
            attach_cgroup(text.system, program, cgroup, AttachType.CGROUP_INET4_POST_BIND)
        with pytest.raises(AttachError, match=r"attach type of cgroups is needed.*SOCK_RELEASE"):
            attach_cgroup(text.system, program, cgroup)


BCC_TEXT = """
#include <uapi/linux/bpf.h>
BPF_ARRAY(seen, u64, 1);
int create(struct bpf_sock *sk) {
    int zero = 0;
    seen.increment(zero);
    return 1;
}
"""


@case("links/cgroup/bcc", kernel="4.15", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_bcc_face_attaches_to_a_cgroup() -> None:
    """``attach_func(fn, fd, type, flags)`` puts a function of bcc's dialect on a cgroup, until
    ``detach_func`` or the end of the object; ``attach_cgroup`` takes a path.
    """
    with new_cgroup() as cgroup, BPF(text=BCC_TEXT) as b:
        function = b.load_func("create", BPF.CGROUP_SOCK)

        def sees() -> bool:
            before = b["seen"][0].value
            with joined(cgroup), socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
                pass
            return bool(b["seen"][0].value > before)

        fd = os.open(cgroup, os.O_RDONLY)
        try:
            BPF.attach_func(function, fd, BPFAttachType.CGROUP_INET_SOCK_CREATE, 2)
            assert sees()
            BPF.detach_func(function, fd, BPFAttachType.CGROUP_INET_SOCK_CREATE)
            assert not sees()
            with pytest.raises(Exception, match="Failed to attach BPF function with attach_type 2"):
                BPF.attach_func(function, 0, BPFAttachType.CGROUP_INET_SOCK_CREATE)
        finally:
            os.close(fd)
        with BPF.attach_cgroup(str(cgroup), function, BPFAttachType.CGROUP_INET_SOCK_CREATE):
            assert sees()
        assert not sees()
