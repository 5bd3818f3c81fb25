"""Structures of operations: registered by a link, or by their map."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.struct_ops import StructOpsLink, attach_struct_ops
from bpfkit.programs.struct_ops import StructOpsMap
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.uapi.bpf import AttachType
from tests.contracts.links import check_link
from tests.fakes.tracing import tracing_kernel


def ops(*, link: bool) -> StructOpsMap:
    return StructOpsMap("mine", OwnedFd(os.open("/dev/null", os.O_RDONLY), "map"), link)


@pytest.mark.parametrize("link", [True, False])
def test_both_ways_keep_the_contract(link: bool, tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path)
    check_link(lambda: attach_struct_ops(fake.system, ops(link=link), "tcp_congestion_ops"))


def test_a_link_takes_the_map_over(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    made = ops(link=True)
    with attach_struct_ops(fake.system, made, "tcp_congestion_ops") as link:
        assert link.method is Method.LINK
        assert link.target == "struct tcp_congestion_ops"
        assert calls.calls[0][2] is AttachType.STRUCT_OPS
    with pytest.raises(ValueError, match="closed"):
        made.fileno()


def test_what_its_map_registers_is_taken_off_once(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    with attach_struct_ops(fake.system, ops(link=False), "x") as link:
        assert link.method is Method.MAP
        assert calls.calls == []
    link.close()
    assert calls.calls == [("map_delete", bytes(4))]


def test_another_structure_takes_its_place(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    other = StructOpsMap("other", OwnedFd(os.open("/dev/null", os.O_RDONLY), "map"), True)
    with attach_struct_ops(fake.system, ops(link=True), "x") as link:
        assert isinstance(link, StructOpsLink)
        link.replace(other)
        assert link.program == "other"
        calls.errors["link_update"] = [errno.EOPNOTSUPP]
        with pytest.raises(AttachError, match="cannot be replaced"):
            link.replace(other)
    other.close()


def test_a_refusal_says_why_and_leaves_nothing_open(tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    calls.errors["link_create"] = [errno.EEXIST]
    made = ops(link=True)
    with pytest.raises(AttachError, match="registered already"):
        attach_struct_ops(fake.system, made, "x")
    with pytest.raises(ValueError, match="closed"):
        made.fileno()
