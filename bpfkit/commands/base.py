"""What the commands share: their kind, and how they write."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    """Where a command adds itself."""

STDIO = Path("-")
"""Standard input or output in place of a file."""


def complain(command: str, message: str) -> None:
    """Write one message to standard error."""
    sys.stderr.write(f"bpfkit {command}: {message}\n")


def complain_of_file(command: str, error: OSError) -> None:
    """Write what the system says about a file to standard error."""
    complain(command, f"{error.filename or STDIO}: {error.strerror or error}")


def write_output(path: Path, content: bytes) -> None:
    """Write a file, or standard output for "-". Raises OSError."""
    if path == STDIO:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        path.write_bytes(content)
