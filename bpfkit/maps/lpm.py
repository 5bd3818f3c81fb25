"""Longest prefix match: BPF_MAP_TYPE_LPM_TRIE (v4.11).

    routes = LpmTrie.create(data="ipv4", value="u32", max_entries=100)
    routes["10.0.0.0/8"] = 1
    routes["10.1.2.3"]          # the value of the longest prefix that holds it

A key is a number of bits, four bytes in the machine's order, and then the bits, first one first.
Reading a key gives the longest prefix that it lies in; writing and deleting mean the very prefix.
"""

from __future__ import annotations

import ctypes
import ipaddress
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Generic, Self, Unpack

from ..errors import EncodeError
from ..uapi.bpf import MapFlag, MapType
from .keyed import KeyedMap, V
from .typed import Options, system_of
from .types import told_types, wire_of
from .wire import AnyWire, TypeLike

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Prefix = Network | Address | str | tuple[int, bytes]
"""What is taken as a key: a network or address, also as text, or bits and their number."""
_DATA = {"ipv4": 4, "ipv6": 16}
_LENGTH = struct.Struct("=I")


class Prefixes:
    """Prefixes of ``room`` bytes; those of 4 and 16 bytes are given as networks."""

    __slots__ = ("_room", "size")

    def __init__(self, room: int) -> None:
        self._room = room
        self.size = room + _LENGTH.size

    def encode(self, value: Prefix) -> bytes:
        """One prefix. Raises EncodeError when it has more bits than there is room for."""
        bits, data = _bits(value)
        room = self._room
        if isinstance(value, tuple):
            if len(data) > room or not 0 <= bits <= 8 * len(data):
                raise EncodeError(
                    value, f"a prefix of up to {room} bytes, all of whose bits are given"
                )
        elif len(data) != room:
            raise EncodeError(value, f"a prefix of {room} bytes")
        return _LENGTH.pack(bits) + data.ljust(room, b"\0")

    def decode(self, data: bytes) -> Network | tuple[int, bytes]:
        """One prefix."""
        (bits,) = _LENGTH.unpack_from(data)
        rest = data[_LENGTH.size :]
        if self._room == 4 and bits <= 32:
            return ipaddress.IPv4Network((rest, bits), strict=False)
        if self._room == 16 and bits <= 128:
            return ipaddress.IPv6Network((rest, bits), strict=False)
        return bits, rest

    def encode_many(self, values: Iterable[Prefix]) -> bytes:
        """Prefixes in a row."""
        return b"".join(map(self.encode, values))

    def decode_many(self, data: bytes) -> Sequence[Network | tuple[int, bytes]]:
        """Prefixes of a row."""
        size = self.size
        return [self.decode(data[at : at + size]) for at in range(0, len(data), size)]


def _bits(value: Prefix) -> tuple[int, bytes]:
    if isinstance(value, tuple):
        bits, data = value
        return bits, bytes(data)
    if isinstance(value, str):
        try:
            value = ipaddress.ip_network(value)
        except ValueError as error:
            raise EncodeError(value, "a network or address", hint=str(error)) from None
    if isinstance(value, Network):
        return value.prefixlen, value.network_address.packed
    if isinstance(value, Address):
        return value.max_prefixlen, value.packed
    raise EncodeError(value, "a network, an address, their text, or (bits, bytes)")


def _key_class(room: int) -> type[ctypes.Structure]:
    """struct bpf_lpm_trie_key with so many bytes."""
    fields = [("prefixlen", ctypes.c_uint32), ("data", ctypes.c_ubyte * room)]
    return type("bpf_lpm_trie_key", (ctypes.Structure,), {"_fields_": fields, "_pack_": 1})


class LpmTrie(KeyedMap[Any, V], Generic[V]):
    """Values by prefix. Keys come back as networks, or as (bits, bytes) of other sizes.

    A full trie refuses another prefix with ENOSPC; before Linux 6.13 it does not even replace the
    value of one that it has.
    """

    default: ClassVar[MapType] = MapType.LPM_TRIE

    @classmethod
    def create(
        cls, *, data: str | int, value: TypeLike, max_entries: int, **options: Unpack[Options]
    ) -> Self:
        """Create one. ``data`` is "ipv4", "ipv6", or how many bytes a prefix has room for."""
        room = data if isinstance(data, int) else _DATA.get(data)
        if room is None:
            raise TypeError(f"'{data}' is no kind of prefix: ipv4, ipv6 or a number of bytes")
        wire = wire_of(value)
        options["flags"] = options.get("flags", 0) | MapFlag.NO_PREALLOC
        system = system_of(options)
        size = room + _LENGTH.size
        with told_types(system, _key_class(room), value) as request:
            return cls._make(
                size, wire.size, max_entries, options, wires=(None, wire), request=request
            )

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        super()._set_wires(Prefixes(self.raw.key_size - _LENGTH.size), value)

    def keys(self) -> Iterator[Any]:
        """Give the prefixes."""
        return map(self._key.decode, self.raw.keys())
