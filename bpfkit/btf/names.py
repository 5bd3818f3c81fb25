"""From names to type ids, made once for one BTF and fast enough for a kernel's 70,000 names.

An offset into the strings stands for a name as long as possible; only questions are turned into
offsets.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import accumulate, count
from operator import add

from ..uapi.btf import BtfKind


class NameIndex:
    """Names of types and enumerators of one BTF; those of its base have an index of their own.

    ``enums`` gives for the string offset of an enumerator the lowest enumeration that has it.
    """

    __slots__ = ("_first", "_heads", "_more", "_next", "_starts", "enums")

    def __init__(
        self, strings: bytes, first_string: int, words: array[int], starts: array[int], first: int
    ) -> None:
        self._first = first
        pieces = strings.split(b"\0")[:-1]
        ends = accumulate(map(len, pieces), initial=first_string)
        self._starts = dict(zip(pieces, map(add, ends, count()), strict=False))
        self._heads: dict[int, int] = {}
        self._next = array("I", bytes(4 * len(starts)))
        self.enums: dict[int, int] = {}
        self._fill(words, starts)
        self._more = self._find_more(strings, first_string)

    def offsets_of(self, name: str) -> list[int]:
        """Return where ``name`` stands in the strings."""
        key = name.encode("utf-8", "surrogateescape")
        found = self._starts.get(key)
        more = self._more.get(key, [])
        return more if found is None else [found, *more]

    def types_at(self, offset: int) -> Iterator[int]:
        """Give the ids of the types whose name is at ``offset``, lowest first."""
        # Positions count from 1, so that 0 can end a chain.
        at = self._heads.get(offset, 0) if offset else 0
        while at:
            yield self._first + at - 1
            at = self._next[at - 1]

    def _fill(self, words: array[int], starts: array[int]) -> None:
        """Chain the types of each name; walking backwards makes the chains ascend."""
        heads, following, enums = self._heads, self._next, self.enums
        get = heads.get
        enum, enum64 = int(BtfKind.ENUM), int(BtfKind.ENUM64)
        for at in range(len(starts) - 1, -1, -1):
            start = starts[at]
            offset = words[start]
            following[at] = get(offset, 0)
            heads[offset] = at + 1
            info = words[start + 1]
            kind = info >> 24 & 0x7F
            if kind in (enum, enum64):
                step = 2 if kind == enum else 3
                body = words[start + 3 : start + 3 + step * (info & 0xFFFFFF) : step]
                enums.update(dict.fromkeys(body, self._first + at))

    def _find_more(self, strings: bytes, first_string: int) -> dict[bytes, list[int]]:
        """Collect offsets in use that are not the one start of a string: shared tails, repeats."""
        used = self._heads.keys() | self.enums.keys()
        more: dict[bytes, list[int]] = {}
        for offset in used - set(self._starts.values()):
            begin = offset - first_string
            end = strings.find(b"\0", begin) if begin >= 0 else -1
            if end >= 0:
                more.setdefault(strings[begin:end], []).append(offset)
        return more
