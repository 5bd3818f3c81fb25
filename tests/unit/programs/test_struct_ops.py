"""Structures of operations in the kernel's layout."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from bpfkit.btf.encode import encode
from bpfkit.btf.types import Btf
from bpfkit.errors import LoadError, SyscallError
from bpfkit.obj.spec import StructOpsSpec
from bpfkit.programs.struct_ops import (
    find_struct,
    kernel_value,
    make_map,
    operation_of,
)
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag
from tests.fakes.system import fake_system
from tests.fakes.tracing import TracingSyscalls, descriptor
from tests.fakes.type_graph import Graph

SPEC = StructOpsSpec(
    "mine", 0, struct.pack("<QQ8s", 0, 0, b"name"), ((0, "open_it"), (8, "close_it")), link=True
)


def local(*names: str) -> tuple[Btf, StructOpsSpec]:
    """An object's types: pointers of these names, then a name of 8 characters."""
    graph = Graph()
    pointer = graph.ptr(0)
    text = graph.array(graph.char, 8)
    members = [(name, pointer, 64 * i) for i, name in enumerate(names or ("open", "close"))]
    found = graph.struct("door_ops___mine", 24, *members, ("name", text, 128))
    return graph.btf(), StructOpsSpec("mine", found, SPEC.data, SPEC.programs, SPEC.link)


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A kernel whose structure has its members in another order, 16 bytes into the value."""
    graph = Graph()
    pointer = graph.ptr(0)
    text = graph.array(graph.char, 8)
    ops = graph.struct(
        "door_ops", 32, ("name", text, 0), ("lock", pointer, 64), ("open", pointer, 128),
        ("close", pointer, 192),
    )  # fmt: skip
    graph.struct("bpf_struct_ops_door_ops", 48, ("refcnt", graph.u32, 0), ("data", ops, 128))
    path = tmp_path / "sys/kernel/btf"
    path.mkdir(parents=True)
    (path / "vmlinux").write_bytes(encode(graph.types))
    return fake_system(tmp_path)[0]


def test_members_are_joined_by_name(system: System) -> None:
    types, spec = local()
    kernel = find_struct(system, spec, types)
    assert (kernel.name, kernel.value_size, kernel.data_offset) == ("door_ops", 48, 16)
    fds = {"open_it": descriptor(5), "close_it": descriptor(6)}
    value = kernel_value(spec, types, kernel, fds)
    assert struct.unpack("<16x8sQQQ", value) == (b"name\0\0\0\0", 0, 5, 6)
    assert operation_of(spec, types, "open_it", kernel) == 2
    assert operation_of(spec, types, "close_it", kernel) == 3


def test_an_operation_this_kernel_lacks_is_named(system: System) -> None:
    types, spec = local("open", "knock")
    kernel = find_struct(system, spec, types)
    with pytest.raises(LoadError, match="operation 'knock' of struct door_ops"):
        operation_of(spec, types, "close_it", kernel)
    with pytest.raises(LoadError, match="sets 'knock'"):
        kernel_value(spec, types, kernel, {"open_it": descriptor(5), "close_it": descriptor(6)})


def test_a_structure_nobody_can_implement_is_named_with_those_that_one_can(
    system: System,
) -> None:
    graph = Graph()
    found = graph.struct("window_ops", 8, ("open", graph.ptr(0), 0))
    spec = StructOpsSpec("mine", found, bytes(8))
    with pytest.raises(LoadError, match=r"struct window_ops.*those they do: door_ops"):
        find_struct(system, spec, graph.btf())


@pytest.mark.parametrize(
    ("codes", "linked"),
    [
        pytest.param([], True, id="with-a-link"),
        pytest.param([errno.EINVAL, 0], False, id="before-links"),
    ],
)
def test_links_are_asked_for_first(system: System, codes: list[int], linked: bool) -> None:
    types, spec = local()
    calls = TracingSyscalls(errors={"map_create": codes})
    here = System(calls, system.facts)  # type: ignore[arg-type]
    kernel = find_struct(system, spec, types)
    fds = {"open_it": descriptor(5), "close_it": descriptor(6)}
    made = make_map(here, spec, types, kernel, fds, 9)
    made.close()
    assert made.link is linked
    assert calls.maps[-1].flags == (MapFlag.LINK if linked else 0)
    assert calls.maps[-1].btf_fd == 9


def test_a_map_that_cannot_be_filled_is_closed(system: System) -> None:
    types, spec = local()
    calls = TracingSyscalls(errors={"map_update": [errno.EEXIST]})
    here = System(calls, system.facts)  # type: ignore[arg-type]
    fds = {"open_it": descriptor(5), "close_it": descriptor(6)}
    with pytest.raises(SyscallError, match="EEXIST"):
        make_map(here, spec, types, find_struct(system, spec, types), fds, 9)
