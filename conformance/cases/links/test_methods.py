"""Programs that attach themselves: `Collection.load_program` hands them out."""

from __future__ import annotations

import socket

from conformance.case import case
from conformance.cgroups import joined, new_cgroup
from conformance.counting import loaded
from conformance.network import NEAR, ip, own_network, wire


@case("links/methods/device", kernel="4.5", feature="program_type/sched_cls", config="NET_CLS_BPF")
def test_the_collection_closes_what_is_left_open() -> None:
    """What a program's own methods attached to a device is gone when its collection is closed."""
    with wire():
        with loaded("leaving") as text:
            text.program("pass").attach_xdp(NEAR)
            text.program("next").attach_tc(NEAR, "egress")
            text.program("leaving").attach_lwt("10.79.0.0/24", NEAR)
            assert "xdp" in ip("link", "show", NEAR)
            assert "encap bpf" in ip("route", "show")
        assert "xdp" not in ip("link", "show", NEAR)
        assert "encap" not in ip("route", "show")


@case("links/methods/cgroup", kernel="4.15", feature="attach_type/cgroup_inet_sock_create",
      config="CGROUP_BPF")  # fmt: skip
def test_the_section_says_what_about() -> None:
    """``program.attach_cgroup(path)`` takes the attach type from the program's section."""
    with own_network(), new_cgroup() as cgroup, loaded("cgroup") as text:
        with text.program("first").attach_cgroup(cgroup), joined(cgroup):
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
        assert text.hits(60) >= 1
