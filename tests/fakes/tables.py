"""A BPF object that has nothing but one map, in a kernel in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bpfkit.compat.bcc.tables.opening import open_table
from bpfkit.maps.create import create_map
from bpfkit.obj.spec import MapSpec
from bpfkit.uapi.bpf import MapType
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

AnyTable = Any
View = Any


@contextmanager
def table_of(
    root: Path,
    type: MapType,
    key: View = ctypes.c_uint,
    leaf: View = ctypes.c_ulonglong,
    size: int = 8,
    **options: Any,  # noqa: ANN401 - those of get_table()
) -> Iterator[tuple[AnyTable, FakeSyscalls]]:
    """A table of a new map, and the kernel it is in."""
    system, calls = fake_system(root)
    calls.strict = False
    key_size = 0 if key is None else ctypes.sizeof(key)
    spec = MapSpec("t", type, key_size, ctypes.sizeof(leaf), size)
    owned: list[Any] = []
    with create_map(spec, system) as map:
        if type is MapType.PERCPU_ARRAY:
            for index in range(size):
                map.update(index.to_bytes(4, "little"), bytes(map.buffer_size))
        collection = SimpleNamespace(
            system=system,
            spec=SimpleNamespace(btf=None, maps={"t": spec}),
            maps={"t": SimpleNamespace(raw=map)},
            own=owned.append,
            disown=owned.remove,
        )
        bpf: Any = SimpleNamespace(collection=collection)
        yield open_table(bpf, map, key, leaf, **options), calls
        for thing in owned:
            thing.close()
