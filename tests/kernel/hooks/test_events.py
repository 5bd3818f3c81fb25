from __future__ import annotations

import ctypes
import os
import signal
import struct
import time
from collections.abc import Callable

import pytest

from bpfkit.events.perf import PerfBuffer
from bpfkit.events.poller import Poller
from bpfkit.events.ring import RingBuffer
from bpfkit.events.trace_pipe import TracePipe
from bpfkit.links.base import Link
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.maps.base import Map
from bpfkit.programs.program import Program
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType, ProgType
from tests.fakes.insns import only_for, perf_writer, printer, ringbuf_writer

pytestmark = pytest.mark.kernel
Load = Callable[..., Program]
Create = Callable[..., Map]
VALUE = 0x1122334455667788


def on_getppid(system: System, load: Load, body: bytes) -> Link:
    program = load(ProgType.TRACEPOINT, only_for(os.getpid(), body))
    return attach_tracepoint(system, program, "syscalls", "sys_enter_getppid")


@pytest.fixture
def ring(create: Create) -> Map:
    return create(MapType.RINGBUF, 0, 0, 4096)


@pytest.fixture
def array(system: System, create: Create) -> Map:
    return create(MapType.PERF_EVENT_ARRAY, 4, 4, system.facts.possible_cpus)


def test_ring_buffer_records_come_whole_also_when_they_wrap(
    system: System, load: Load, ring: Map
) -> None:
    seen: list[bytes] = []
    buffer = RingBuffer(
        system, ring, lambda address, size: seen.append(bytes(buffer.view(address, size)))
    )
    with Poller() as poller, on_getppid(system, load, ringbuf_writer(ring.fileno(), VALUE, 40)):
        poller.add(buffer)
        for _ in range(40):
            for _ in range(7):
                os.getppid()
            assert poller.poll(1000) == 7
    assert set(seen) == {struct.pack("=Q", VALUE) + bytes(32)}
    assert len(seen) == 280


def test_a_full_ring_buffer_drops_and_goes_on(system: System, load: Load, ring: Map) -> None:
    with (
        Poller() as poller,
        on_getppid(system, load, ringbuf_writer(ring.fileno(), VALUE)),
    ):
        poller.add(RingBuffer(system, ring, lambda address, size: 0))
        for _ in range(1000):
            os.getppid()
        # The producer may come no nearer to the consumer than one byte.
        assert poller.consume() == 4096 // 16 - 1
        os.getppid()
        assert poller.poll(1000) == 1


def test_perf_buffer_samples_come_whole_also_when_they_wrap(
    system: System, load: Load, array: Map
) -> None:
    seen: list[bytes] = []
    lost: list[int] = []

    def callback(cpu: int, address: int, size: int) -> None:
        assert cpu in system.facts.online_cpu_list
        seen.append(ctypes.string_at(address, size))

    with (
        Poller() as poller,
        on_getppid(system, load, perf_writer(array.fileno(), VALUE, 40)),
    ):
        poller.add(PerfBuffer(system, array, callback, lost=lost.append, pages=1))
        for _ in range(40):
            for _ in range(7):
                os.getppid()
            while poller.poll(20):
                pass
    assert {record[:40] for record in seen} == {struct.pack("=Q", VALUE) + bytes(32)}
    assert {len(record) for record in seen} == {44}
    assert len(seen) == 280
    assert lost == []


def test_what_a_perf_buffer_cannot_hold_is_counted(system: System, load: Load, array: Map) -> None:
    counts: list[int] = []
    lost: list[int] = []
    mask = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mask)})
    try:
        with (
            Poller() as poller,
            on_getppid(system, load, perf_writer(array.fileno(), VALUE)),
        ):
            poller.add(
                PerfBuffer(
                    system, array, lambda cpu, at, size: counts.append(size), lost=lost.append,
                    pages=1,
                )
            )  # fmt: skip
            for _ in range(1000):
                os.getppid()
            poller.poll(1000)
            os.getppid()  # the count comes with the next sample
            poller.poll(1000)
    finally:
        os.sched_setaffinity(0, mask)
    assert len(lost) == 1
    assert len(counts) + sum(lost) == 1001


def test_wakeup_events_holds_back_the_wake_up(system: System, load: Load, array: Map) -> None:
    mask = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mask)})
    try:
        with (
            Poller() as poller,
            on_getppid(system, load, perf_writer(array.fileno(), VALUE)),
        ):
            poller.add(PerfBuffer(system, array, lambda cpu, address, size: 0, wakeup_events=5))
            for _ in range(4):
                os.getppid()
            assert poller.poll(20) == 0
            os.getppid()
            assert poller.poll(1000) == 5
    finally:
        os.sched_setaffinity(0, mask)


def test_a_perf_buffer_can_be_opened_again(system: System, array: Map) -> None:
    for _ in range(2):
        with PerfBuffer(system, array, lambda cpu, address, size: 0) as buffer:
            assert len(buffer.channels()) == system.facts.online_cpus


def test_pages_must_be_a_power_of_two(system: System, array: Map) -> None:
    with pytest.raises(ValueError, match="power of two"):
        PerfBuffer(system, array, lambda cpu, address, size: 0, pages=3)


def test_after_a_raising_callback_perf_samples_are_not_lost(
    system: System, load: Load, array: Map
) -> None:
    calls: list[int] = []

    def callback(cpu: int, address: int, size: int) -> None:
        calls.append(cpu)
        if len(calls) == 1:
            raise LookupError

    with (
        Poller() as poller,
        on_getppid(system, load, perf_writer(array.fileno(), VALUE)),
    ):
        poller.add(PerfBuffer(system, array, callback))
        for _ in range(6):
            os.getppid()
        with pytest.raises(LookupError):
            poller.poll(1000)
        deadline = time.monotonic() + 5
        while len(calls) < 6 and time.monotonic() < deadline:
            poller.poll(100)
    assert len(calls) == 6


def test_ctrl_c_ends_a_wait(system: System, ring: Map) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Poller() as poller:
            poller.add(RingBuffer(system, ring, lambda address, size: 0))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                poller.poll(-1)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_printed_text_comes_out_of_the_trace_pipe(system: System, load: Load) -> None:
    path = system.facts.tracefs.path / "trace_pipe"
    with TracePipe(path, nonblocking=True) as pipe:
        while pipe.readline() is not None:
            pass
        with on_getppid(system, load, printer(b"hello: you")):
            os.getppid()
        fields = pipe.fields()
        assert fields is not None
        assert (fields.pid, fields.msg) == (os.getpid(), b"hello: you")
        assert fields.cpu in system.facts.online_cpu_list
        assert fields.ts > 0
        assert pipe.fields() is None
