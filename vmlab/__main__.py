"""``python -m vmlab``, and the program ``vmlab``: whenever Ctrl-C comes, it ends with 130."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

EXIT_INTERRUPTED = 130
"""As a shell reports SIGINT."""


def main() -> int:
    """Run the command line and return its exit status."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # not where a shell has us ignore it
        signal.signal(signal.SIGINT, _leave)
    from vmlab import cli

    signal.signal(signal.SIGINT, handler)
    try:
        status = cli.main()
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    if status == EXIT_INTERRUPTED:
        # An interrupted exec() of a text, as the dataclasses module does, has Python end itself by
        # SIGINT although the exception was caught.
        sys.stdout.flush()
        os._exit(status)
    return status


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: during the imports there is nothing to clean up, and nothing to tell."""
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
