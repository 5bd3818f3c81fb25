"""What the command line says: notices and tables for people, one JSON document for machines.

Notices go to stderr; stdout belongs to the command that is run, or to the one result of ours. rich
is imported only where it draws something, since a cached run must start at once.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from vmlab.errors import LabError
from vmlab.model import RunResult, Verdict

Row = Sequence[str]

_COLOURS = {
    Verdict.OK: "green",
    Verdict.FAILED: "red",
    Verdict.BOOT_FAILED: "red",
    Verdict.PANIC: "bold red",
    Verdict.LOST: "magenta",
    Verdict.TIMEOUT: "yellow",
}


def notice(text: str) -> None:
    """Say what is going on, on stderr."""
    sys.stderr.write(f"vmlab: {text}\n")
    sys.stderr.flush()


def emit_json(value: object) -> None:
    """Write the one JSON document of a command to stdout."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    sys.stdout.flush()


def emit_table(title: str, columns: Sequence[str], rows: Sequence[Row], caption: str = "") -> None:
    """Draw a table on stdout, as wide as the terminal, or as its text needs when there is none."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)


def coloured(text: str, colour: str) -> str:
    """Return text for a table, marked up; brackets in it stay brackets."""
    from rich.markup import escape

    return f"[{colour}]{escape(text)}[/{colour}]"


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict for a table, in its colour."""
    return coloured(str(verdict), _COLOURS[verdict])


def result_json(kernel: str, release: str, result: RunResult) -> dict[str, object]:
    """Return a result for machines."""
    return {
        "kernel": kernel,
        "release": release,
        "verdict": str(result.verdict),
        "exit_status": result.exit_status,
        "engine": result.engine,
        "duration_s": round(result.duration_s, 3),
        "notices": list(result.notices),
        "console": result.console,
    }


def error_json(error: LabError) -> dict[str, str]:
    """Return an error for machines."""
    return {"error": type(error).__name__, "message": str(error), "hint": error.hint}


def size_text(size: int) -> str:
    """Return a number of bytes for people."""
    if size >= 10**9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 10**5 else f"{size / 1e3:.1f} kB"


@contextlib.contextmanager
def watch_download(what: str, directory: Path, total: int) -> Iterator[None]:
    """Show a bar, on a terminal, while files grow in ``directory`` to ``total`` bytes."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("vmlab: {task.description}"), BarColumn())
    console = Console(stderr=True)
    with Progress(*columns, DownloadColumn(), TransferSpeedColumn(), console=console) as progress:
        task = progress.add_task(what, total=total)
        done = threading.Event()

        def follow() -> None:
            while not done.wait(0.2):
                progress.update(task, completed=_bytes_in(directory))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
            progress.update(task, completed=total)
        finally:
            done.set()
            follower.join()


def _bytes_in(directory: Path) -> int:
    size = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):  # renamed or unpacked meanwhile
            size += path.stat().st_size
    return size
