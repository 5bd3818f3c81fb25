"""From names to type ids, made once for one BTF and fast enough for a kernel's 70,000 names.

An offset into the strings stands for a name as long as possible; only questions are turned into
offsets.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, count
from operator import add

from ..uapi.btf import BtfKind


class NameIndex:
    """Names of types and enumerators of one BTF; those of its base have an index of their own."""

    __slots__ = ("_begins", "_enums", "_first", "_heads", "_more", "_others", "_starts", "_words")

    def __init__(
        self, strings: bytes, first_string: int, words: array[int], starts: array[int], first: int
    ) -> None:
        self._first = first
        self._words = words
        self._starts = starts
        self._enums: dict[int, int] | None = None
        # Everything runs over all types, so it is left to loops in C as far as possible.
        pieces = strings.split(b"\0")[:-1]
        ends = accumulate(map(len, pieces), initial=first_string)
        self._begins = dict(zip(pieces, map(add, ends, count()), strict=False))
        offsets = [words[at] for at in starts]
        last = first + len(offsets) - 1
        self._heads = dict(zip(reversed(offsets), range(last, first - 1, -1), strict=True))
        self._others: dict[int, list[int]] = {}
        heads = self._heads
        for type_id, offset in enumerate(offsets, first):
            if offset and heads[offset] != type_id:
                self._others.setdefault(offset, []).append(type_id)
        self._heads.pop(0, None)
        self._more = _odd_offsets(self._heads, self._begins, strings, first_string)

    def offsets_of(self, name: str) -> list[int]:
        """Return where ``name`` stands in the strings."""
        key = name.encode("utf-8", "surrogateescape")
        found = self._begins.get(key)
        more = self._more.get(key, [])
        return more if found is None else [found, *more]

    def types_at(self, offset: int) -> list[int]:
        """Return the ids of the types whose name is at ``offset``, lowest first."""
        head = self._heads.get(offset)
        return [] if head is None else [head, *self._others.get(offset, ())]

    def enum_at(self, offset: int) -> int | None:
        """Return the lowest enumeration that has an enumerator whose name is at ``offset``."""
        if self._enums is None:
            self._enums = self._index_enumerators()
        return self._enums.get(offset)

    def _index_enumerators(self) -> dict[int, int]:
        """Map the names of all enumerators; walking backwards the lowest type is what remains."""
        words = self._words
        found: dict[int, int] = {}
        kinds = frozenset((int(BtfKind.ENUM), int(BtfKind.ENUM64)))
        enums = [at for at in enumerate(self._starts) if words[at[1] + 1] >> 24 & 0x7F in kinds]
        for index, start in reversed(enums):
            info = words[start + 1]
            step = 2 if info >> 24 & 0x7F == BtfKind.ENUM else 3
            body = words[start + 3 : start + 3 + step * (info & 0xFFFFFF) : step]
            found.update(dict.fromkeys(body, self._first + index))
        return found


def _odd_offsets(
    used: dict[int, int], begins: dict[bytes, int], strings: bytes, first: int
) -> dict[bytes, list[int]]:
    """Collect offsets that are not the one begin of a string: shared tails and repeats.

    Compilers and pahole write none, so that this is one comparison for them.
    """
    odd = used.keys() - set(begins.values())
    more: dict[bytes, list[int]] = {}
    for offset in odd:
        begin = offset - first
        end = strings.find(b"\0", begin) if begin >= 0 else -1
        if end >= 0:
            more.setdefault(strings[begin:end], []).append(offset)
    return more
