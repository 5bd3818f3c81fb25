"""`OwnedFd`: a descriptor that somebody has to close, and is told about when nobody did."""

from __future__ import annotations

import os
import warnings
import weakref
from types import TracebackType
from typing import Self


class OwnedFd:
    """An open descriptor. ``what`` names it in warnings and errors: "map 'counts'"."""

    __slots__ = ("__weakref__", "_fd", "_finalizer", "what")

    def __init__(self, fd: int, what: str) -> None:
        """Take over ``fd``: from now on it is closed here and nowhere else."""
        self._fd = fd
        self.what = what
        # The callback gets plain values: a reference to self would keep it alive for ever.
        self._finalizer = weakref.finalize(self, _close_leaked, fd, what)
        self._finalizer.atexit = False  # the kernel closes descriptors at exit by itself

    @classmethod
    def duplicate(cls, fd: int, what: str) -> Self:
        """Another descriptor of what ``fd`` stands for; ``fd`` stays its owner's."""
        return cls(os.dup(fd), what)

    def fileno(self) -> int:
        """The number. Raises ValueError when it is closed."""
        if self._fd < 0:
            raise ValueError(f"the descriptor of {self.what} is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        """True after `close` or `detach`."""
        return self._fd < 0

    def close(self) -> None:
        """Close now. Calling it twice is harmless."""
        # Forget the number first: the kernel may hand it to another file at once.
        fd, self._fd = self._fd, -1
        if self._finalizer.detach() is not None:
            os.close(fd)

    def detach(self) -> int:
        """Give the number away; the caller has to close it. Raises ValueError when closed."""
        fd = self.fileno()
        self._fd = -1
        self._finalizer.detach()
        return fd

    def __repr__(self) -> str:
        return f"<OwnedFd {'closed' if self.closed else self._fd}: {self.what}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _close_leaked(fd: int, what: str) -> None:
    # Close first: a filter may turn the warning into an exception.
    os.close(fd)
    warnings.warn(f"{what} was never closed", ResourceWarning, stacklevel=2)
