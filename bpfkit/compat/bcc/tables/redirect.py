"""Tables that XDP programs redirect packets through: devices, CPUs, AF_XDP sockets."""

from __future__ import annotations

import socket

from .arrays import SlotArray
from .base import TableBase
from .bulk import CData
from .descriptors import Descriptors
from .hashes import HashTable


class Devices(TableBase):
    """What tables of network devices share: a leaf may be a device's index or its name.

    Raises OSError for a name no device has.
    """

    def _leaf(self, leaf: CData) -> CData:
        if isinstance(leaf, bytes):
            leaf = leaf.decode()
        index = socket.if_nametoindex(leaf) if isinstance(leaf, str) else leaf
        return super()._leaf(self.Leaf(index) if isinstance(index, int) else index)


class DevMap(Devices, SlotArray):
    """Devices by index: BPF_MAP_TYPE_DEVMAP (v4.14)."""


class DevMapHash(Devices, HashTable):
    """Devices by key: BPF_MAP_TYPE_DEVMAP_HASH (v5.4), which bcc cannot open."""


class CpuMap(SlotArray):
    """CPUs to process packets on: BPF_MAP_TYPE_CPUMAP (v4.15). A leaf is the queue's length."""

    def _leaf(self, leaf: CData) -> CData:
        return super()._leaf(self.Leaf(leaf) if isinstance(leaf, int) else leaf)


class XskMap(Descriptors, SlotArray):
    """AF_XDP sockets by queue: BPF_MAP_TYPE_XSKMAP (v4.18). A leaf is a socket or its number."""
