"""From names to type ids, made once for one BTF and fast enough for a kernel's 70,000 names.

An offset into the strings stands for a name as long as possible; only questions are turned into
offsets.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, count
from operator import add

from ..uapi.btf import BtfKind

# So many names are looked for one by one (a millisecond each in a kernel's strings); for more of
# them a table is made.
_FEW = 24


class NameIndex:
    """Names of types and enumerators of one BTF; those of its base have an index of their own."""

    __slots__ = (
        "_begins",
        "_enums",
        "_first",
        "_first_string",
        "_heads",
        "_odd",
        "_others",
        "_searches",
        "_starts",
        "_strings",
        "_words",
    )

    def __init__(
        self, strings: bytes, first_string: int, words: array[int], starts: array[int], first: int
    ) -> None:
        self._first = first
        self._first_string = first_string
        self._strings = strings
        self._words = words
        self._starts = starts
        self._begins: dict[bytes, int] | None = None
        self._enums: dict[int, int] | None = None
        self._searches = 0
        # Everything runs over all types, so it is left to loops in C as far as possible.
        offsets = [words[at] for at in starts]
        last = first + len(offsets) - 1
        self._heads = dict(zip(reversed(offsets), range(last, first - 1, -1), strict=True))
        self._others: dict[int, list[int]] = {}
        heads = self._heads
        for type_id, offset in enumerate(offsets, first):
            if offset and heads[offset] != type_id:
                self._others.setdefault(offset, []).append(type_id)
        self._heads.pop(0, None)
        self._odd = _shared_tails(heads, strings, first_string)

    def offsets_of(self, name: str) -> list[int]:
        """Return where ``name`` stands in the strings."""
        key = name.encode("utf-8", "surrogateescape")
        if self._begins is None:
            self._searches += 1
            if self._searches <= _FEW:
                return self._search(key) + self._odd.get(key, [])
            self._begins = self._index_strings()
        found = self._begins.get(key)
        more = self._odd.get(key, [])
        return more if found is None else [found, *more]

    def _search(self, key: bytes) -> list[int]:
        """Find every whole string that is ``key``."""
        found = [self._first_string] if self._strings.startswith(key + b"\0") else []
        at = self._strings.find(b"\0" + key + b"\0")
        while at >= 0:
            found.append(self._first_string + at + 1)
            at = self._strings.find(b"\0" + key + b"\0", at + 1)
        return found

    def _index_strings(self) -> dict[bytes, int]:
        """Map every string to its offset; those that stand there twice join the odd ones."""
        pieces = self._strings.split(b"\0")[:-1]
        ends = accumulate(map(len, pieces), initial=self._first_string)
        offsets = list(map(add, ends, count()))[: len(pieces)]
        begins = dict(zip(pieces, offsets, strict=True))
        if len(begins) != len(pieces):
            for piece, offset in zip(pieces, offsets, strict=True):
                if begins[piece] != offset:
                    self._odd.setdefault(piece, []).append(offset)
        return begins

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


def _shared_tails(used: dict[int, int], strings: bytes, first: int) -> dict[bytes, list[int]]:
    """Collect offsets into the middle of a string; compilers and pahole write none."""
    before = map((-first - 1).__add__, used)
    if not any(map(strings.__getitem__, filter((-1).__lt__, filter(len(strings).__gt__, before)))):
        return {}
    found: dict[bytes, list[int]] = {}
    for offset in used:
        begin = offset - first
        end = strings.find(b"\0", begin) if 0 < begin < len(strings) else -1
        if end >= 0 and strings[begin - 1]:
            found.setdefault(strings[begin:end], []).append(offset)
    return found
