"""The trace pipe: what programs print with ``bpf_trace_printk``, line by line.

A line is ``task-pid [cpu] flags ts: function: message``: the task name fills the first 16 columns,
a dash follows, and the four fields up to the first colon are separated by blanks. `parse_line`
takes bytes and knows nothing of files; `TracePipe` reads the file, blocking or not. There is one
pipe for the whole machine: what is read here is gone for every other reader.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ..errors import SyscallError

# The kernel pads the task name to this width and right-aligns it: trace_print_context,
# kernel/trace/trace_output.c.
TASK_COLUMNS = 16
CHUNK_BYTES = 64 * 1024


class TraceFields(NamedTuple):
    """One line of the trace pipe, taken apart. ``ts`` is in seconds since boot."""

    task: bytes
    pid: int
    cpu: int
    flags: bytes
    ts: float
    msg: bytes


UNKNOWN = TraceFields(b"Unknown", 0, 0, b"Unknown", 0.0, b"Unknown")
"""What a line gives whose fields are there, but are not numbers where numbers should be."""


def parse_line(line: bytes) -> TraceFields | None:
    """Take a line apart; None for what is not an event, such as ``CPU:1 [LOST EVENTS]``.

    A line with the right number of fields that cannot be converted is `UNKNOWN`, as in bcc.
    """
    if line.startswith(b"CPU:"):
        return None
    task = line[:TASK_COLUMNS].lstrip()
    head, _, tail = line[TASK_COLUMNS + 1 :].partition(b":")
    fields = head.split()
    if len(fields) != 4:
        return None
    pid, cpu, flags, ts = fields
    # The message follows the name (or the address) of the function that printed it.
    _, _, message = tail.partition(b":")
    try:
        return TraceFields(task, int(pid), int(cpu[1:-1]), flags, float(ts), message[1:])
    except ValueError:
        return UNKNOWN


class TracePipe:
    """The open trace pipe. Close it, or use it as a context manager."""

    def __init__(self, path: Path, *, nonblocking: bool = False) -> None:
        """Open the pipe, usually ``tracefs/trace_pipe``; SyscallError says why it cannot be."""
        flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_NONBLOCK if nonblocking else 0)
        try:
            fd = os.open(path, flags)
        except OSError as error:
            raise SyscallError(
                error.errno or 0,
                "open",
                f"the trace pipe {path}",
                "run as root with tracefs mounted; EBUSY means that another program reads it",
            ) from error
        # A file object warns by itself when it is collected open.
        self.file = io.BufferedReader(io.FileIO(fd), CHUNK_BYTES)
        self._begun = b""

    def fileno(self) -> int:
        """The descriptor, for poll() and its like."""
        return self.file.fileno()

    def readline(self) -> bytes | None:
        """Read one line without its newline; None when the pipe is nonblocking and empty.

        A blocking pipe waits, and lets signals such as Ctrl-C through.
        """
        self._begun += self.file.readline()
        # A nonblocking read may end inside a line: the rest comes with a later one.
        if not self._begun.endswith(b"\n"):
            return None
        line, self._begun = self._begun, b""
        return line.rstrip()

    def fields(self) -> TraceFields | None:
        """Read on to the next event and take it apart; None when there is none to be had now."""
        while (line := self.readline()) is not None:
            fields = parse_line(line)
            if fields is not None:
                return fields
        return None

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.readline()) is not None:
            yield line

    def close(self) -> None:
        """Close now. Calling it twice is harmless."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
