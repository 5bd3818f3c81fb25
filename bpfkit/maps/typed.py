"""What every typed map shares: how it is made, opened, pinned, frozen and closed.

A typed map stands over the bytes of ``raw`` and takes and gives plain Python values. There is one
class for each family (``families.py``); each can be created without any C, opened from a pin, an id
or a descriptor, and comes out of ``collection.maps``.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NoReturn, Self, TypedDict

from ..btf.types import Btf
from ..errors import LoadError
from ..obj.spec import MapSpec
from ..syscalls.api import MappedMemory, SupportsFileno
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import MapCreate, MapInfo, ObjectKind
from ..system import System
from ..uapi.bpf import MapFlag, MapType
from .base import Map
from .create import new_map
from .raw import open_map
from .types import kernel_types, wire_from
from .wire import AnyWire


class Options(TypedDict, total=False):
    """What `create` of every family takes besides."""

    name: str
    flags: int
    """`MapFlag` bits; those that a family cannot do without are added."""
    numa_node: int
    ifindex: int
    """The device that the map is offloaded to."""
    token: SupportsFileno
    """A BPF token, for those who may not create maps themselves."""
    system: System


def system_of(options: Options) -> System:
    """The system to create a map in: the running one unless told, and the same from then on."""
    system = options.get("system")
    if system is None:
        system = options["system"] = System.live()
    return system


class TypedMap:
    """A map with plain Python values; see the families for what each can do."""

    default: ClassVar[MapType] = MapType.UNSPEC
    """The map type it stands for."""

    def __init__(
        self,
        raw: Map,
        system: System,
        key: AnyWire | None = None,
        value: AnyWire | None = None,
    ) -> None:
        """Take over ``raw``. Keys and values without a wire are bytes."""
        self.raw = raw
        """The map as bytes."""
        self._system = system
        self._set_wires(key, value)

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        """Keep what converts keys and values; most families that have any override it."""

    # ------------------------------------------------------------ making and opening

    @classmethod
    def _make(
        cls,
        key_size: int,
        value_size: int,
        max_entries: int,
        options: Options,
        *,
        wires: tuple[AnyWire | None, AnyWire | None] = (None, None),
        request: Mapping[str, int] | None = None,
    ) -> Self:
        """Create a map of `default`; ``request`` are more attributes of `MapCreate`."""
        system = system_of(options)
        token = options.get("token")
        numa_node = options.get("numa_node")
        flags = options.get("flags", 0)
        flags |= MapFlag.NUMA_NODE if numa_node is not None else 0
        flags |= MapFlag.TOKEN_FD if token is not None else 0
        made = MapCreate(
            type=cls.default,
            key_size=key_size,
            value_size=value_size,
            max_entries=max_entries,
            flags=flags,
            name=options.get("name", ""),
            numa_node=numa_node or 0,
            ifindex=options.get("ifindex", 0),
            token_fd=token.fileno() if token is not None else 0,
        )
        if request:
            made = replace(made, **request)  # type: ignore[arg-type]  # only numbers are given
        return cls(new_map(made, system), system, *wires)

    @classmethod
    def open_pinned(cls, path: str | Path, *, system: System | None = None, flags: int = 0) -> Self:
        """Open what is pinned at ``path``. ``flags``: MapFlag.RDONLY or WRONLY for this descriptor.

        Raises SyscallError, ENOENT when nothing is, and LoadError when it is of another family.
        """
        system = system or System.live()
        return cls._open(system.syscalls.obj_get(str(path), flags), system, f"what {path} pins")

    @classmethod
    def open_id(cls, id: int, *, system: System | None = None, flags: int = 0) -> Self:
        """Open a map by its id, which takes CAP_SYS_ADMIN.

        Raises SyscallError, ENOENT when there is no such map, and LoadError as `open_pinned` does.
        """
        system = system or System.live()
        return cls._open(system.syscalls.open_id(ObjectKind.MAP, id, flags), system, f"map {id}")

    @classmethod
    def from_fd(cls, fd: SupportsFileno | int, *, system: System | None = None) -> Self:
        """Open the map of a descriptor, which stays the caller's: a copy of it is used."""
        system = system or System.live()
        number = fd if isinstance(fd, int) else fd.fileno()
        copy = OwnedFd(os.dup(number), f"copy of descriptor {number}")
        return cls._open(copy, system, f"descriptor {number}")

    @classmethod
    def _open(cls, fd: OwnedFd, system: System, what: str) -> Self:
        try:
            info = system.syscalls.map_info(fd.fileno())
            kind = cls._class_for(MapType(info.type), what)
            types = kernel_types(system, info)
        except BaseException:
            fd.close()
            raise
        spec = MapSpec(
            info.name, MapType(info.type), info.key_size, info.value_size, info.max_entries,
            info.flags, info.key_type_id, info.value_type_id,
        )  # fmt: skip
        return kind._over(open_map(fd, spec, system), system, types, spec)

    @classmethod
    def _class_for(cls, type: MapType, what: str) -> type[Self]:
        """The class of a map type, which must be this one or below it."""
        from .families import CLASSES  # the families stand above

        found = CLASSES.get(type)
        if found is None or not issubclass(found, cls):
            raise LoadError(f"{what} is {type}, which {cls.__name__} does not stand for")
        return found

    @classmethod
    def _over(cls, raw: Map, system: System, types: Btf | None, spec: MapSpec) -> Self:
        """Stand over a map, with the types that ``spec`` says it has in ``types``."""
        key = wire_from(types, spec.key_type_id, raw.key_size)
        value = wire_from(types, spec.value_type_id, raw.value_size)
        return cls(raw, system, key, value)

    # ------------------------------------------------------------ what all have

    @property
    def name(self) -> str:
        """Its name."""
        return self.raw.name

    @property
    def type(self) -> MapType:
        """Its type."""
        return self.raw.type

    @property
    def max_entries(self) -> int:
        """How many elements it has room for."""
        return self.raw.max_entries

    def fileno(self) -> int:
        """The descriptor."""
        return self.raw.fileno()

    def info(self) -> MapInfo:
        """What the kernel says about the map."""
        return self.raw.info()

    @property
    def id(self) -> int:
        """The number that `open_id` opens it by; the kernel is asked."""
        return self.raw.info().id

    def pin(self, path: str | Path) -> None:
        """Keep the map alive under a name in a BPF file system; folders on the way are made."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.raw.pin(str(path))

    def freeze(self) -> None:
        """Allow no more changes from user space, by anybody; programs still may.

        Raises SyscallError: EBUSY while somebody has the map's memory mapped writable.
        """
        self.raw.freeze()

    def _map(self, size: int, *, writable: bool, address: int = 0) -> MappedMemory:
        return self._system.syscalls.mmap(
            self.fileno(), size, self.raw.subject, writable=writable, address=address
        )

    def close(self) -> None:
        """Close the descriptor. Calling it twice is harmless."""
        self.raw.close()

    def __reduce__(self) -> NoReturn:
        self.raw.__reduce__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}': {self.type}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: builtins.type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
