"""The cache of kernels: one directory a kernel, whole or not there, safe under concurrent runs.

    kernels/ID/KEY/      vmlinuz, vmlinux, config, lib/modules/RELEASE and entry.json
    locks/ID.lock        flock: shared while a kernel is used, exclusive while it is made or removed
    tmp/ID-XXXX/         a kernel in the making; renamed into place when everything in it is on disk
    apt/                 the package indexes (vmlab.sources.apt)

A kernel in the making belongs to the holder of its exclusive lock, so whoever gets the lock may
remove what an interrupted predecessor left in ``tmp``. Engines keep what they derive from kernels
in the same root.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vmlab.errors import CacheError
from vmlab.model import Kernel, KernelImage

ENTRY_NAME = "entry.json"
FORMAT = 1
"""Raised when the layout of an entry changes, so that older entries are made anew."""

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached kernel. ``stands_for`` is the request it answers, which outlives a lost pin."""

    id: str
    release: str
    digest: str
    stands_for: str
    origin: str
    image_size: int
    size: int
    notice: str = ""
    """What a user must know whenever this kernel is used, such as: the pinned one was gone."""


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return ``$VMLAB_CACHE``, else ``bpfkit-vmlab`` under ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := environ.get("VMLAB_CACHE"):
        return Path(own).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME") or ""
    # The XDG specification says that a relative path is to be ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "bpfkit-vmlab"


