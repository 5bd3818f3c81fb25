"""An object as data becomes live maps, and programs that are loaded when they are asked for.

All maps are created at once. A program waits, since in bcc's dialect only attaching tells its type.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from .btf.core import Relocator
from .btf.sanitize import sanitize
from .btf.types import Btf
from .errors import LoadError, SyscallError
from .features.btf import known_kinds
from .maps.base import Map
from .maps.create import create_map
from .obj.relocate import link
from .obj.spec import ObjectSpec
from .programs.load import LoadOptions, load_linked
from .programs.program import Program
from .syscalls.fd import OwnedFd
from .system import System
from .uapi.bpf import AttachType, ProgType


class LoadedObject:
    """The live side of one object: it owns the maps and the BTF, the caller owns the programs."""

    def __init__(
        self, spec: ObjectSpec, system: System, maps: Mapping[str, Map], btf_fd: OwnedFd | None
    ) -> None:
        """Take over ``maps`` and ``btf_fd``; see `load_object`."""
        self.spec = spec
        self.maps = maps
        self._system = system
        self._btf_fd = btf_fd
        self._relocator: Relocator | None = None

    def load_program(
        self,
        name: str,
        type: ProgType | None = None,
        *,
        attach_type: AttachType | None = None,
        attach_btf_id: int = 0,
    ) -> Program:
        """Link, relocate and load one program; the caller closes it.

        Raises KeyError for an unknown name, LoadError when it cannot be linked or its type is not
        known, VerifierError when the kernel refuses it.
        """
        declared = self.spec.programs[name]
        kind = type or declared.type
        if kind is None:
            raise LoadError(f"section {declared.section!r} does not tell what program '{name}' is")
        fds = {map_name: map.fileno() for map_name, map in self.maps.items()}
        linked = link(self.spec, name, fds, self._core() if declared.core_relocs else None)
        options = LoadOptions(
            type=kind,
            attach_type=attach_type or declared.attach_type,
            flags=declared.flags,
            license=self.spec.license,
            attach_btf_id=attach_btf_id,
            btf_fd=self._btf_fd.fileno() if self._btf_fd is not None else 0,
        )
        return load_linked(name, linked, options, self._system)

    def _core(self) -> Relocator | None:
        if self._relocator is None and self.spec.btf is not None:
            self._relocator = Relocator(self.spec.btf, [self._system.facts.btf])
        return self._relocator

    def close(self) -> None:
        """Close maps and BTF. Calling it twice is harmless."""
        for map in self.maps.values():
            map.close()
        if self._btf_fd is not None:
            self._btf_fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def load_object(spec: ObjectSpec, system: System) -> LoadedObject:
    """Create the maps of an object. Nothing stays behind when one cannot be created."""
    with contextlib.ExitStack() as undo:
        btf_fd = _load_btf(spec.btf, spec, system)
        if btf_fd is not None:
            undo.callback(btf_fd.close)
        maps = {}
        for name, declared in spec.maps.items():
            maps[name] = create_map(declared, system, btf_fd.fileno() if btf_fd else 0)
            undo.callback(maps[name].close)
        undo.pop_all()
    return LoadedObject(spec, system, maps, btf_fd)


def _load_btf(btf: Btf | None, spec: ObjectSpec, system: System) -> OwnedFd | None:
    """Give the kernel the object's types. They are a help, not a need: None when it refuses."""
    if btf is None:
        return None
    kinds = known_kinds(system)
    try:
        return system.syscalls.btf_load(sanitize(btf, kinds=kinds, sections=spec.sections))
    except SyscallError:
        return None
