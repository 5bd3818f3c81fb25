"""A kernel's facts in one file, so that any machine can compile for that kernel.

Layout, little endian: `MAGIC` (8 bytes), the format's version (u32), the length of the index (u32),
the index, the sections. The index is JSON under zlib: the scalar facts, and for each section
``[offset, stored bytes, plain bytes]``, the offset counted from the end of the index. Sections are
under zlib, whose checksum covers them:

    btf/vmlinux, btf/MODULE   types, as in /sys/kernel/btf
    tracepoints               JSON: CATEGORY/EVENT to the text of its format
    config                    the kernel's configuration, missing when it was unknown
    symbols                   sorted names of kallsyms, one in each line; addresses are left out
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from ..btf.decode import decode
from ..btf.types import Btf
from ..errors import FormatError
from .facts import LiveFacts
from .kconfig import parse_kconfig
from .version import Version

MAGIC = b"\x89bpfkit\n"
FORMAT = 1
"""Raised when an older reader would misunderstand a file. Additions are new sections."""
LARGEST_BYTES = 1 << 28
"""What a section may grow to: vmlinux BTF is 4 to 8 MB, the symbols of a kernel 3 to 6."""

_HEAD = struct.Struct("<8sII")
# What the index must have, and of which type.
_SCALARS: dict[str, type] = {
    "release": str,
    "version_text": str,
    "arch": str,
    "version": list,
    "possible_cpus": int,
    "online_cpus": int,
    "sections": dict,
}


def record(facts: LiveFacts) -> bytes:
    """Return the facts of a live kernel as the content of a file.

    Raises NotSupportedError when its BTF or its tracefs cannot be read, usually for want of root.
    """
    _ = facts.tracefs.path
    formats = {
        f"{category}/{event}": facts.tracepoint_format(category, event) or ""
        for category, event in facts.tracefs.events()
    }
    sections = {"btf/vmlinux": facts.btf_bytes("vmlinux")}
    for module in facts.modules_with_btf():
        sections[f"btf/{module}"] = facts.btf_bytes(module)
    sections["tracepoints"] = json.dumps(formats, sort_keys=True).encode()
    config = facts.config_text()
    if config is not None:
        sections["config"] = config.encode("utf-8", "surrogateescape")
    sections["symbols"] = b"\n".join(sorted(facts.kallsyms.names()))
    scalars = {
        "release": facts.release,
        "version_text": facts.version_text,
        "arch": facts.arch,
        "version": list(facts.version),
        "possible_cpus": facts.possible_cpus,
        "online_cpus": facts.online_cpus,
    }
    return emit_recording(scalars, sections)


def emit_recording(scalars: Mapping[str, object], sections: Mapping[str, bytes]) -> bytes:
    """Return the content of a file with these facts."""
    table: dict[str, list[int]] = {}
    stored = []
    offset = 0
    for name, plain in sections.items():
        packed = zlib.compress(plain, 6)
        table[name] = [offset, len(packed), len(plain)]
        stored.append(packed)
        offset += len(packed)
    index = zlib.compress(json.dumps({**scalars, "sections": table}).encode())
    return b"".join([_HEAD.pack(MAGIC, FORMAT, len(index)), index, *stored])


class RecordedFacts:
    """Facts out of a recording: all that the compiler's ``KernelFacts`` asks.

    Sections are unpacked when first asked for. Raises FormatError where the data is damaged.
    """

    def __init__(self, data: bytes, name: str = "the recording") -> None:
        """Check the index of ``data``, the content of a file; ``name`` is for messages."""
        self._data = data
        self._name = name
        self._index, self._start = _read_index(data, name)
        self.release: str = self._index["release"]
        """The release name: "6.1.0-13-amd64"."""
        self.version_text: str = self._index["version_text"]
        """What uname(2) calls version."""
        self.arch: str = self._index["arch"]
        """The architecture, as ``Target.arch`` names it."""
        major, minor, sub = self._index["version"]
        self.version: Version = (major, minor, sub)
        """Version, patch level, sublevel."""
        self.possible_cpus: int = self._index["possible_cpus"]
        """How many CPUs could ever be present there."""
        self.online_cpus: int = self._index["online_cpus"]
        """How many CPUs ran there."""
        self._modules: dict[str, Btf | None] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises FormatError when it is none of ours, OSError when it cannot be
        read.
        """
        return cls(path.read_bytes(), str(path))

    @cached_property
    def btf(self) -> Btf:
        """The kernel's own types."""
        return decode(self.btf_bytes("vmlinux"))

    def btf_bytes(self, module: str) -> bytes:
        """The types of "vmlinux" or a module as the kernel gave them."""
        return self._required(f"btf/{module}")

    def btf_identity(self, module: str) -> str:
        """A name for the types of "vmlinux" or a module, "" for a module without."""
        row = self._index["sections"].get(f"btf/{module}")
        if row is None:
            return ""
        at = self._start + row[0]
        return blake2b(self._data[at : at + row[1]], digest_size=20).hexdigest()

    def module_btf(self, module: str) -> Btf | None:
        """A module's types on top of the kernel's; None when it was not loaded or had none."""
        if module not in self._modules:
            data = self._section(f"btf/{module}") if module in self.modules_with_btf() else None
            self._modules[module] = None if data is None else decode(data, self.btf)
        return self._modules[module]

    def modules_with_btf(self) -> list[str]:
        """Names of the modules that were loaded and brought BTF."""
        start = "btf/"
        names = (name for name in self._index["sections"] if name.startswith(start))
        return sorted(name.removeprefix(start) for name in names if name != "btf/vmlinux")

    def tracepoint_format(self, category: str, event: str) -> str | None:
        """The text of an event's format, None when there was no such event."""
        return self._formats.get(f"{category}/{event}")

    def tracepoints(self, category: str) -> list[str]:
        """Names of the events of a category."""
        start = f"{category}/"
        return [name.removeprefix(start) for name in self._formats if name.startswith(start)]

    def config(self, option: str) -> str | None:
        """Value of a CONFIG option, None when it was unset or the configuration unknown."""
        return self._config.get(option if option.startswith("CONFIG_") else f"CONFIG_{option}")

    def config_text(self) -> str | None:
        """The kernel's configuration, None when it was unknown."""
        data = self._section("config")
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def has_symbol(self, name: str) -> bool:
        """Whether kallsyms listed ``name``."""
        return b"\n%b\n" % name.encode("utf-8", "surrogateescape") in self._symbols

    @cached_property
    def _config(self) -> dict[str, str]:
        return parse_kconfig(self.config_text() or "")

    @cached_property
    def _formats(self) -> dict[str, str]:
        try:
            found = json.loads(self._required("tracepoints"))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{self._name}: its tracepoints are no JSON ({error})") from error
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise FormatError(f"{self._name}: its tracepoints are not names with texts")
        return found

    @cached_property
    def _symbols(self) -> bytes:
        return b"\n%b\n" % self._required("symbols")

    def _required(self, section: str) -> bytes:
        data = self._section(section)
        if data is None:
            raise FormatError(f"{self._name}: it has no section '{section}'")
        return data

    def _section(self, section: str) -> bytes | None:
        """Unpack a section, None when there is none of that name."""
        row = self._index["sections"].get(section)
        if row is None:
            return None
        offset, stored, plain = row
        at = self._start + offset
        return _unpack(self._data[at : at + stored], plain, at, f"{self._name}: '{section}'")


