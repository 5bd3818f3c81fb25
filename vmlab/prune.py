"""Freeing the cache's space: what can go, and removing it while nobody uses it.

Without orders only what can be made again without the network goes, and kernels that nothing asks
for any more. A kernel in use, or in the making, is locked and stays, and with it what belongs to no
kernel alone: whoever runs a kernel may be using that too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmlab.cache import Cache, tree_size
from vmlab.errors import CacheError
from vmlab.lock import Pin
from vmlab.model import Kernel
from vmlab.obtain import request

# What is not here was put by an engine, and can be made again.
_OURS = frozenset({"kernels", "locks", "tmp", "apt", "images", "vmlinux"})
_REMEMBERED = ("images", "vmlinux", "apt")

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can go. ``locks`` must be free for that."""

    path: Path
    what: str
    size: int
    locks: tuple[str, ...]


def plan_prune(
    cache: Cache,
    kernels: Collection[Kernel],
    pins: Mapping[str, Pin],
    *,
    named: Collection[str] = frozenset(),
    everything: bool = False,
    keep_derived: bool = False,
) -> list[Item]:
    """Return what would go: ``named`` kernels with what was made of them, the default, or all."""
    wanted = {
        (kernel.id, request(kernel, source, pins))
        for kernel in kernels
        for source in kernel.sources
    }
    every_lock = _every_lock(cache, kernels)
    items = []
    for path, kernel_id in _kernel_directories(cache):
        if everything or kernel_id in named:
            items.append(_item(path, f"kernel {kernel_id}", (kernel_id,)))
        elif not named and not _is_wanted(cache, path, kernel_id, wanted):
            items.append(_item(path, f"superseded kernel {kernel_id}", (kernel_id,)))
    if not named:
        items += _leftovers(cache, every_lock)
        items += [_item(cache.root / name, name, every_lock) for name in _REMEMBERED]
    if not keep_derived:
        items += _derived(cache, named, every_lock)
    return [item for item in items if item.path.exists()]


def remove(cache: Cache, item: Item, notice: Notice) -> bool:
    """Remove one item and say whether it went; what is in use stays, with a notice."""
    with contextlib.ExitStack() as held:
        try:
            for lock in item.locks:
                held.enter_context(cache.hold(lock, exclusive=True))
        except CacheError as error:
            notice(f"kept {item.path}: {error}")
            return False
        if item.path.exists():
            cache.remove_tree(item.path)
    return True


def _kernel_directories(cache: Cache) -> Iterator[tuple[Path, str]]:
    for path in sorted((cache.root / "kernels").glob("*/*")):
        yield path, path.parent.name


def _is_wanted(
    cache: Cache, path: Path, kernel_id: str, wanted: Collection[tuple[str, str]]
) -> bool:
    try:
        entry = cache.read(path)
    except CacheError:  # a damaged entry serves nobody
        return False
    return entry is not None and (kernel_id, entry.stands_for) in wanted


def _every_lock(cache: Cache, kernels: Collection[Kernel]) -> tuple[str, ...]:
    """The locks one of which whoever runs or makes a kernel holds: "image" is for a user's own."""
    taken = (path.stem for path in (cache.root / "locks").glob("*.lock"))
    return tuple(sorted({"image", *taken, *(kernel.id for kernel in kernels)}))


def _leftovers(cache: Cache, every_lock: tuple[str, ...]) -> Iterator[Item]:
    for path in sorted((cache.root / "tmp").glob("*")):
        owner = path.name.rpartition("-")[0]
        # Whoever makes a kernel holds its lock; a directory half removed belongs to nobody; others
        # are the workplaces of an engine, and do not say of which kernel.
        locks = () if owner == "removed" else (owner,) if owner in every_lock else every_lock
        yield _item(path, "left by an interrupted run", locks)


def _derived(cache: Cache, named: Collection[str], every_lock: tuple[str, ...]) -> Iterator[Item]:
    """What engines made: files named after a kernel belong to it, others to all of them."""
    for room in sorted(cache.root.glob("*")):
        if room.name in _OURS or not room.is_dir():  # a file there only remembers an answer
            continue
        if not named:
            yield _item(room, f"made by engines: {room.name}", every_lock)
        else:
            for path in sorted(room.iterdir()):
                for kernel_id in named:
                    if path.name.startswith(f"{kernel_id}-") or _kernel_of(path) == kernel_id:
                        # What an image run in its place needs is named so too; its lock is not.
                        locks = (kernel_id, "image")
                        yield _item(path, f"made of kernel {kernel_id}: {room.name}", locks)


def _kernel_of(path: Path) -> str | None:
    """Return the kernel that a saved guest says it is of."""
    try:
        return str(json.loads((path / "snapshot.json").read_text(encoding="utf-8"))["kernel"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _item(path: Path, what: str, locks: tuple[str, ...]) -> Item:
    return Item(path, what, tree_size(path), locks)
