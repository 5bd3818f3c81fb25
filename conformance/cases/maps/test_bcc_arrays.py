"""bcc's arrays: of values, programs, counters, cgroups, and histograms with sections."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bpfkit import BPF
from bpfkit.compat.bcc import PerfSWConfig, PerfType
from conformance.case import case
from conformance.maps import run_xdp
from conformance.triggers import getpid_calls, only_mine

ARRAY = """
BPF_ARRAY(a1);
BPF_ARRAY(a2, u32);
BPF_ARRAY(t, u64, 4);
BPF_ARRAY(seen, s64, 8);
static void note(int what, s64 result) { seen.update(&what, &result); }
int f(struct xdp_md *ctx) {
    int one = 1, out = 4;
    u64 value = 9, *p;
    note(0, t.update(&one, &value));
    note(1, t.update(&out, &value));
    p = t.lookup(&one);
    if (p) note(2, *p);
    note(3, t.lookup(&out) == 0);
    note(4, t.delete(&one));
    p = t.lookup_or_try_init(&one, &value);
    if (p) note(5, (*p)++);
    t.atomic_increment(one, 5);
    t.increment(one);
    return 2;
}
"""


@case("maps/bcc/array-methods", kernel="4.12", feature="map_type/array")
def test_every_method_of_an_array_does_what_bccs_does() -> None:
    """update, lookup, delete, lookup_or_try_init, increment and atomic_increment on an array give
    bcc's results.
    """
    with BPF(text=ARRAY) as b:
        run_xdp(b, "f")
        # E2BIG is 7, EINVAL is 22.
        assert [v.value for v in b["seen"].values()][:6] == [0, -7, 9, 1, -22, 9]
        assert [v.value for v in b["t"].values()] == [0, 16, 0, 0]
        assert (len(b["a1"]), len(b["a2"])) == (10240, 10240)


@case("maps/bcc/array-python", kernel="4.12", feature="map_type/array")
def test_an_array_takes_integers_and_sets_to_zero_instead_of_deleting() -> None:
    """Integers are keys, negative ones from the end; del, clear, zero and clearitem write zeroes;
    batches take lists.
    """
    with BPF(text="BPF_ARRAY(t, u64, 6000);") as b:
        t = b["t"]
        t.items_update_batch(range(6000), range(6000))
        assert (t[-1].value, t[5999].value, t[t.Key(7)].value) == (5999, 5999, 7)
        assert [v.value for v in t.values()] == list(range(6000))
        assert [(k.value, v.value) for k, v in t.items_lookup_batch()][10] == (10, 10)
        del t[7]
        t.clearitem(8)
        assert (t[7].value, t[8].value, len(t)) == (0, 0, 6000)
        t.clear()
        assert {v.value for v in t.values()} == {0}


TAIL_CALLS = """
BPF_PROG_ARRAY(progs, 8);
int first(struct xdp_md *ctx) { progs.call(ctx, 3); return 1; }
int second(struct xdp_md *ctx) { return 2; }
"""


@case("maps/bcc/prog-array", kernel="4.10", feature="map_type/prog_array")
def test_a_program_array_calls_what_was_put_into_it() -> None:
    """``t[i] = fn`` and ``t[i] = fd`` set a tail call, an empty or deleted place is fallen through,
    and its length is that of the array.
    """
    with BPF(text=TAIL_CALLS) as b:
        progs, second = b["progs"], b.load_func("second", BPF.XDP)
        assert len(progs) == 8
        assert run_xdp(b, "first") == 1
        for leaf in (second, second.fd, progs.Leaf(second.fd), second.program):
            progs[3] = leaf
            assert run_xdp(b, "first") == 2
            assert [k.value for k, _ in progs.items()] == [3]
            del progs[progs.Key(3)]
            assert run_xdp(b, "first") == 1
        with pytest.raises(KeyError):
            del progs[3]
        with pytest.raises(KeyError):
            progs[3]
        with pytest.raises(Exception, match=r"^Could not update table: "):
            progs[0] = b.get_table("progs").map_fd


COUNTERS = """
BPF_PERF_ARRAY(clock, NUM_CPUS);
BPF_ARRAY(seen, u64, 4);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int read = 0, value = 1, result = 2;
    u64 now = clock.perf_read(CUR_CPU_IDENTIFIER);
    seen.update(&read, &now);
    struct bpf_perf_event_value both = {};
    u64 status = (s64)clock.perf_counter_value(CUR_CPU_IDENTIFIER, &both, sizeof(both));
    seen.update(&result, &status);
    seen.update(&value, &both.counter);
    return 0;
}
"""


@case("maps/bcc/perf-array", kernel="4.15", feature="map_type/perf_event_array")
def test_a_program_reads_counters_that_python_opened() -> None:
    """open_perf_event counts on each CPU; perf_read and perf_counter_value read it from C."""
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    with BPF(text=COUNTERS, cflags=[*only_mine(), f"-DNUM_CPUS={cpus}"]) as b:
        seen = b["seen"]
        getpid_calls(1)
        error = seen[0].value - (1 << 64)
        assert error < 0  # nothing is open yet
        b["clock"].open_perf_event(PerfType.SOFTWARE, PerfSWConfig.CPU_CLOCK)
        getpid_calls(1)
        first = seen[0].value
        assert 0 < first < 1 << 62
        assert seen[2].value == 0
        assert seen[1].value >= first
        getpid_calls(1000)
        assert seen[0].value > first
        for cpu in os.sched_getaffinity(0):
            del b["clock"][cpu]
        getpid_calls(1)
        assert seen[0].value - (1 << 64) < 0


CGROUPS = """
BPF_CGROUP_ARRAY(groups, 4);
BPF_ARRAY(seen, s64, 4);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int i = 0;
    s64 in = groups.check_current_task(0);
    seen.update(&i, &in);
    i = 1;
    in = groups.check_current_task(1);
    seen.update(&i, &in);
    return 0;
}
"""


@contextlib.contextmanager
def unified_hierarchy() -> Any:  # noqa: ANN401 - a context manager of a path
    """Where control groups of version 2 are mounted, mounted for a while when they are not."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            yield Path(line.split()[1])
            return
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["mount", "-t", "cgroup2", "none", directory], check=True)
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


