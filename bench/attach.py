"""Attach to a hundred kernel functions by pattern and detach, ours and bcc's side by side.

    python -m vmlab run 6.12 -- python bench/attach.py [RUNS]

Needs bcc (Debian's python3-bpfcc, found by /usr/bin/python3) and kernel headers of any kernel in
/usr/src for it. Each side runs in a process of its own, one after
the other; printed are medians in milliseconds of attach and detach alone, after the program was
compiled. One tracepoint and one uprobe are measured, too, and closing ten kprobes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
BCC = "/usr/bin/python3"
TEXT = "int f(void *ctx) { return 0; }"
SIDES = ("ours", "bcc")
Times = dict[str, list[float]]


def timed(action: Callable[[], object]) -> float:
    """Milliseconds of an action."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def pattern_of_a_hundred() -> str:
    """A hundred functions of the file systems and the network that both sides can probe."""
    lists = "/sys/kernel/tracing/available_filter_functions", "/proc/kallsyms"
    traceable, symbols = (Path(name).read_text().splitlines() for name in lists)
    counted = Counter(line.split()[2] for line in symbols)
    wanted = ("vfs_", "tcp_", "udp_", "ip_", "sock_")
    names = {line.split()[0] for line in traceable}
    plain = sorted(n for n in names if n.startswith(wanted) and counted[n] == 1 and "." not in n)
    return "|".join(plain[:100])


def measure(side: str, runs: int) -> Times:
    """Times of one side, in this process."""
    if side == "ours":
        sys.path.insert(0, str(HERE))
        from bpfkit import BPF
    else:
        from bcc import BPF  # type: ignore[import-not-found, no-redef]
    found: Times = {}
    pattern = os.environ["PATTERN"].encode()

    def note(name: str, action: Callable[[], object]) -> None:
        found.setdefault(name, []).append(timed(action))
        # What closing left to the background must not slow down what is measured next.
        time.sleep(1.0)

    for _ in range(runs):
        b = BPF(text=TEXT.encode())
        note("100 functions: attach", lambda b=b: b.attach_kprobe(event_re=pattern, fn_name=b"f"))
        # Versions of bcc differ in what else a pattern matches.
        assert 100 <= b.num_open_kprobes() <= 110, b.num_open_kprobes()
        note("100 functions: detach", b.cleanup)
        b = BPF(text=TEXT.encode())
        for name in pattern.split(b"|")[:10]:
            b.attach_kprobe(event=name, fn_name=b"f")
        note("10 kprobes: detach", b.cleanup)
        b = BPF(text=TEXT.encode())
        b.load_func(b"f", BPF.TRACEPOINT)
        note(
            "1 tracepoint: attach",
            lambda b=b: b.attach_tracepoint(tp=b"sched:sched_process_exec", fn_name=b"f"),
        )
        note("1 tracepoint: detach", b.cleanup)
        b = BPF(text=TEXT.encode())
        b.load_func(b"f", BPF.KPROBE)
        note(
            "1 uprobe: attach",
            lambda b=b: b.attach_uprobe(name=b"c", sym=b"malloc", fn_name=b"f"),
        )
        note("1 uprobe: detach", b.cleanup)
    return found


def link_headers() -> None:
    """Let bcc find headers of another kernel where the running one has none: good for timing.

    For a guest of the lab, whose files are thrown away.
    """
    folder = Path("/lib/modules") / os.uname().release
    common = next(iter(sorted(Path("/usr/src").glob("linux-headers-*-common"))), None)
    if (folder / "build").exists() or common is None:
        return
    flavour = next(Path("/usr/src").glob(common.name.removesuffix("common") + "[!c]*"))
    # The guest's modules are not needed any more, and cannot be written to.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True)
    (folder / "build").symlink_to(flavour)
    (folder / "source").symlink_to(common)


def main() -> None:
    """Measure both sides and print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    environ = {**os.environ, "PATTERN": pattern_of_a_hundred()}
    link_headers()
    results: dict[str, Times] = {}
    for side in SIDES:
        python = sys.executable if side == "ours" else BCC
        done = subprocess.run(
            [python, __file__, "--side", side, str(runs)],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{side}: {done.stdout}{done.stderr}")
        results[side] = json.loads(done.stdout.splitlines()[-1])
    print(f"Linux {os.uname().release}, medians of {runs} in ms")
    print(f"{'':<24}{'ours':>10}{'bcc':>10}{'times':>8}")
    for name in results["ours"]:
        ours, theirs = (statistics.median(results[side][name]) for side in SIDES)
        print(f"{name:<24}{ours:>10.2f}{theirs:>10.2f}{theirs / ours:>8.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
    else:
        main()
