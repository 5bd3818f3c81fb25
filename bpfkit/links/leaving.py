"""SIGTERM ends this process like any other exit while there is something to undo.

Its default ends a process at once. Whoever has a handler of their own, or ignores the signal, keeps
that; ours is taken away again with the last thing to undo.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

_KILLED = 128
"""What shells add to the signal that ended a process."""


class _Leave:
    """The handler. It counts what is to be undone, so that nobody else has to."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        sys.exit(_KILLED + number)


def undone_at_sigterm(undo: Callable[[], None]) -> Callable[[], None]:
    """Give ``undo`` back for calling once; until then SIGTERM raises SystemExit.

    Handlers can be set in the main thread alone; elsewhere the signal stays what it is.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _Leave())
    handler = signal.getsignal(signal.SIGTERM)
    if not isinstance(handler, _Leave):
        return undo
    with handler.lock:
        handler.count += 1
    return partial(_undo, undo, handler)


def _undo(undo: Callable[[], None], handler: _Leave) -> None:
    try:
        undo()
    finally:
        with handler.lock:
            handler.count -= 1
            last = not handler.count
        main = threading.current_thread() is threading.main_thread()
        if last and main and signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
