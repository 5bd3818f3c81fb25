"""Scripts that say ``from bcc import BPF``, run unchanged by ``python -m bpfkit run``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from conformance.case import case
from conformance.cases.links.test_xdp import ipv4_frame
from conformance.triggers import send_frames, spawn, veth_pair

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@contextlib.contextmanager
def script(name: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run an example as a user does; it is ended with the block."""
    argv = [sys.executable, "-u", "-m", "bpfkit", "run", str(EXAMPLES / name), *args]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=EXAMPLES.parent
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


@case("programs/examples/histogram", kernel="4.7", feature="program_type/tracepoint")
def test_a_tracepoint_histogram_runs_unchanged() -> None:
    """A bcc script that prints a histogram of read sizes runs unchanged and counts reads."""
    with script("syscall_sizes.py") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Counting")
        zeroes = os.open("/dev/zero", os.O_RDONLY)
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            os.read(zeroes, 1024)
        os.close(zeroes)
        rest = process.stdout.read()
    assert "bytes               : count     distribution" in rest
    row = next(line for line in rest.splitlines() if "1024 -> 2047" in line)
    assert int(row.split(":")[1].split("|")[0]) > 10


@case("programs/examples/exec", kernel="5.8", feature="map_type/ringbuf")
def test_a_ring_buffer_of_exec_events_runs_unchanged() -> None:
    """A bcc script that shows each exec from a ring buffer runs unchanged and sees our children."""
    with script("exec_events.py", "2") as process:
        assert process.stdout is not None
        header = process.stdout.readline()
        assert header.split() == ["PID", "PPID", "COMM", "FILE"]
        pids = [spawn(["/bin/true"]) for _ in range(2)]
        seen = [line.split() for line in process.stdout.read().splitlines()]
    assert [[str(pid), str(os.getpid()), "true", "/bin/true"] for pid in pids] == seen


@case("programs/examples/xdp", kernel="4.19", feature="program_type/xdp")
def test_an_xdp_packet_counter_runs_unchanged() -> None:
    """A bcc script that counts packets by protocol with XDP runs unchanged."""
    with veth_pair() as (near, far), script("xdp_counter.py", far, "60") as process:
        for _ in range(200):
            state = subprocess.run(["ip", "link", "show", far], capture_output=True, text=True)
            if "xdp" in state.stdout:
                break
            time.sleep(0.1)
        send_frames(near, [ipv4_frame(17)] * 3 + [ipv4_frame(1)] * 2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        left = subprocess.run(["ip", "link", "show", far], capture_output=True, text=True)
    assert "protocol   1: 2 packets" in output
    assert "protocol  17: 3 packets" in output
    assert "prog/xdp" not in left.stdout
