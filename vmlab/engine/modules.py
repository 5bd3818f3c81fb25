"""The modules a guest needs before it can reach its root, in the order they must be loaded.

Facts come from what depmod and the kernel's build leave beside the modules: ``modules.dep`` (hard
dependencies), ``modules.softdep`` (libcrc32c needs a crc32c implementation first, which no symbol
says), ``modules.builtin`` and ``modules.alias``.
"""

from __future__ import annotations

import fnmatch
import gzip
import lzma
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmlab.errors import EngineError, ToolMissingError

BOOT_MODULES: Mapping[str, str] = {
    "virtio_pci": "CONFIG_VIRTIO_PCI",
    "virtio_blk": "CONFIG_VIRTIO_BLK",
    "virtio_console": "CONFIG_VIRTIO_CONSOLE",
    "erofs": "CONFIG_EROFS_FS",
    "9pnet_virtio": "CONFIG_NET_9P_VIRTIO",
    "9p": "CONFIG_9P_FS",
    "overlay": "CONFIG_OVERLAY_FS",
}
"""What a guest cannot start without, and the option that makes it."""


@dataclass(frozen=True, slots=True)
class ModuleIndex:
    """What a directory of modules says of itself; names have underscores, paths begin there."""

    depends: Mapping[str, tuple[str, ...]]
    """Path of each module to the paths it depends on, the nearest first."""
    soft: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name to the names or aliases to load before it, if they exist."""
    builtin: frozenset[str] = frozenset()
    aliases: tuple[tuple[str, str], ...] = ()
    """Pattern and module name, for the soft dependencies that name an alias."""


def module_name(path: str) -> str:
    """Return the name of the module at ``path``: ``a/x-y.ko.xz`` is ``x_y``."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def read_index(directory: Path) -> ModuleIndex:
    """Read the index files of ``directory``.

    Raises EngineError if it holds no ``modules.dep``.
    """
    try:
        dep = (directory / "modules.dep").read_text(encoding="ascii")
    except OSError as error:
        raise EngineError(
            f"{directory}/modules.dep cannot be read: {error}", "run depmod"
        ) from None
    builtin = _read(directory / "modules.builtin")
    soft = parse_softdep(_read(directory / "modules.softdep"))
    # The alias file is long, and only a soft dependency can name an alias.
    alias = parse_alias(_read(directory / "modules.alias")) if soft else ()
    return ModuleIndex(
        parse_dep(dep), soft, frozenset(module_name(line) for line in builtin.splitlines()), alias
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def parse_dep(text: str) -> dict[str, tuple[str, ...]]:
    """Parse modules.dep: ``path: path path`` per line."""
    depends = {}
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if colon:
            depends[path.strip()] = tuple(rest.split())
    return depends


def parse_softdep(text: str) -> dict[str, tuple[str, ...]]:
    """Parse modules.softdep: ``softdep name pre: a b post: c`` per line, ``pre:`` if neither is."""
    soft: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or words[0] != "softdep":
            continue
        before, into_pre = [], True
        for word in words[2:]:
            if word in ("pre:", "post:"):
                into_pre = word == "pre:"
            elif into_pre:
                before.append(word)
        name = words[1].replace("-", "_")
        soft[name] = (*soft.get(name, ()), *before)
    return soft


def parse_alias(text: str) -> tuple[tuple[str, str], ...]:
    """Parse modules.alias: ``alias pattern name`` per line."""
    rows = (line.split() for line in text.splitlines())
    return tuple((row[1], row[2]) for row in rows if len(row) == 3 and row[0] == "alias")


def closure(index: ModuleIndex, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the paths to load for ``names``, in order, and those names that are nowhere.

    A soft dependency that is nowhere is left out in silence, as modprobe does.
    """
    by_name = {module_name(path): path for path in index.depends}
    order: list[str] = []
    missing: list[str] = []
    for name in names:
        path = by_name.get(name.replace("-", "_"))
        if path is not None:
            _visit(index, by_name, path, order, set())
        elif name.replace("-", "_") not in index.builtin:
            missing.append(name)
    return order, missing


def _visit(
    index: ModuleIndex, by_name: Mapping[str, str], path: str, order: list[str], active: set[str]
) -> None:
    if path in order or path in active:
        return
    active.add(path)
    for wanted in index.soft.get(module_name(path), ()):
        for name in _resolve(index, by_name, wanted):
            _visit(index, by_name, by_name[name], order, active)
    for dependency in reversed(index.depends.get(path, ())):
        _visit(index, by_name, dependency, order, active)
    order.append(path)


def _resolve(index: ModuleIndex, by_name: Mapping[str, str], wanted: str) -> list[str]:
    """Return the modules that ``wanted``, a name or an alias, stands for."""
    plain = wanted.replace("-", "_")
    if plain in by_name or plain in index.builtin:
        return [plain] if plain in by_name else []
    found = (
        name.replace("-", "_")
        for pattern, name in index.aliases
        if fnmatch.fnmatchcase(wanted, pattern) or fnmatch.fnmatchcase(plain, pattern)
    )
    return [name for name in dict.fromkeys(found) if name in by_name]


def read_module(path: Path) -> bytes:
    """Return a module uncompressed; busybox and kernels before v5.17 load no other kind.

    Raises EngineError on a compression we do not know, ToolMissingError when zstd is not installed.
    """
    data = path.read_bytes()
    match path.suffix:
        case ".ko":
            return data
        case ".xz":
            return lzma.decompress(data)
        case ".gz":
            return gzip.decompress(data)
        case ".zst":
            try:
                return subprocess.run(
                    ["zstd", "-dcq"], input=data, check=True, capture_output=True
                ).stdout
            except FileNotFoundError:
                raise ToolMissingError("zstd is not installed", "apt install zstd") from None
    raise EngineError(f"{path} is compressed in a way the lab does not know")
