"""Longest prefix match: BPF_MAP_TYPE_LPM_TRIE (v4.11).

A key is a number of bits, four bytes in the machine's order, and then the bits, first one first.
"""

from __future__ import annotations

import ipaddress
import sys

from .base import Map


class LpmTrie(Map):
    """Values by prefix."""

    def prefix(self, bits: int, data: bytes) -> bytes:
        """The key of the first ``bits`` bits of ``data``, filled up with zeroes.

        Raises ValueError when there are not so many.
        """
        room = self.key_size - 4
        if len(data) > room or not 0 <= bits <= 8 * len(data):
            raise ValueError(f"{self.subject} has no room for {bits} bits of {len(data)} bytes")
        return bits.to_bytes(4, sys.byteorder) + data.ljust(room, b"\0")

    def network(self, text: str) -> bytes:
        """The key of a network such as ``10.0.0.0/8``."""
        net = ipaddress.ip_network(text)
        return self.prefix(net.prefixlen, net.network_address.packed)