def _read_index(data: bytes, name: str) -> tuple[dict[str, Any], int]:
    """Return the index of a recording, checked, and where the sections start."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise FormatError(f"{name} is no recording of a kernel's facts", 0)
    _, version, length = _HEAD.unpack_from(data)
    if version > FORMAT:
        raise FormatError(
            f"{name} has format {version}, and this bpfkit reads up to {FORMAT}; "
            "update bpfkit here, or record again with this one",
            len(MAGIC),
        )
    start = _HEAD.size + length
    if start > len(data):
        raise FormatError(f"{name} is cut off in its index", len(data))
    try:
        index = json.loads(_unpack(data[_HEAD.size : start], None, _HEAD.size, f"{name}: 'index'"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: its index is no JSON ({error})", _HEAD.size) from error
    problem = _problem(index, len(data) - start)
    if problem:
        raise FormatError(f"{name}: {problem}", _HEAD.size)
    return index, start


def _problem(index: object, room: int) -> str:
    """Return what is wrong with an index, "" when nothing is."""
    if not isinstance(index, dict):
        return "its index is no object"
    for key, kind in _SCALARS.items():
        if not isinstance(index.get(key), kind):
            return f"its index has no proper '{key}'"
    if len(index["version"]) != 3 or not all(isinstance(n, int) for n in index["version"]):
        return "its version is not three numbers"
    if min(index["possible_cpus"], index["online_cpus"]) < 1:
        return "it has no CPU"
    for section, row in index["sections"].items():
        numbers = isinstance(row, list) and all(isinstance(n, int) and n >= 0 for n in row)
        if not numbers or len(row) != 3 or row[2] > LARGEST_BYTES:
            return f"its section '{section}' has no proper place"
        if row[0] + row[1] > room:
            return f"it is cut off in its section '{section}'"
    return ""


def _unpack(packed: bytes, plain: int | None, at: int, what: str) -> bytes:
    """Decompress data that starts at byte ``at``; ``plain`` is its length, None where unknown."""
    limit = LARGEST_BYTES if plain is None else plain
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise FormatError(f"{what} is damaged ({error})", at) from error
    if len(data) > limit or (unpacker.eof and plain not in (None, len(data))):
        raise FormatError(f"{what} is not as long as it should be", at)
    if not unpacker.eof:
        raise FormatError(f"{what} is cut off", at + len(packed))
    return data
