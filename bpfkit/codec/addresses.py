"""Internet addresses and networks as values: what `ipaddress` has for them.

The key of a longest-prefix-match map is a u32 prefix length in this machine's byte order and the
address in the network's: `NetworkKey`. Source: struct bpf_lpm_trie_key, kernel/bpf/lpm_trie.c.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..btf.types import ByteOrder
from ..errors import DecodeError, EncodeError
from .plans import Data, Value

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ADDRESSES: dict[int, type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]] = {
    4: ipaddress.IPv4Address,
    16: ipaddress.IPv6Address,
}
_NETWORKS: dict[int, type[ipaddress.IPv4Network] | type[ipaddress.IPv6Network]] = {
    4: ipaddress.IPv4Network,
    16: ipaddress.IPv6Network,
}
_VERSIONS = {4: "IPv4", 16: "IPv6"}
PREFIX_BYTES = 4


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """An IPv4 address of 4 bytes or an IPv6 address of 16, in network byte order."""

    size: int
    exact: bool = field(default=True, init=False)

    def read(self, data: Data, at: int) -> Value:
        """Return an address."""
        return _ADDRESSES[self.size](bytes(data[at : at + self.size]))

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take an address, its text, its bytes or its number."""
        data[at : at + self.size] = _address(value, self.size, name).packed


@dataclass(frozen=True, slots=True)
class NetworkKey:
    """The key of a longest-prefix-match map: prefix length and an address of ``bytes_`` bytes."""

    bytes_: int
    order: ByteOrder
    exact: bool = field(default=False, init=False)

    @property
    def size(self) -> int:
        """Bytes of the key."""
        return PREFIX_BYTES + self.bytes_

    def read(self, data: Data, at: int) -> Value:
        """Return a network; bits behind the prefix, which mean nothing to the map, are dropped."""
        prefix = int.from_bytes(data[at : at + PREFIX_BYTES], self.order)
        if prefix > 8 * self.bytes_:
            raise DecodeError(f"a prefix of {prefix} bits for {_VERSIONS[self.bytes_]}")
        start = at + PREFIX_BYTES
        address = bytes(data[start : start + self.bytes_])
        return _NETWORKS[self.bytes_]((address, prefix), strict=False)

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a network, an address (all of it is the prefix), or the text of one."""
        network = self._network(value, name)
        start = at + PREFIX_BYTES
        data[at:start] = network.prefixlen.to_bytes(PREFIX_BYTES, self.order)
        data[start : start + self.bytes_] = network.network_address.packed

    def _network(self, value: Value, name: str) -> Network:
        made = _NETWORKS[self.bytes_]
        if isinstance(value, made):
            return value
        if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
            value = value.network
        if isinstance(value, Mapping | int):
            value = None  # int is the number of an address, which nobody means by a network
        try:
            return made(value)
        except (ValueError, TypeError) as error:
            accepts = f"{_VERSIONS[self.bytes_]} network such as {_EXAMPLES[self.bytes_]}"
            raise EncodeError(value, accepts, name, str(error)) from error


_EXAMPLES = {4: "10.0.0.0/8", 16: "fd00::/8"}


def _address(value: Value, size: int, name: str) -> Address:
    made = _ADDRESSES[size]
    if isinstance(value, made):
        return value
    try:
        return made(value)
    except (ValueError, TypeError) as error:
        accepts = f"{_VERSIONS[size]} address, its text, {size} bytes or number"
        raise EncodeError(value, accepts, name) from error
