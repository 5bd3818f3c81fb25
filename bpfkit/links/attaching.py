"""The moment of attaching something that outlives descriptors.

The link is made first, so that whatever interrupts us there is somebody who undoes. What the kernel
refused is not undone: the same program may be there on behalf of another link.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from ..errors import SyscallError
from .base import Link


class Undoing(Protocol):
    """What a link's ``undo`` belongs to; it does nothing but let go when it is not ``armed``."""

    armed: bool


@contextlib.contextmanager
def attaching(link: Link, undoing: Undoing) -> Iterator[None]:
    """Close ``link`` when attaching fails; undo only what may have been done."""
    try:
        yield
    except SyscallError:
        undoing.armed = False
        link.close()
        raise
    except BaseException:
        link.close()
        raise
