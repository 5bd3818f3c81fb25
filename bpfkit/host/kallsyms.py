"""/proc/kallsyms: every symbol of the kernel and its modules.

There are some 200,000 of them, so the text is kept as bytes and only taken apart when somebody asks
for more than one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self


class Symbol(NamedTuple):
    """A line. ``module`` is empty for the kernel itself; ``address`` is 0 when it is hidden."""

    address: int
    kind: str
    name: str
    module: str


class Kallsyms:
    """The symbols as they were when read."""

    def __init__(self, data: bytes) -> None:
        """``data`` is the file's content: ``ADDRESS KIND NAME[\\t[MODULE]]`` in each line."""
        self._data = data

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read the running kernel's; without the file there are no symbols."""
        try:
            return cls((root / "proc/kallsyms").read_bytes())
        except OSError:
            return cls(b"")

    def __contains__(self, name: str) -> bool:
        key = name.encode("utf-8", "surrogateescape")
        # A name ends the line, or a tab and the module follow.
        return b" %b\n" % key in self._data or b" %b\t" % key in self._data

    def lines(self) -> list[bytes]:
        """The lines as they are, for who wants to take few of them apart."""
        return self._data.splitlines()

    def names(self) -> set[bytes]:
        """The names alone, each once."""
        # ADDRESS KIND NAME, and a tab with the module behind some.
        fields = (line.split(None, 3) for line in self.lines())
        return {line[2] for line in fields if len(line) > 2}

    def addresses(self, name: str) -> list[int]:
        """Addresses of the symbols with this name, in the order of the file."""
        key = b" %b" % name.encode("utf-8", "surrogateescape")
        found = []
        at = self._data.find(key)
        while at >= 0:
            end = at + len(key)
            if self._data[end : end + 1] in (b"\n", b"\t", b""):
                start = self._data.rfind(b"\n", 0, at) + 1
                found.append(int(self._data[start:].split(b" ", 1)[0], 16))
            at = self._data.find(key, end)
        return found

    def symbols(self) -> Iterator[Symbol]:
        """Give every symbol, in the order of the file."""
        for line in self._data.decode("utf-8", "surrogateescape").splitlines():
            fields = line.split(None, 3)
            if len(fields) < 3:
                continue
            module = fields[3].strip("[]") if len(fields) == 4 else ""
            yield Symbol(int(fields[0], 16), fields[1], fields[2], module)
