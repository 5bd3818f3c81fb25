"""Sharing a cache between processes: locks, and a clear word when the disk is full."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from vmlab.errors import CacheError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the block, waiting for it; the kernel drops it if we die."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def making(place: Path) -> Iterator[None]:
    """Turn what the filesystem refuses during the block into a CacheError about ``place``."""
    try:
        yield
    except OSError as error:
        # When a copy meets a full disk, the name in the error is that of the file it was to copy.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = place if full else error.filename or place
        raise CacheError(
            f"{where}: {error.strerror or error}", "vmlab prune frees space, VMLAB_CACHE moves it"
        ) from error
