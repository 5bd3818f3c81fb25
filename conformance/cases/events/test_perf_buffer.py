"""The perf buffer."""

from __future__ import annotations

import os

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine, until

SUBMIT = """
struct data_t { u32 pid; u64 n; char comm[TASK_COMM_LEN]; };
BPF_PERF_OUTPUT(events);
BPF_ARRAY(sequence, u64, 1);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int zero = 0;
    u64 *n = sequence.lookup(&zero);
    if (!n)
        return 0;
    struct data_t data = {};
    data.pid = bpf_get_current_pid_tgid();
    data.n = (*n)++;
    bpf_get_current_comm(&data.comm, sizeof(data.comm));
    events.perf_submit(args, &data, sizeof(data));
    return 0;
}
"""


@case("events/perf/submit", kernel="4.7", feature="map_type/perf_event_array")
def test_submitted_structs_arrive_and_decode() -> None:
    """Structs sent with perf_submit arrive complete, in order for each CPU, and decode by field
    name.
    """
    got: list[tuple[int, int, int]] = []
    with BPF(text=SUBMIT, cflags=only_mine()) as b:

        def on_event(cpu: int, data: int, size: int) -> None:
            event = b["events"].event(data)
            got.append((cpu, event.pid, event.n))
            assert size >= 32

        b["events"].open_perf_buffer(on_event)
        getpid_calls(40)
        assert until(lambda: len(got) >= 40, lambda: b.perf_buffer_poll(100))
    assert sorted(n for _, _, n in got) == list(range(40))
    assert {pid for _, pid, _ in got} == {os.getpid()}
    for cpu in {cpu for cpu, *_ in got}:
        mine = [n for c, _, n in got if c == cpu]
        assert mine == sorted(mine)


@case("events/perf/lost", kernel="4.7", feature="map_type/perf_event_array")
def test_lost_records_are_counted_exactly() -> None:
    """What does not fit a stopped reader's buffer is reported lost: received and lost add up to
    what was sent.
    """
    got: list[int] = []
    lost: list[int] = []
    with BPF(text=SUBMIT, cflags=only_mine()) as b:
        events = b["events"]
        events.open_perf_buffer(
            lambda cpu, data, size: got.append(events.event(data).n),
            page_cnt=1,
            lost_cb=lost.append,
        )
        getpid_calls(500)
        b.perf_buffer_poll(100)
        getpid_calls(5)
        b.perf_buffer_poll(100)
        assert sum(lost) > 0
        assert len(got) + sum(lost) == b["sequence"][0].value
