"""One guest and one job: the conversation up to the verdict, the same in each engine."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmlab.engine.channel import Channel, DeadlinePassed, GuestGone, GuestRefused
from vmlab.engine.guest.frames import PROTOCOL
from vmlab.engine.guest.mounts import SHARE
from vmlab.engine.verdict import Ending, Phase, classify
from vmlab.errors import EngineError
from vmlab.model import Job, RunResult, Streams, Verdict

BOOT_TIMEOUT_ENVIRONMENT = "VMLAB_BOOT_TIMEOUT"
DEFAULT_BOOT_TIMEOUT_S = 120.0
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTROPY_BYTES = 64


def boot_timeout_s(default: float = DEFAULT_BOOT_TIMEOUT_S) -> float:
    """Return how long a guest may take to boot: what the environment says, else ``default``.

    Raises EngineError if the environment asks for something that is not a time.
    """
    text = os.environ.get(BOOT_TIMEOUT_ENVIRONMENT, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise EngineError(f"{BOOT_TIMEOUT_ENVIRONMENT}={text!r} is not a number of seconds")
    return seconds


def start_message(job: Job, modules: Path | None) -> dict[str, Any]:
    """Return the message that starts ``job``, with the clock and randomness of this moment.

    PATH is the job's, else the host's; programs of the running environment need not be installed
    elsewhere, so the job's PATH alone decides which ``python`` is meant.
    """
    env = {"HOME": "/root", "PATH": DEFAULT_PATH, "TERM": "dumb", **job.env}
    if job.share is not None:
        env["VMLAB_SHARE"] = SHARE
    return {
        "op": "start",
        "argv": list(job.argv),
        "cwd": str(job.cwd),
        "env": env,
        "share": job.share is not None,
        "modules": str(modules) if modules else None,
        "time_ns": time.time_ns(),
        "entropy": os.urandom(_ENTROPY_BYTES).hex(),
    }


class NotRestoredError(EngineError):
    """A saved guest did not come to life; its state is of no use."""


@dataclass(slots=True)
class Session:
    """Runs one job over ``channel`` and judges how that ended."""

    channel: Channel
    engine: str
    job: Job
    streams: Streams
    modules: Path | None
    """The kernel's modules on the host, for an agent that makes the job's root itself."""
    notices: list[str] = field(default_factory=list)
    started_at: float = field(default_factory=time.monotonic)
    """When the caller's run began, in the time of `time.monotonic`."""

    def run_booting(self, boot_timeout: float) -> RunResult:
        """Wait for a booting guest to be ready, then run the job."""
        deadline = self.started_at + boot_timeout
        try:
            self.await_ready(deadline)
            self._start(deadline)
        except (GuestRefused, GuestGone, DeadlinePassed) as ending:
            return self.boot_failure(ending, boot_timeout)
        return self._finish()

    def boot_failure(self, ending: Exception, boot_timeout: float) -> RunResult:
        """Return the result of a guest that ended before its command started."""
        match ending:
            case GuestRefused():
                return self._result(Phase.BOOT, Ending.REFUSED, None, str(ending))
            case GuestGone():
                words = re.findall(r"^vmlab: (.+)$", self.channel.console.text(), re.MULTILINE)
                said = "; ".join(words) or str(ending)
                return self._result(
                    Phase.BOOT, Ending.GONE, None, f"the guest ended while booting: {said}"
                )
            case _:
                said = f"the guest was not ready after {boot_timeout:g} s"
                hint = f"{BOOT_TIMEOUT_ENVIRONMENT} sets another limit"
                return self._result(Phase.BOOT, Ending.DEADLINE, None, f"{said}; {hint}")

    def run_restored(self, timeout: float) -> RunResult:
        """Run the job in a guest that was saved when ready.

        Raises NotRestoredError if the guest does not answer within ``timeout`` seconds.
        """
        try:
            self._start(time.monotonic() + timeout)
        except GuestRefused as refusal:
            return self._result(Phase.BOOT, Ending.REFUSED, None, str(refusal))
        except GuestGone as gone:
            raise NotRestoredError(f"the saved guest ended at once ({gone})") from None
        except DeadlinePassed:
            raise NotRestoredError(f"the saved guest gave no answer in {timeout:.0f} s") from None
        return self._finish()

    def await_ready(self, deadline: float) -> None:
        """Wait until the agent is ready for a start message."""
        ready = self.channel.expect("ready", self.streams, deadline)
        if ready.get("protocol") != PROTOCOL:
            raise GuestGone(f"its agent speaks protocol {ready.get('protocol')}, not {PROTOCOL}")
        if missing := ready.get("missing"):
            self.notices.append(f"the kernel has no {', '.join(missing)}")

    def _start(self, deadline: float) -> None:
        self.channel.send(start_message(self.job, self.modules), deadline)
        self.channel.expect("started", self.streams, deadline)

    def _finish(self) -> RunResult:
        try:
            message = self.channel.expect(
                "exit", self.streams, time.monotonic() + self.job.timeout_s
            )
        except (GuestGone, GuestRefused) as gone:
            return self._result(Phase.RUN, Ending.GONE, None, str(gone))
        except DeadlinePassed:
            return self._result(Phase.RUN, Ending.DEADLINE, None, "")
        return self._result(Phase.RUN, Ending.EXIT, int(message["status"]), "")

    def _result(self, phase: Phase, ending: Ending, status: int | None, said: str) -> RunResult:
        console = self.channel.console
        verdict = classify(phase, ending, status, panicked=console.panicked)
        notices = [*self.notices, said] if said and verdict is not Verdict.PANIC else self.notices
        return RunResult(
            verdict=verdict,
            exit_status=status,
            engine=self.engine,
            duration_s=time.monotonic() - self.started_at,
            console=console.oops() if verdict is Verdict.PANIC else console.text(),
            notices=tuple(notices),
        )
