"""SIGTERM ends this process like any other exit, so that what outlives it is undone.

Its default ends a process at once. Links that undo something at exit call `leave_by_exit`; whoever
has a handler of their own keeps it.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

_KILLED = 128
"""What shells add to the signal that ended a process."""


def leave_by_exit() -> None:
    """Make SIGTERM raise SystemExit, unless somebody handles or ignores it.

    Handlers can be set in the main thread alone; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(_KILLED + number)
