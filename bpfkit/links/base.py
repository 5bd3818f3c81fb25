"""What all links share.

A `Link` is one attachment of a program to a hook. Closing it detaches. Most attachments live in
descriptors and end with the process by themselves; those that do not (tracefs entries, XDP set
through netlink) bring an ``undo``, which also runs when the interpreter exits. What else a link can
do depends on the kernel's idea of it: see `bpf_link.BpfLink` for all of it.
"""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Protocol, Self

from ..errors import NotSupportedError
from ..uapi.bpf import ProgType
from .leaving import undone_at_sigterm

if TYPE_CHECKING:
    from ..syscalls.requests import LinkInfo


class Method(StrEnum):
    """How an attachment was made."""

    LINK = "bpf_link"
    PERF = "perf ioctl"  # PERF_EVENT_IOC_SET_BPF, before Linux 5.15
    RAW_TRACEPOINT = "BPF_RAW_TRACEPOINT_OPEN"
    NETLINK = "netlink"
    COMMAND = "BPF_PROG_ATTACH"
    SOCKET = "setsockopt"
    MAP = "BPF_MAP_UPDATE_ELEM"  # struct_ops without a link, before Linux 6.4


class Attachable(Protocol):
    """A loaded program, as far as attaching needs it."""

    @property
    def name(self) -> str:
        """The program's name."""

    @property
    def type(self) -> ProgType:
        """What it was loaded as."""

    def fileno(self) -> int:
        """Its descriptor."""


class Closable(Protocol):
    """A descriptor that a link owns."""

    def fileno(self) -> int:
        """The number."""

    def close(self) -> None:
        """Close it; twice is harmless."""


class Link:
    """An attachment. Close it to detach, or use it as a context manager."""

    def __init__(
        self,
        *,
        hook: str,
        program: str,
        target: str,
        method: Method,
        fds: Sequence[Closable] = (),
        undo: Callable[[], None] | None = None,
    ) -> None:
        """Take over ``fds``, closed in order, and ``undo``, called after that.

        ``undo`` must hold no reference to the link, and must not raise when there is nothing left
        to undo. The first descriptor is the link's own.
        """
        self.hook = hook
        """The kind of hook: "kprobe", "xdp" and so on."""
        self.program = program
        """The program's name."""
        self.target = target
        """What it is attached to, as a person would say it."""
        self.method = method
        self._fds = tuple(fds)
        self._first = len(self._fds)
        """How many of them end the calls; the others only keep the kernel's memory."""
        self._undo = undone_at_sigterm(undo) if undo is not None else None
        self._finalizer = weakref.finalize(
            self, _collected, os.getpid(), self._fds, self._undo, repr(self)
        )
        # What lives in descriptors ends with the process; the rest has to be undone.
        self._finalizer.atexit = undo is not None

    def fileno(self) -> int:
        """The link's descriptor; ValueError when it is closed or never had one."""
        if self.closed or not self._fds:
            state = "closed" if self.closed else f"attached through {self.method}"
            raise ValueError(f"{self!r} has no descriptor: it is {state}")
        return self._fds[0].fileno()

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Detach now. Calling it twice is harmless."""
        if self._finalizer.detach() is not None:
            tear_down(self._fds, self._undo)

    def give_up(self) -> tuple[Sequence[Closable], Sequence[Closable], Callable[[], None] | None]:
        """Hand what has to be closed to who closes it: what ends the calls, the rest, the undo.

        See `closing.close_links`. The link is closed from now on.
        """
        if self._finalizer.detach() is None:
            return (), (), None
        return self._fds[: self._first], self._fds[self._first :], self._undo

    def info(self) -> LinkInfo:
        """What the kernel says about the link; NotSupportedError when it knows of none."""
        self._lacks("information")

    def update(self, program: Attachable) -> None:
        """Put another program in place of the one that runs.

        Raises AttachError, or NotSupportedError where that takes a new link.
        """
        self._lacks("another program")

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Give the link a name in a BPF file system, by which it outlives this process.

        Raises NotSupportedError where only a bpf_link could.
        """
        self._lacks("a pin")

    def _lacks(self, what: str) -> NoReturn:
        raise NotSupportedError(
            f"{what} of an attachment made through {self.method}",
            hint="only a bpf_link has that; where the kernel knows one for this hook, it is taken",
            who=repr(self),
        )

    def __repr__(self) -> str:
        return f"<{self.hook} link: program '{self.program}' on {self.target}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def tear_down(fds: Sequence[Closable], undo: Callable[[], None] | None) -> None:
    """Close descriptors, then undo what outlives them, even if closing fails."""
    try:
        for fd in fds:
            fd.close()
    finally:
        if undo is not None:
            undo()


def _collected(
    pid: int, fds: Sequence[Closable], undo: Callable[[], None] | None, what: str
) -> None:
    # A forked child has copies of the descriptors, but the attachment is its parent's.
    if os.getpid() != pid:
        return
    tear_down(fds, undo)
    warnings.warn(f"{what} was never closed", ResourceWarning, stacklevel=2)
