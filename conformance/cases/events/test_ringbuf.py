"""The BPF ring buffer."""

from __future__ import annotations

import os

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine, until

OUTPUT = """
struct event_t { u64 n; u32 pid; char comm[16]; };
BPF_RINGBUF_OUTPUT(events, 8);
BPF_ARRAY(sequence, u64, 1);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int zero = 0;
    u64 *n = sequence.lookup(&zero);
    if (!n)
        return 0;
    struct event_t event = {};
    event.n = (*n)++;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}
"""


@case("events/ringbuf/output", kernel="5.8", feature="map_type/ringbuf")
def test_records_arrive_whole_and_in_order() -> None:
    """Records sent with ringbuf_output arrive whole, in order, with their exact size, and decode
    by field.
    """
    got = []
    with BPF(text=OUTPUT, cflags=only_mine()) as b:

        def on_event(ctx: object, data: int, size: int) -> None:
            event = b["events"].event(data)
            got.append((event.n, event.pid, bytes(event.comm), size))

        b["events"].open_ring_buffer(on_event)
        getpid_calls(50)
        assert until(lambda: len(got) >= 50, lambda: b.ring_buffer_poll(100))
    assert [n for n, *_ in got] == list(range(50))
    assert {pid for _, pid, *_ in got} == {os.getpid()}
    assert all(comm for _, _, comm, _ in got)
    assert {size for *_, size in got} == {32}


RESERVE = """
struct event_t { u32 n; };
BPF_RINGBUF_OUTPUT(events, 8);
BPF_ARRAY(sequence, u32, 1);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int zero = 0;
    u32 *n = sequence.lookup(&zero);
    if (!n)
        return 0;
    struct event_t *event = events.ringbuf_reserve(sizeof(struct event_t));
    if (!event)
        return 0;
    event->n = (*n)++;
    if (event->n % 2)
        events.ringbuf_discard(event, 0);
    else
        events.ringbuf_submit(event, 0);
    return 0;
}
"""


@case("events/ringbuf/reserve", kernel="5.8", feature="map_type/ringbuf")
def test_submitted_records_arrive_and_discarded_ones_do_not() -> None:
    """A reserved record arrives when submitted and never when discarded."""
    got = []
    with BPF(text=RESERVE, cflags=only_mine()) as b:
        b["events"].open_ring_buffer(lambda ctx, data, size: got.append(b["events"].event(data).n))
        getpid_calls(20)
        assert until(lambda: len(got) >= 10, lambda: b.ring_buffer_poll(100))
        b.ring_buffer_consume()
    assert got == list(range(0, 20, 2))


@case("events/ringbuf/wrap", kernel="5.8", feature="map_type/ringbuf")
def test_the_buffer_wraps_many_times() -> None:
    """Reading on passes the end of the buffer many times without losing or mixing records."""
    got = []
    with BPF(text=OUTPUT.replace("events, 8", "events, 1"), cflags=only_mine()) as b:
        b["events"].open_ring_buffer(lambda ctx, data, size: got.append(b["events"].event(data).n))
        for _ in range(12):
            getpid_calls(60)
            b.ring_buffer_consume()
    assert got == list(range(720))


@case("events/ringbuf/callback-error", kernel="5.8", feature="map_type/ringbuf")
def test_an_exception_of_the_callback_reaches_the_caller() -> None:
    """An exception raised in a callback comes out of ring_buffer_poll."""

    class StopError(Exception):
        pass

    def on_event(ctx: object, data: int, size: int) -> None:
        raise StopError

    raised = False
    with BPF(text=OUTPUT, cflags=only_mine()) as b:
        b["events"].open_ring_buffer(on_event)
        getpid_calls(1)
        try:
            b.ring_buffer_poll(1000)
        except StopError:
            raised = True
    assert raised
