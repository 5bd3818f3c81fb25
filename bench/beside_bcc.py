"""Our compiler beside bcc's, in one run: from ``BPF(text=…)`` to loaded and attached.

    python bench/beside_bcc.py [--bcc PYTHON] [--root DIR] [--rounds N]

Needs root, and bcc with kernel headers. ``--bcc`` is the Python that has bcc (Debian's is
/usr/bin/python3), ``--root`` the directory of a debootstrap tree to run it in, for another version.
Every number is the median of ``--rounds`` processes, run in turns. Milliseconds and MiB; a ratio is
how many times less we take.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# Runs in a process of its own; argv: the module that has BPF, the text, how often.
MEASURE = """
import json, sys, time
module, path, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
text = open(path).read()
began = time.perf_counter()
BPF = __import__(module, fromlist=["BPF"]).BPF
found = {"import": (time.perf_counter() - began) * 1000}
took = []
for _ in range(times):
    began = time.perf_counter()
    b = BPF(text=text)
    took.append((time.perf_counter() - began) * 1000)
    b.cleanup()
    time.sleep(0.5)  # what the kernel still waits for when a probe is gone is no part of the next
found["first"] = took[0] if took else 0
found["again"] = sorted(took[1:])[(len(took) - 1) // 2] if took[1:] else 0
def peak(pid):
    lines = open(f"/proc/{pid}/status").read().split("VmHWM:")
    return int(lines[1].split()[0]) / 1024 if len(lines) > 1 else 0
found["rss"] = peak("self")
import glob, os
children = []
for stat in glob.glob("/proc/[0-9]*/stat"):
    try:
        fields = open(stat).read().rpartition(")")[2].split()
        if int(fields[1]) == os.getpid():
            children.append(peak(stat.split("/")[2]))
    except OSError:
        pass
found["children"] = sum(children)
print(json.dumps(found))
"""


def measure(command: Sequence[str], text: str, times: int, **environ: str) -> dict[str, float]:
    """Run `MEASURE` and return what it found."""
    # As pip installs it: with bytecode.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(ROOT), **environ}
    argv = [*command[:-1], "-c", MEASURE, command[-1], text, str(times)]
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def median(rounds: Sequence[dict[str, float]], what: str) -> float:
    """The median of one number."""
    return statistics.median(found[what] for found in rounds)


def main() -> None:
    """Measure both sides in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bcc", default="/usr/bin/python3", help="the Python that has bcc")
    parser.add_argument("--root", help="directory of a tree to run bcc in (chroot)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    theirs = [*(["chroot", args.root] if args.root else []), args.bcc, "bcc"]
    ours = [sys.executable, "bpfkit"]
    print(f"{'':34}{'bcc':>9}{'bpfkit':>9}{'ratio':>8}")
    for name in ("hello", "tool"):
        text = HERE / "texts" / f"{name}.c"
        there = text
        if args.root:
            there = Path("/tmp") / text.name
            Path(f"{args.root}{there}").write_text(text.read_text())
        rows(name, theirs, ours, str(there), str(text), args.rounds)


def rows(name: str, theirs: list[str], ours: list[str], there: str, here: str, n: int) -> None:
    """Measure one text on both sides and print its rows."""
    bcc, first_ever, warm, kept = [], [], [], []
    for _ in range(n):
        bcc.append(measure(theirs, there, 5))
        with tempfile.TemporaryDirectory() as cache:
            first_ever.append(measure(ours, here, 1, XDG_CACHE_HOME=cache))
            kept.append(measure(ours, here, 5, XDG_CACHE_HOME=cache))
        warm.append(measure(ours, here, 5, BPFKIT_CACHE="0"))
    table = [
        ("import", median(bcc, "import"), median(warm, "import")),
        ("first ever on a machine", median(bcc, "first"), median(first_ever, "first")),
        ("first of a process, not cached", median(bcc, "first"), median(warm, "first")),
        ("again, not cached", median(bcc, "again"), median(warm, "again")),
        ("first of a process, cached", median(bcc, "first"), median(kept, "first")),
        ("again, cached", median(bcc, "again"), median(kept, "again")),
        ("peak RSS of the process, MiB", median(bcc, "rss"), median(warm, "rss")),
        ("peak RSS with children, MiB", median(bcc, "rss"), total(warm)),
        ("peak RSS of the process, cached", median(bcc, "rss"), median(kept, "rss")),
    ]
    for label, a, b in table:
        print(f"{name}: {label:<{32 - len(name)}}{a:9.1f}{b:9.1f}{a / b if b else 0:7.1f}x")


def total(rounds: Sequence[dict[str, float]]) -> float:
    """The median peak of a process and its children."""
    return statistics.median(found["rss"] + found["children"] for found in rounds)


if __name__ == "__main__":
    main()
