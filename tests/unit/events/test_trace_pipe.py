from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import SyscallError
from bpfkit.events.trace_pipe import UNKNOWN, TraceFields, TracePipe, parse_line

LINE = b"            bash-1234    [001] d...1   517.003122: bpf_trace_printk: hello: you"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            LINE, TraceFields(b"bash", 1234, 1, b"d...1", 517.003122, b"hello: you"), id="usual"
        ),
        pytest.param(
            b"     my prog-a b-7       [010] .....  12.250000: 0x00000001: v=1",
            TraceFields(b"my prog-a b", 7, 10, b".....", 12.25, b"v=1"),
            id="blanks-and-dashes-in-the-task",
        ),
        pytest.param(
            b"           <...>-5       [000] d...   1.0: bpf_trace_printk: ",
            TraceFields(b"<...>", 5, 0, b"d...", 1.0, b""),
            id="empty-message",
        ),
        pytest.param(b"CPU:1 [LOST EVENTS]", None, id="lost"),
        pytest.param(b"CPU:0 [LOST 17 EVENTS]", None, id="lost-count"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"second line of a message", None, id="continuation"),
    ],
)
def test_a_line_is_taken_apart(line: bytes, expected: TraceFields | None) -> None:
    assert parse_line(line) == expected


def test_fields_that_are_no_numbers_are_unknown() -> None:
    assert parse_line(LINE.replace(b"1234", b"12x4")) is UNKNOWN


@pytest.mark.parametrize("length", range(len(LINE)))
def test_a_cut_line_never_raises(length: int) -> None:
    fields = parse_line(LINE[:length])
    assert fields is None or fields is UNKNOWN or fields.task == b"bash"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "trace_pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def pipe(fifo: Path) -> Iterator[tuple[TracePipe, int]]:
    with TracePipe(fifo, nonblocking=True) as reader:
        writer = os.open(fifo, os.O_WRONLY)
        yield reader, writer
        os.close(writer)


def test_an_empty_nonblocking_pipe_gives_none(pipe: tuple[TracePipe, int]) -> None:
    reader, _ = pipe
    assert reader.readline() is None
    assert reader.fields() is None


def test_lines_come_in_order_and_the_rest_waits(pipe: tuple[TracePipe, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"one\ntwo\nthr")
    assert list(reader) == [b"one", b"two"]
    os.write(writer, b"ee\n")
    assert reader.readline() == b"three"


def test_fields_pass_over_what_is_no_event(pipe: tuple[TracePipe, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"CPU:0 [LOST EVENTS]\n\nsome text\n" + LINE + b"\n")
    fields = reader.fields()
    assert fields is not None
    assert fields.msg == b"hello: you"


def test_a_blocking_pipe_waits_for_a_line(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(LINE + b"\n")
    with TracePipe(path) as reader:
        assert reader.readline() == LINE
        assert reader.readline() is None


def test_close_twice_is_harmless(pipe: tuple[TracePipe, int]) -> None:
    reader, _ = pipe
    reader.close()
    reader.close()


def test_a_missing_pipe_says_what_to_try(tmp_path: Path) -> None:
    with pytest.raises(SyscallError, match=r"ENOENT.*tracefs mounted"):
        TracePipe(tmp_path / "trace_pipe")
