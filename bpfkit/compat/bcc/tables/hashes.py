"""Hashes and the longest prefix match trie."""

from __future__ import annotations

from .base import TableBase


class HashTable(TableBase):
    """A hash: BPF_MAP_TYPE_HASH (v3.19)."""


class LruHash(HashTable):
    """A hash that drops what was not used for long when full: BPF_MAP_TYPE_LRU_HASH (v4.10)."""


class LpmTrie(TableBase):
    """Values by prefix: BPF_MAP_TYPE_LPM_TRIE (v4.11). A lookup finds the longest that matches.

    The key is a structure whose first member is the number of bits, ``prefixlen``.
    """

    def __len__(self) -> int:
        # bcc's trie does not say, and scripts that ask must find out the same way.
        raise NotImplementedError(
            f"table '{self.map.name}' is a trie, which does not tell its length; count its items()"
        )
