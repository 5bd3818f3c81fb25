"""Maps as memory from Python alone: arrays that can be mapped, arenas, ring buffers, stacks."""

from __future__ import annotations

import contextlib
import mmap

import pytest

from bpfkit.errors import EncodeError, SyscallError
from bpfkit.maps.arena import Arena
from bpfkit.maps.array import ArrayMap
from bpfkit.maps.rings import RingBuf, UserRingBuf
from bpfkit.maps.stacks import StackTraceMap
from bpfkit.uapi.bpf import MapFlag
from conformance.case import case
from conformance.map_life import check_opening
from tests.contracts.maps import check_any


@case("maps/py/array/memory", kernel="5.5", feature="map/mmap")
def test_an_array_is_memory() -> None:
    """What is written to a mapped array is read from it, and the other way; freezing waits."""
    with ArrayMap[int].create(
        name="m", value="u32", max_entries=1000, flags=MapFlag.MMAPABLE
    ) as map:
        with contextlib.closing(map.memory(writable=True)) as memory:
            assert len(memory.view) == 2 * mmap.PAGESIZE
            memory.view[8:12] = (77).to_bytes(4, "little")
            assert map[1] == 77
            map[999] = 5
            assert memory.view[999 * map.stride] == 5
            with pytest.raises(SyscallError, match="EBUSY"):
                map.freeze()
        map.freeze()
        with pytest.raises(SyscallError, match="EPERM"):
            map.memory(writable=True)
        with contextlib.closing(map.memory()) as memory:
            assert memory.view[8] == 77
            assert memory.view.readonly
    with (
        ArrayMap[int].create(value="u32", max_entries=1) as plain,
        pytest.raises(SyscallError, match=r"mmap failed for map"),
    ):
        plain.memory()


@case("maps/py/arena", kernel="6.9", feature="map_type/arena")
def test_an_arena_is_memory() -> None:
    """Pages of an arena are zero, and what is written stays as long as the map."""
    with Arena.create(name="a", pages=3) as map:
        check_any(map)
        check_opening(map)
        with contextlib.closing(map.memory()) as memory:
            assert len(memory.view) == 3 * mmap.PAGESIZE
            assert not any(memory.view)
            memory.view[5] = 9
            where = memory.address
        with pytest.raises(SyscallError, match="BPF_MAP_UPDATE_ELEM"):
            map.raw.update(b"", b"")
    with Arena.create(name="a", pages=3, address=where) as map:
        assert map.info().map_extra == where
        with contextlib.closing(map.memory()) as memory:
            assert memory.address == where


@case("maps/py/ringbuf", kernel="5.8", feature="map_type/ringbuf")
def test_a_ring_buffer_from_python() -> None:
    """A ring buffer is as large as the next power of two of pages, and has no elements."""
    with RingBuf.create(name="r", size=5000) as map:
        check_any(map)
        check_opening(map)
        assert map.max_entries == 8192
        assert not map.overwrites
        with pytest.raises(SyscallError):
            map.raw.update(b"", b"")


@case("maps/py/ringbuf/overwrite", kernel="6.19", feature="map_type/insn_array")
def test_a_ring_buffer_that_overwrites_from_python() -> None:
    """A ring buffer may be made to push out old records."""
    with RingBuf.create(name="r", size=4096, flags=MapFlag.RB_OVERWRITE) as map:
        assert map.overwrites


@case("maps/py/user-ringbuf", kernel="6.1", feature="map_type/user_ringbuf")
def test_a_user_ring_buffer_takes_samples() -> None:
    """Samples are written until the buffer is full, also across its end."""
    with UserRingBuf.create(name="u", size=4096) as map:
        check_any(map)
        check_opening(map)
        with map.writer() as writer:
            assert all(writer.write(bytes(1016)) for _ in range(4))
            assert not writer.write(b"x")
            assert writer.unread == 4096
            with pytest.raises(EncodeError):
                writer.write(bytes(4090))


@case("maps/py/stack-trace", kernel="4.18", feature="map_type/stack_trace")
def test_a_map_of_stacks_from_python() -> None:
    """A map of stacks is empty at first; no number, a negative one and a missing one are told."""
    for build_ids in (False, True):
        with StackTraceMap.create(name="s", max_entries=16, depth=8, build_ids=build_ids) as map:
            check_any(map)
            check_opening(map)
            assert map.has_build_ids is build_ids
            assert (list(map), len(map), 3 in map) == ([], 0, False)
            for number in (3, -14):
                with pytest.raises(KeyError):
                    map[number]
                with pytest.raises(KeyError):
                    del map[number]
            with pytest.raises(SyscallError):
                map.raw.update(bytes(4), bytes(map.raw.value_size))