@case("maps/bcc/cgroup-array", kernel="4.9", feature="map_type/cgroup_array")
def test_a_cgroup_goes_in_by_path_and_by_descriptor() -> None:
    """``t[i] = path`` and ``t[i] = fd`` set a cgroup; check_current_task says whether the task is
    in it.
    """
    with unified_hierarchy() as root, BPF(text=CGROUPS, cflags=only_mine()) as b:
        groups, seen = b["groups"], b["seen"]
        other = root / "bpfkit-empty"
        other.mkdir(exist_ok=True)
        try:
            groups[0] = str(root)
            directory = os.open(other, os.O_RDONLY)
            try:
                groups[1] = directory
            finally:
                os.close(directory)
            getpid_calls(1)
            assert (seen[0].value, seen[1].value) == (1, 0)
            groups[1] = os.fsencode(root)
            getpid_calls(1)
            assert (seen[0].value, seen[1].value) == (1, 1)
            del groups[1]
            getpid_calls(1)
            assert seen[1].value < 0
            with pytest.raises(Exception, match=r"^Cgroup array key must be either FD or cgroup"):
                groups[2] = 1.5
        finally:
            other.rmdir()


HISTOGRAMS = """
struct key_t { u32 disk; u64 slot; };
struct named_t { char name[8]; u64 slot; };
BPF_HISTOGRAM(one);
BPF_HISTOGRAM(two, u32);
BPF_HISTOGRAM(pairs, struct key_t);
BPF_HISTOGRAM(names, struct named_t, 128);
int f(struct xdp_md *ctx) {
    one.increment(bpf_log2l(1));
    one.atomic_increment(bpf_log2l(5), 2);
    two.increment(3);
    struct key_t k = {};
    k.disk = 8; k.slot = 2;
    pairs.increment(k);
    k.slot = 3;
    pairs.atomic_increment(k, 4);
    struct named_t n = { .name = "sda", .slot = 0 };
    names.increment(n, 3);
    return 2;
}
"""
SECTIONS = """\

disk = 8
     usecs               : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 1        |**********                              |
         4 -> 7          : 4        |****************************************|
"""
NAMES = """\

Bucket ptr = b'sda'
     value         : count     distribution
        0          : 3        |****************************************|
"""


def printed(call: Any, *args: object, **kwargs: object) -> str:  # noqa: ANN401 - any method
    """What a call prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call(*args, **kwargs)
    return out.getvalue()


@case("maps/bcc/histograms", kernel="4.12", feature="map_type/array")
def test_histograms_of_structures_print_a_section_for_each_bucket() -> None:
    """BPF_HISTOGRAM is an array for int and a hash otherwise; structure keys print in sections, as
    bars and as dictionaries.
    """
    with BPF(text=HISTOGRAMS) as b:
        run_xdp(b, "f")
        assert [b[n].ttype for n in ("one", "two", "pairs", "names")] == [2, 1, 1, 1]
        assert [b[n].max_entries for n in ("one", "two", "pairs", "names")] == [64, 64, 64, 128]
        assert printed(b["pairs"].print_log2_hist, "usecs", "disk") == SECTIONS
        assert printed(b["names"].print_linear_hist) == NAMES
        shown = printed(
            b["names"].print_linear_hist,
            "x",
            "d",
            section_print_fn=bytes.decode,
            bucket_fn=lambda name: name[:2],
            bucket_sort_fn=sorted,
        )
        assert shown.splitlines()[1] == "d = sd"
        made = ast.literal_eval(printed(b["pairs"].print_json_hist, "us", "disk"))
        assert (made["disk"], made["val_type"], len(made["data"])) == (8, "us", 3)
        assert made["data"][2] == {"interval-start": 4, "interval-end": 7, "count": 4}
        short = printed(b["one"].print_log2_hist, strip_leading_zero=True).splitlines()
        assert [line.split(":")[0].split() for line in short[1:]] == [
            ["0", "->", "1"],
            ["2", "->", "3"],
            ["4", "->", "7"],
        ]
        b["one"].clear()
        assert printed(b["one"].print_log2_hist) == ""
