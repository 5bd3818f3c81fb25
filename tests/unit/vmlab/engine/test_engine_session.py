from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vmlab.engine.channel import Channel
from vmlab.engine.console import Console
from vmlab.engine.guest.frames import (
    PROTOCOL,
    STDERR,
    STDOUT,
    Decoder,
    encode,
    encode_control,
    parse_control,
)
from vmlab.engine.session import (
    NotRestoredError,
    Session,
    boot_timeout_s,
    start_message,
)
from vmlab.errors import EngineError
from vmlab.model import Job, Streams, Verdict

JOB = Job(argv=["true"], cwd=Path("/"), timeout_s=0.3)
READY = {"event": "ready", "protocol": PROTOCOL, "release": "6.0", "missing": []}
PANIC = b"Kernel panic - not syncing: oh\n"


class Guest:
    """The other end: what a script of a guest may do."""

    def __init__(self, agent: socket.socket, console: socket.socket) -> None:
        self.agent = agent
        self.console = console

    def say(self, **message: object) -> None:
        self.agent.sendall(encode_control(message))

    def ready(self) -> None:
        self.say(**READY)

    def started(self) -> None:
        decoder = Decoder()
        while not (frames := decoder.feed(self.agent.recv(65536))):
            pass
        assert parse_control(frames[0][1])["op"] == "start"
        self.say(event="started")

    def die(self) -> None:
        self.agent.close()
        self.console.close()


