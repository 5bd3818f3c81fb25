"""Frames between the client and the helper arrive whole, or the other side went away."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator

import pytest

from bpfkit.compiler.backend.wire import Channel, ClosedError, Kind, frame, take_frame
from bpfkit.compiler.values import read_value

Pair = tuple[Channel, Channel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        yield Channel(here), Channel(there)


@pytest.mark.parametrize("content", [b"", b"text", bytes(100_000)])
def test_a_frame_arrives_whole(pair: Pair, content: bytes) -> None:
    pair[0].send(Kind.OBJECT, content)
    assert pair[1].receive() == (Kind.OBJECT, content)


def test_frames_are_taken_one_by_one_however_they_were_cut() -> None:
    sent = [(Kind.ASK, b"one"), (Kind.ENDED, b""), (Kind.REFUSED, b"three")]
    data, found = bytearray(), []
    for byte in b"".join(frame(kind, content) for kind, content in sent):
        data.append(byte)
        while (taken := take_frame(data)) is not None:
            found.append(taken)
    assert found == sent
    assert not data


def test_a_question_gets_its_answer(pair: Pair) -> None:
    pair[1].send(Kind.ANSWER, pickle.dumps((6, 1, 7)))
    assert pair[0].ask("config", "CONFIG_HZ") == (6, 1, 7)
    kind, content = pair[1].receive()
    assert (kind, read_value(content)) == (Kind.ASK, ("config", "CONFIG_HZ"))


def test_an_answer_of_another_kind_ends_the_conversation(pair: Pair) -> None:
    pair[1].send(Kind.ENDED, b"")
    with pytest.raises(ClosedError):
        pair[0].ask("version")


def test_a_side_that_went_away_is_noticed(pair: Pair) -> None:
    pair[1].socket.sendall(frame(Kind.OBJECT, b"half of it")[:-3])
    pair[1].socket.close()
    with pytest.raises(ClosedError):
        pair[0].receive()
    with pytest.raises(ClosedError):
        pair[0].send(Kind.ASK, b"more")


def test_a_closed_socket_is_a_side_that_went_away(pair: Pair) -> None:
    pair[0].socket.close()
    with pytest.raises(ClosedError):
        pair[0].receive()
