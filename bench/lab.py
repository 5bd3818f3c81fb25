"""How long does ``vmlab run KERNEL -- true`` take: restored, cold and under virtme-ng, in one run.

    python bench/lab.py [KERNEL] [RUNS]

Wall time of the whole command, the interpreter's start included, in seconds. The kernel must be
cached; a first restored run makes the snapshot and is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ENGINES = {"snapshot": [], "cold": ["--no-snapshot"], "virtme": ["--engine", "virtme"]}


def measure(kernel: str, options: list[str]) -> float:
    """Seconds of one run."""
    argv = [sys.executable, "-m", "vmlab", "run", kernel, *options, "--", "true"]
    started = time.monotonic()
    subprocess.run(argv, check=True)
    return time.monotonic() - started


def main() -> None:
    """Measure and print one line for each engine."""
    kernel = sys.argv[1] if len(sys.argv) > 1 else "6.12"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    measure(kernel, ENGINES["snapshot"])
    medians = {}
    for engine, options in ENGINES.items():
        times = [measure(kernel, options) for _ in range(1 if engine == "virtme" else runs)]
        medians[engine] = statistics.median(times)
        print(f"{kernel} {engine:<8} {medians[engine]:6.2f} s  {[round(t, 2) for t in times]}")
    print(f"virtme / snapshot: {medians['virtme'] / medians['snapshot']:.0f} times")


if __name__ == "__main__":
    main()
