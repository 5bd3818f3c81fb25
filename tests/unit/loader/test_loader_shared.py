"""Maps that objects of one process share, maps with special values, and arenas."""

from __future__ import annotations

import errno
import gc
from pathlib import Path

import pytest

from bpfkit.errors import LoadError, SyscallError
from bpfkit.loader import load_object
from bpfkit.maps.create import create_map
from bpfkit.maps.globals import Globals
from bpfkit.maps.shared_memory import map_arena
from bpfkit.obj.read import read_object
from bpfkit.obj.spec import MapSpec, ObjectSpec
from bpfkit.obj.special import SpecialField
from bpfkit.syscalls.requests import MapCreate
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system
from tests.unit.compiler.lower.plain import build

OFFERED = MapSpec("table", MapType.HASH, 4, 8, 10, scope="export")
TAKEN = MapSpec("table", MapType.UNSPEC, 4, 8, 3, scope="extern")
LOCK = SpecialField("bpf_spin_lock", "5.1", (MapType.HASH,), single=True)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return fake_system(tmp_path)[0]


def object_with(declared: MapSpec) -> ObjectSpec:
    return ObjectSpec("GPL", {}, {declared.name: declared})


def test_a_public_map_is_found_by_later_objects(system: System) -> None:
    with load_object(object_with(OFFERED), system) as one:
        with load_object(object_with(TAKEN), system) as two:
            table = two.maps["table"]
            assert (table.type, table.max_entries) == (MapType.HASH, 10)
            assert table.fileno() != one.maps["table"].fileno()
        assert system.shared.find("table") is not None
    assert system.shared.find("table") is None


def test_the_last_offer_counts(system: System) -> None:
    with load_object(object_with(OFFERED), system) as one:
        with load_object(object_with(OFFERED), system) as two:
            found = system.shared.find("table")
            assert found is not None
            assert found[1] is two.maps["table"]
        found = system.shared.find("table")
        assert found is not None
        assert found[1] is one.maps["table"]


def test_a_map_nobody_offers_is_named(system: System) -> None:
    with pytest.raises(LoadError, match=r"undefined table 'table'.*BPF_TABLE_PUBLIC"):
        load_object(object_with(TAKEN), system)


def test_an_imported_map_must_have_the_declared_sizes(system: System) -> None:
    other = MapSpec("table", MapType.UNSPEC, 4, 4, 3, scope="extern")
    with (
        load_object(object_with(OFFERED), system),
        pytest.raises(LoadError, match=r"values of 8 bytes; .* declares 4 and 4"),
    ):
        load_object(object_with(other), system)
    gc.collect()


def test_two_locks_in_a_value_are_refused_before_the_kernel_is_asked(system: System) -> None:
    spec = MapSpec("slots", MapType.HASH, 4, 8, 1, special=(LOCK, LOCK))
    with pytest.raises(LoadError, match="map 'slots' hold more than one bpf_spin_lock"):
        create_map(spec, system)


def test_a_map_with_special_values_is_not_created_without_types(system: System) -> None:
    calls = system.syscalls
    assert isinstance(calls, FakeSyscalls)
    asked: list[MapCreate] = []

    def refuse(request: MapCreate) -> int:
        asked.append(request)
        return errno.EOPNOTSUPP

    calls.refuse_map = refuse
    spec = MapSpec("slots", MapType.PERCPU_HASH, 4, 8, 1, special=(LOCK,))
    with pytest.raises(SyscallError, match=r"PERCPU_HASH cannot hold a bpf_spin_lock; these can"):
        create_map(spec, system, 7)
    assert len(asked) == 1


ARENA = """
struct { int (*type)[33]; int (*map_flags)[1024]; int (*max_entries)[2]; }
    arena __attribute__((section(".maps")));
long __attribute__((address_space(1))) number = 5;
int f(void *ctx) { number++; return (long)&arena; }
"""


def test_globals_of_an_arena_are_read_and_written_in_its_memory(system: System) -> None:
    calls = system.syscalls
    assert isinstance(calls, FakeSyscalls)
    spec = read_object(build(ARENA))
    with load_object(spec, system) as loaded:
        memory = loaded.arenas["arena"]
        assert len(memory.view) == 8192
        assert memory.view[4096] == 5
        variables = Globals(spec, loaded.maps, loaded.arenas)
        assert variables["number"] == 5
        variables["number"] = 300
        assert bytes(memory.view[4096:4098]) == b"\x2c\x01"
        assert variables["number"] == 300


def test_what_a_pinned_arena_holds_is_not_overwritten(system: System) -> None:
    declared = read_object(build(ARENA)).maps["arena"]
    with create_map(declared, system) as arena:
        kept = map_arena(arena, declared, system, fresh=False)
        assert not any(kept.view)
        kept.close()
        new = map_arena(arena, declared, system)
        assert new.view[4096] == 5
        new.close()
