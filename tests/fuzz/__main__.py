"""Fuzz the compiler for a while: ``python -m tests.fuzz --minutes 20``.

One process for each core; each goes through the checks in turns, with new seeds, until the time is
over. What differs is made small and printed whole; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bpfkit.collection import compile_text
from bpfkit.compiler.compiled import Compiled
from bpfkit.system import System
from conformance.fuzz.jit import Jit

from .checks import (
    Difference,
    Draw,
    Tools,
    check_arithmetic,
    check_pointers,
    check_robustness,
)
from .codec_check import check_codec
from .map_check import check_maps

Check = Callable[[Draw, Tools], None]
BATCH = 40
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def run_batch(check: Check, tools: Tools, number: int, until: float) -> tuple[int, str]:
    """Try a batch of programs; return how many, and the smallest that is wrong, "" for none.

    When the time is up nothing more is tried, nor made smaller.
    """
    tried, wrong = 0, ""

    @seed(number)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        suppress_health_check=QUIET,
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        nonlocal tried, wrong
        if time.monotonic() > until:
            raise TimeoutError
        tried += 1
        try:
            check(data.draw, tools)
        except Difference as found:
            wrong = str(found)
            raise

    try:
        attempt()
    except Difference:
        return tried, wrong
    except Exception as error:
        if time.monotonic() < until:
            return tried, f"the check itself failed: {type(error).__name__}: {error}"
    return tried, wrong


def work(minutes: float, number: int) -> dict[str, Any]:
    """Fuzz in this process until the time is over; return what came of it."""
    until = time.monotonic() + minutes * 60
    os.environ["BPFKIT_CACHE"] = "0"  # no text comes twice
    system = System.live()
    checks: dict[str, Check] = {"arithmetic": check_arithmetic, "robustness": check_robustness}
    found: dict[str, Any] = {"tried": {}, "compared": 0, "refused": 0, "wrong": []}

    def compile_(text: str, dialect: str) -> Compiled:
        return compile_text(text, system=system, dialect=dialect)

    with Jit() as jit:
        tools = Tools(jit, compile_)
        if tools.kernel:
            checks |= {"pointers": check_pointers, "codecs": check_codec, "maps": check_maps}
        turn = 0
        while time.monotonic() < until:
            for name, check in checks.items():
                tried, wrong = run_batch(check, tools, number + turn, until)
                found["tried"][name] = found["tried"].get(name, 0) + tried
                if wrong:
                    found["wrong"].append(f"{name}, seed {number + turn}:\n{wrong}")
            turn += 1
        found["compared"], found["refused"] = tools.compared, tools.refused
    return found


def main() -> int:
    """Run the workers, add up and tell."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        sys.stdout.write(json.dumps(work(args.minutes, args.seed)))
        return 0
    sys.stdout.write(f"fuzz: {args.jobs} at a time, {args.minutes:g} min, seed {args.seed}\n")
    sys.stdout.flush()
    argv = [sys.executable, "-m", "tests.fuzz", "--worker", "--minutes", str(args.minutes)]
    workers = [
        subprocess.Popen([*argv, "--seed", str(args.seed + 500_000_000 * job)], stdout=-1)
        for job in range(args.jobs)
    ]
    try:
        answers = [worker.communicate()[0] for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()
    return tell(answers, args.minutes)


def tell(answers: list[bytes], minutes: float) -> int:
    """Print the sum of what the workers found, and return the exit status."""
    crashed = sum(1 for answer in answers if not answer)
    found = [json.loads(answer) for answer in answers if answer]
    tried: dict[str, int] = {}
    for one in found:
        for name, count in one["tried"].items():
            tried[name] = tried.get(name, 0) + count
    wrong = [text for one in found for text in one["wrong"]]
    for text in wrong:
        sys.stdout.write(f"\n{text}\n")
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(tried.items()))
    compared, refused = (sum(one[what] for one in found) for what in ("compared", "refused"))
    sys.stdout.write(
        f"fuzz: {sum(tried.values()):,} texts ({counts}), {compared:,} programs compared, "
        f"{refused:,} of them only outside the kernel, whose verifier refused them; "
        f"{len(wrong)} differences, {crashed} crashes in {minutes:g} min\n"
    )
    return 1 if wrong or crashed else 0


if __name__ == "__main__":
    sys.exit(main())
