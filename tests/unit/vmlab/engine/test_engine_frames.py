from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmlab.engine.guest.frames import (
    CONTROL,
    HEADER,
    MAX_PAYLOAD,
    STDERR,
    STDOUT,
    Decoder,
    FrameError,
    encode,
    encode_control,
    parse_control,
)

FRAMES = [
    (CONTROL, b'{"event": "ready"}'),
    (STDOUT, b"\x00\xff binary \n"),
    (STDERR, b""),
    (STDOUT, bytes(range(0, 256, 7))),
]
STREAM = b"".join(encode(kind, payload) for kind, payload in FRAMES)


@given(
    st.lists(st.tuples(st.sampled_from([CONTROL, STDOUT, STDERR]), st.binary(max_size=300))),
    st.data(),
)
def test_encode_then_decode_is_identity_however_the_stream_is_cut(
    frames: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(kind, payload) for kind, payload in frames)
    decoder, decoded = Decoder(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        decoded += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert decoded == frames
    assert decoder.pending_bytes == 0


@pytest.mark.parametrize("end", range(len(STREAM)))
def test_a_stream_cut_at_any_byte_gives_the_whole_frames_and_waits_for_the_rest(end: int) -> None:
    decoder = Decoder()
    decoded = decoder.feed(STREAM[:end])
    assert decoded == FRAMES[: len(decoded)]
    whole = sum(HEADER.size + len(payload) for _, payload in decoded)
    assert decoder.pending_bytes == end - whole
    assert decoded + decoder.feed(STREAM[end:]) == FRAMES


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HEADER.pack(MAX_PAYLOAD + 1, STDOUT), id="too-long"),
        pytest.param(HEADER.pack(4, 0), id="unknown-kind"),
        pytest.param(b"Booting the kernel", id="text"),
    ],
)
def test_bytes_that_are_no_frame_are_an_error_at_their_offset(header: bytes) -> None:
    decoder = Decoder()
    decoder.feed(STREAM)
    with pytest.raises(FrameError) as caught:
        decoder.feed(header)
    assert caught.value.offset == len(STREAM)


def test_frames_before_bytes_that_are_no_frame_are_not_lost() -> None:
    with pytest.raises(FrameError) as caught:
        Decoder().feed(STREAM + b"\xff" * 8)
    assert caught.value.frames == FRAMES


def test_a_payload_over_the_limit_is_not_encoded() -> None:
    assert len(encode(STDOUT, bytes(MAX_PAYLOAD))) == HEADER.size + MAX_PAYLOAD
    with pytest.raises(ValueError, match="too long"):
        encode(STDOUT, bytes(MAX_PAYLOAD + 1))


def test_a_control_message_survives_with_surrogates_and_numbers() -> None:
    message = {"argv": ["caf\udce9", "\n"], "time_ns": 2**62, "share": None}
    [(kind, payload)] = Decoder().feed(encode_control(message))
    assert kind == CONTROL
    assert parse_control(payload) == message


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"7", b"\xff"])
def test_a_control_payload_that_is_no_object_is_an_error(payload: bytes) -> None:
    with pytest.raises(FrameError):
        parse_control(payload)