class Cache:
    """The kernels under one root directory. The root is made when something is first written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, kernel_id: str, digest: str) -> Path:
        """Return where the entry with this digest is or would be."""
        return self.root / "kernels" / kernel_id / digest[:16]

    def find(self, kernel_id: str, stands_for: str) -> Entry | None:
        """Return the entry that answers a request, or None; a damaged one is a `CacheError`."""
        for entry in self.entries(kernel_id):
            if entry.stands_for == stands_for:
                self._check(entry)
                return entry
        return None

    def entries(self, kernel_id: str | None = None) -> list[Entry]:
        """Return the entries of one kernel, or of all; a damaged description is a `CacheError`."""
        pattern = f"{kernel_id or '*'}/*/{ENTRY_NAME}"
        found = (self.read(path.parent) for path in sorted((self.root / "kernels").glob(pattern)))
        return [entry for entry in found if entry is not None]

    def read(self, directory: Path) -> Entry | None:
        """Read one entry; None when there is none or it has an older format."""
        path = directory / ENTRY_NAME
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                return None
            entry = Entry(**data)
        except FileNotFoundError:  # removed between the listing and the reading
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(directory.parent.name, path, str(error)) from error
        if entry.id != directory.parent.name or entry.digest[:16] != directory.name:
            raise self._damaged(directory.parent.name, path, "it describes another kernel")
        return entry

    def drop_damaged(self, kernel_id: str) -> None:
        """Remove entries whose description is damaged; the caller holds the exclusive lock."""
        for directory in sorted((self.root / "kernels" / kernel_id).glob("*")):
            try:
                self.read(directory)
            except CacheError:
                self.remove_tree(directory)

    def image(self, entry: Entry, kernel: Kernel) -> KernelImage:
        """Return an entry as something to boot."""
        directory = self.directory(entry.id, entry.digest)
        modules = directory / "lib" / "modules" / entry.release
        config = directory / "config"
        return KernelImage(
            id=entry.id,
            release=entry.release,
            image=directory / "vmlinuz",
            modules=modules if modules.is_dir() else None,
            config=config if config.is_file() else None,
            digest=entry.digest,
            origin=entry.origin,
            cmdline=kernel.cmdline,
        )

    @contextlib.contextmanager
    def hold(
        self, kernel_id: str, *, exclusive: bool, notice: Notice | None = None
    ) -> Iterator[None]:
        """Hold the lock of a kernel; without ``notice`` a busy lock is a `CacheError` at once."""
        descriptor = self._open_lock(kernel_id)
        try:
            mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if notice is None:
                    raise CacheError(f"kernel {kernel_id} is in use by another vmlab") from error
                notice(f"waiting for another vmlab to finish with kernel {kernel_id}")
                fcntl.flock(descriptor, mode)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def stage(self, kernel_id: str) -> Iterator[Path]:
        """Give a directory to make a kernel in; the caller holds the exclusive lock of that kernel.

        Whatever happens inside, the directory is gone afterwards. A full disk is a `CacheError`.
        """
        with self.guard_disk():
            self.clear_stale(kernel_id)
            base = self._ensure("tmp")
            directory = Path(tempfile.mkdtemp(prefix=f"{kernel_id}-", dir=base))
        try:
            with self.guard_disk():
                yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def commit(self, staged: Path, entry: Entry) -> None:
        """Move a kernel made in a staged directory into place, after all of it is on disk."""
        with self.guard_disk():
            text = json.dumps({"format": FORMAT, **asdict(entry)}, indent=1)
            (staged / ENTRY_NAME).write_text(text + "\n", encoding="utf-8")
            _sync_filesystem(staged)
            target = self.directory(entry.id, entry.digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                # Only --force and a damaged entry come here; rename cannot replace a full
                # directory.
                target.rename(Path(tempfile.mkdtemp(dir=staged.parent)) / "old")
            staged.rename(target)
            _sync_directory(target.parent)

    def clear_stale(self, kernel_id: str) -> None:
        """Remove what interrupted runs left of a kernel; the caller holds its exclusive lock."""
        for leftover in (self.root / "tmp").glob(f"{kernel_id}-*"):
            # "6.1-XXXX" must not match the files of a kernel called "6.1-rt".
            if "-" not in leftover.name.removeprefix(f"{kernel_id}-"):
                shutil.rmtree(leftover, ignore_errors=True)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory of the cache; it vanishes in one step, then its space is freed."""
        with self.guard_disk():
            grave = Path(tempfile.mkdtemp(prefix="removed-", dir=self._ensure("tmp")))
            with contextlib.suppress(FileNotFoundError):  # another vmlab was faster
                path.rename(grave / path.name)
            shutil.rmtree(grave, ignore_errors=True)

    @contextlib.contextmanager
    def guard_disk(self) -> Iterator[None]:
        """Turn what the file system refuses into a `CacheError` that says what to do."""
        try:
            yield
        except OSError as error:
            raise self.disk_error(error) from error

    def disk_error(self, error: OSError) -> CacheError:
        """Return the `CacheError` that explains a failure of the file system below the cache."""
        where = error.filename or self.root
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return CacheError(
                f"no space left for the cache {self.root}",
                "free some with: vmlab prune, or set VMLAB_CACHE to a larger disk",
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return CacheError(
                f"the cache {self.root} is not writable ({where}: {error.strerror})",
                "set VMLAB_CACHE to a directory of yours",
            )
        return CacheError(
            f"the cache {self.root} failed at {where}: {error.strerror or error}",
            "set VMLAB_CACHE to a directory of yours",
        )

    def _open_lock(self, kernel_id: str) -> int:
        with self.guard_disk():
            path = self._ensure("locks") / f"{kernel_id}.lock"
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _ensure(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _check(self, entry: Entry) -> None:
        """Look whether the files an entry must have are there; cheap enough for every run."""
        directory = self.directory(entry.id, entry.digest)
        try:
            size = (directory / "vmlinuz").stat().st_size
        except OSError as error:
            raise self._damaged(entry.id, directory / "vmlinuz", error.strerror or "") from error
        if size != entry.image_size:
            raise self._damaged(entry.id, directory / "vmlinuz", "its size is wrong")
        modules = directory / "lib" / "modules" / entry.release
        if modules.is_dir() and not (modules / "modules.dep").is_file():
            raise self._damaged(entry.id, modules / "modules.dep", "it is missing")

    def _damaged(self, kernel_id: str, path: Path, why: str) -> CacheError:
        return CacheError(
            f"the cached kernel {kernel_id} is damaged ({path}: {why})",
            f"fetch it again with: vmlab fetch --force {kernel_id}",
        )


def tree_size(path: Path) -> int:
    """Return the bytes a file or directory takes on disk, holes not counted."""
    if not path.is_dir():
        return _blocks(path)
    return sum(_blocks(Path(base) / name) for base, _, files in os.walk(path) for name in files)


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:  # removed meanwhile
        return 0


def _sync_filesystem(path: Path) -> None:
    """Write the file system that holds ``path`` to disk: one call in place of thousands."""
    import ctypes  # imported here: a cached run writes nothing

    descriptor = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