Script = Callable[[Guest], None]
Start = Callable[..., tuple[Session, Streams]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a scripted guest and gives a session with it."""
    with contextlib.ExitStack() as stack:

        def make(script: Script, job: Job = JOB) -> tuple[Session, Streams]:
            pairs = [socket.socketpair() for _ in range(2)]
            for end in (*pairs[0], *pairs[1]):
                stack.callback(end.close)
            guest = Guest(pairs[0][1], pairs[1][1])
            thread = threading.Thread(target=script, args=(guest,))
            thread.start()
            stack.callback(thread.join)
            streams = Streams(io.BytesIO(), io.BytesIO())
            channel = Channel(pairs[0][0], pairs[1][0], Console())
            return Session(channel, "test", job, streams, None), streams

        yield make


def boot(script: Script) -> Script:
    """Return a guest that boots, starts the command and then follows ``script``."""

    def whole(guest: Guest) -> None:
        guest.ready()
        guest.started()
        script(guest)

    return whole


def nothing(guest: Guest) -> None:
    """Say nothing, and stay."""


def panic(guest: Guest) -> None:
    guest.console.sendall(PANIC)
    guest.die()


def garbage(guest: Guest) -> None:
    guest.agent.sendall(b"\xff" * 64)


def half_a_frame(guest: Guest) -> None:
    guest.agent.sendall(encode(STDOUT, b"half")[:-1])
    guest.die()


def late_panic(guest: Guest) -> None:
    guest.agent.close()
    time.sleep(0.1)  # QEMU closes its sockets one after the other
    guest.console.sendall(PANIC)
    guest.console.close()


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        pytest.param(boot(lambda g: g.say(event="exit", status=0)), Verdict.OK, id="ok"),
        pytest.param(boot(lambda g: g.say(event="exit", status=3)), Verdict.FAILED, id="failed"),
        pytest.param(boot(panic), Verdict.PANIC, id="panic"),
        pytest.param(boot(late_panic), Verdict.PANIC, id="panic-seen-after-the-channel-ends"),
        pytest.param(boot(Guest.die), Verdict.LOST, id="lost"),
        pytest.param(boot(garbage), Verdict.LOST, id="garbage"),
        pytest.param(boot(half_a_frame), Verdict.LOST, id="half-a-frame"),
        pytest.param(boot(nothing), Verdict.TIMEOUT, id="timeout"),
        pytest.param(nothing, Verdict.BOOT_FAILED, id="never-ready"),
        pytest.param(Guest.die, Verdict.BOOT_FAILED, id="died-while-booting"),
        pytest.param(panic, Verdict.BOOT_FAILED, id="panic-while-booting"),
        pytest.param(
            lambda g: (g.ready(), g.say(event="refused", message="no 9p")),
            Verdict.BOOT_FAILED,
            id="refused",
        ),
        pytest.param(
            lambda g: g.say(**{**READY, "protocol": 0}), Verdict.BOOT_FAILED, id="other-protocol"
        ),
    ],
)
def test_how_a_guest_ends_decides_the_verdict(
    start: Start, script: Script, verdict: Verdict
) -> None:
    session, _ = start(script)
    result = session.run_booting(0.3)
    assert result.verdict is verdict
    assert (result.exit_status is not None) == (verdict in (Verdict.OK, Verdict.FAILED))
    if verdict is Verdict.PANIC:
        assert "Kernel panic" in result.console


def test_output_goes_to_its_stream_and_stays_whole(start: Start) -> None:
    def talk(guest: Guest) -> None:
        for number in range(50):
            guest.agent.sendall(encode(STDOUT, b"%d\n" % number) + encode(STDERR, b"\xff"))
        guest.say(event="exit", status=0)

    session, streams = start(boot(talk))
    assert session.run_booting(5).verdict is Verdict.OK
    assert isinstance(streams.stdout, io.BytesIO)
    assert isinstance(streams.stderr, io.BytesIO)
    assert streams.stdout.getvalue() == b"".join(b"%d\n" % n for n in range(50))
    assert streams.stderr.getvalue() == b"\xff" * 50


def test_output_before_a_death_is_not_lost(start: Start) -> None:
    def talk(guest: Guest) -> None:
        guest.agent.sendall(encode(STDOUT, b"last words"))
        guest.die()

    session, streams = start(boot(talk))
    assert session.run_booting(5).verdict is Verdict.LOST
    assert isinstance(streams.stdout, io.BytesIO)
    assert streams.stdout.getvalue() == b"last words"


def test_what_the_init_script_says_is_in_the_notices(start: Start) -> None:
    def say(guest: Guest) -> None:
        guest.console.sendall(b"[ 1.0] x\r\nvmlab: no disk; the kernel needs CONFIG_X\r\n")
        guest.die()

    result = start(say)[0].run_booting(1)
    assert any("no disk; the kernel needs CONFIG_X" in notice for notice in result.notices)


def test_filesystems_the_kernel_lacks_are_a_notice(start: Start) -> None:
    def script(guest: Guest) -> None:
        guest.say(**{**READY, "missing": ["securityfs"]})
        guest.started()
        guest.say(event="exit", status=0)

    assert start(script)[0].run_booting(5).notices == ("the kernel has no securityfs",)


@pytest.mark.parametrize("script", [nothing, Guest.die])
def test_a_restored_guest_that_does_not_answer_is_no_result(start: Start, script: Script) -> None:
    with pytest.raises(NotRestoredError):
        start(script)[0].run_restored(0.2)


def test_a_restored_guest_runs_without_saying_ready(start: Start) -> None:
    def script(guest: Guest) -> None:
        guest.started()
        guest.say(event="exit", status=0)

    assert start(script)[0].run_restored(5).verdict is Verdict.OK


def test_the_start_message_has_the_jobs_environment_over_defaults() -> None:
    job = replace(JOB, env={"PATH": "/x", "A": "b"}, share=Path("/share"))
    message = start_message(job, Path("/mods/6.0"))
    assert message["env"]["PATH"] == "/x"
    assert message["env"]["HOME"] == "/root"
    assert message["env"]["VMLAB_SHARE"] == "/run/vmlab/share"
    assert message["modules"] == "/mods/6.0"
    assert "VMLAB_SHARE" not in start_message(JOB, None)["env"]


def test_each_start_has_its_own_randomness() -> None:
    assert start_message(JOB, None)["entropy"] != start_message(JOB, None)["entropy"]


def test_the_boot_timeout_is_the_environments_or_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VMLAB_BOOT_TIMEOUT", raising=False)
    assert boot_timeout_s(7.0) == 7.0
    monkeypatch.setenv("VMLAB_BOOT_TIMEOUT", "2.5")
    assert boot_timeout_s() == 2.5
    for wrong in ("0", "-1", "soon", "nan"):
        monkeypatch.setenv("VMLAB_BOOT_TIMEOUT", wrong)
        with pytest.raises(EngineError, match="VMLAB_BOOT_TIMEOUT"):
            boot_timeout_s()
