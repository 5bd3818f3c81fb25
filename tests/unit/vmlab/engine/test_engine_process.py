from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vmlab
from vmlab.engine.interrupt import ending_cleanly
from vmlab.engine.process import ChildProcess

HOME = str(Path(vmlab.__file__).parent.parent)


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_close_kills_the_child_and_its_children() -> None:
    with ChildProcess(["sh", "-c", "sleep 60 & echo $!; wait"]) as child:
        while not (text := child.error_text()):
            time.sleep(0.01)
        grandchild = int(text)
        assert child.running()
    assert not child.running()
    assert gone(grandchild)
    child.close()


def test_error_text_is_the_end_of_what_the_child_wrote() -> None:
    with ChildProcess(["sh", "-c", "yes x | head -c 100000; echo end >&2"]) as child:
        while child.running():
            time.sleep(0.01)
        assert child.error_text().endswith("end")
        assert len(child.error_text()) <= 4000


def test_a_child_has_its_own_session_and_no_stdin() -> None:
    with ChildProcess(["sh", "-c", "cat; echo pid $$; sleep 60"]) as child:
        while "pid" not in child.error_text():
            time.sleep(0.01)
        assert os.getsid(child.pid) == child.pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_does_not_outlive_its_parent_however_it_ends(number: int) -> None:
    program = (
        f"import signal, sys, time; sys.path.insert(0, {HOME!r})\n"
        # Whoever starts us in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from vmlab.engine.process import ChildProcess\n"
        "from vmlab.engine.interrupt import ending_cleanly\n"
        "with ending_cleanly(), ChildProcess(['sleep', '60']) as child:\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, number)
        parent.wait()
    assert gone(pid)


def test_a_signal_that_ends_us_runs_every_finally_and_is_then_as_before() -> None:
    cleaned = []

    def be_ended() -> None:
        with ending_cleanly():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(1)
            finally:
                cleaned.append(True)

    with pytest.raises(SystemExit) as caught:
        be_ended()
    assert cleaned
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_program_with_its_own_handler_keeps_it() -> None:
    def handler(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with ending_cleanly():
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
