"""Global variables of an object as Python values: set before it is loaded, read and set after.

    with load(text, globals={"wanted_pid": 42}) as collection:
        collection.globals["hits"]

A variable lies in the one element of the map of its section (``.data``, ``.rodata``, ``.bss``), or
in the object's arena.
What is constant, ``const volatile`` included, can only be set before: its map is frozen, and the
verifier drops the code that the value makes dead.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ..btf.layout import size_of
from ..codec.codec import Value, codec_of
from ..errors import LoadError
from ..obj.arena import SECTION as ARENA_SECTION
from ..obj.btf_maps import variables
from ..obj.spec import ObjectSpec
from ..syscalls.api import MappedMemory
from ..uapi.bpf import MapType
from .base import Map

_KEY = bytes(4)


@dataclass(frozen=True, slots=True)
class GlobalVariable:
    """Where a variable lies: its map, and its place in that map's content, in bytes."""

    name: str
    map: str
    offset: int
    size: int
    type_id: int


def global_variables(spec: ObjectSpec) -> dict[str, GlobalVariable]:
    """The variables of an object's data sections that some program uses, by name."""
    found: dict[str, GlobalVariable] = {}
    for map_name, declared in spec.maps.items():
        section = ARENA_SECTION if declared.type is MapType.ARENA else map_name
        if declared.initial is None or spec.btf is None or section not in spec.sections:
            continue
        offsets = spec.sections[section].offsets
        for name, type_id in variables(spec.btf, section):
            if name in offsets:
                size = size_of(spec.btf, type_id)
                found[name] = GlobalVariable(name, map_name, offsets[name], size, type_id)
    return found


def with_globals(spec: ObjectSpec, values: Mapping[str, Value]) -> ObjectSpec:
    """The object with other initial values; records may be mappings, arrays sequences.

    Raises LoadError for a name the object does not have, and DecodeError for a value that does not
    fit its type.
    """
    if not values:
        return spec
    known = global_variables(spec)
    maps = dict(spec.maps)
    for name, value in values.items():
        variable = _find(name, known)
        assert spec.btf is not None
        data = codec_of(spec.btf, variable.type_id).encode(value)
        before = maps[variable.map].initial or b""
        end = variable.offset + variable.size
        content = before[: variable.offset] + data.ljust(variable.size, b"\0") + before[end:]
        maps[variable.map] = replace(maps[variable.map], initial=content)
    return replace(spec, maps=maps)


def _find(name: str, known: Mapping[str, GlobalVariable]) -> GlobalVariable:
    found = known.get(name)
    if found is None:
        raise LoadError(f"the object has no global variable '{name}'{_nearest(name, known)}")
    return found


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    if near:
        return f"; did you mean {', '.join(near)}?"
    return f"; it has {', '.join(sorted(known))}" if known else "; no program uses any"


class Globals(Mapping[str, Value]):
    """The global variables of a loaded object. Values are read and written in its maps."""

    def __init__(
        self,
        spec: ObjectSpec,
        maps: Mapping[str, Map],
        memories: Mapping[str, MappedMemory] | None = None,
    ) -> None:
        """Show the variables of ``spec``, whose data sections are among ``maps``.

        ``memories`` are its arenas, mapped.
        """
        self._spec = spec
        self._maps = maps
        self._memories = memories or {}
        self._known = global_variables(spec)

    def __getitem__(self, name: str) -> Value:
        variable = self._variable(name)
        assert self._spec.btf is not None
        # What follows is another variable, not the tail of a flexible array.
        mine = self._content(variable)[: variable.size]
        return codec_of(self._spec.btf, variable.type_id).decode(mine)

    def __setitem__(self, name: str, value: Value) -> None:
        """Set a variable; programs that run meanwhile may see it half written if it is large.

        What programs write to other variables of the section at that moment may get lost: the
        kernel takes a section as a whole. In an arena only the variable itself is written.
        """
        variable = self._variable(name)
        declared = self._spec.maps[variable.map]
        if declared.frozen:
            raise LoadError(
                f"'{name}' is constant since the object was loaded; set it with load(globals=…)"
            )
        assert self._spec.btf is not None
        data = codec_of(self._spec.btf, variable.type_id).encode(value)
        holder = self._maps[variable.map]
        memory = self._memories.get(variable.map)
        if memory is not None:
            start = declared.initial_offset + variable.offset
            memory.view[start : start + len(data)] = data
            return
        content = bytearray(holder.lookup(_KEY) or b"")
        content[variable.offset : variable.offset + len(data)] = data
        holder.update(_KEY, bytes(content))

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _content(self, variable: GlobalVariable) -> bytes:
        """The bytes from a variable on."""
        memory = self._memories.get(variable.map)
        if memory is None:
            return (self._maps[variable.map].lookup(_KEY) or b"")[variable.offset :]
        start = self._spec.maps[variable.map].initial_offset + variable.offset
        return bytes(memory.view[start : start + variable.size])

    def _variable(self, name: str) -> GlobalVariable:
        found = self._known.get(name)
        if found is None:
            raise KeyError(f"no global variable '{name}'{_nearest(name, self._known)}")
        return found
