"""What every map lives through on a real kernel: opened again in all ways, changed by two threads,
made and closed many times."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bpfkit.errors import LoadError, SyscallError
from bpfkit.maps.array import ArrayMap, IndexedMap
from bpfkit.maps.hash import HashMap
from bpfkit.maps.keyed import KeyedMap
from bpfkit.maps.typed import TypedMap

BPFFS = Path("/sys/fs/bpf")
CYCLES = 10_000
ROUNDS = 2_000


@contextlib.contextmanager
def pinned_at(name: str) -> Iterator[Path]:
    """A new path in a BPF file system, which is mounted when it is not."""
    if not os.path.ismount(BPFFS):
        subprocess.run(["mount", "-t", "bpf", "bpf", str(BPFFS)], check=True)
    path = BPFFS / f"bpfkit_case_{os.getpid()}_{name}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def check_opening(map: TypedMap) -> None:
    """A map is the same one when it is opened by pin, id and descriptor."""
    kind = type(map)
    other: type[TypedMap] = ArrayMap if not isinstance(map, ArrayMap) else HashMap
    with pinned_at(map.type.name.lower()) as path:
        map.pin(path)
        with pytest.raises(SyscallError, match="EEXIST"):
            map.pin(path)
        with contextlib.ExitStack() as stack:
            for again in (
                kind.open_pinned(path),
                kind.open_id(map.id),
                kind.from_fd(map),
                TypedMap.from_fd(map.fileno()),
            ):
                stack.enter_context(again)
                assert type(again) is kind
                assert again.id == map.id
                assert (again.max_entries, again.raw.key_size) == (
                    map.max_entries, map.raw.key_size,
                )  # fmt: skip
        with pytest.raises(LoadError, match="does not stand for"):
            other.open_pinned(path)
    with pytest.raises(SyscallError, match="ENOENT"):
        kind.open_pinned(path)
    with pytest.raises(SyscallError, match="ENOENT"):
        kind.open_id((1 << 31) - 1)


def check_frozen(map: KeyedMap[Any, Any], key: object, value: object) -> None:
    """A frozen map is read and not changed, through no descriptor."""
    map[key] = value
    map.freeze()
    with type(map).from_fd(map) as again, pytest.raises(SyscallError, match="EPERM"):
        again[key] = value
    assert map[key] == value
    with pytest.raises(SyscallError, match=r"EBUSY|EPERM"):
        map.freeze()


def check_two_threads(
    map: KeyedMap[Any, Any], key: Callable[[int], object], values: list[Any]
) -> None:
    """While a second thread adds and removes, all that is read was written, and walks end."""
    stop = threading.Event()
    wrong: list[object] = []

    def change() -> None:
        while not stop.is_set():
            for i in range(8):
                map[key(i)] = values[i % len(values)]
            if not isinstance(map, IndexedMap):
                map.delete_many([key(i) for i in range(0, 8, 2)])

    thread = threading.Thread(target=change)
    thread.start()
    known = [*values, map.get(key(0))]
    try:
        for _ in range(ROUNDS // 10):
            found = list(map.items())
            wrong += [value for _, value in found if value not in known and any_set(value)]
            assert len(found) <= 2 * map.max_entries + 1
            one = map.get(key(3))
            wrong += [one] if one is not None and one not in known and any_set(one) else []
    finally:
        stop.set()
        thread.join()
    assert not wrong, wrong[:5]


def any_set(value: object) -> bool:
    """Whether a value is not all zero, as elements are before they are set."""
    return any(value) if isinstance(value, list) else bool(value)


def check_no_leak(make: Callable[[], TypedMap], cycles: int = CYCLES) -> None:
    """Making and closing many leaves no descriptor open."""
    make().close()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the names are the descriptors
    for _ in range(cycles):
        make().close()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
