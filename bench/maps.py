"""Our typed maps beside bcc's tables, in one run: microseconds for each element.

    python bench/maps.py [--bcc PYTHON] [--rounds N]

Needs root, and bcc with kernel headers. Every number is the median of ``--rounds`` processes, run
in turns; in each it is the median of several tries. What counts is time on a CPU, the kernel's
included, so that other work on the machine disturbs little. A ratio is how many times faster we
are.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMON = """
import ctypes, json, resource, statistics, time
N = 10_000
found = {}
def time_of(name, work, per=N, tries=11):
    took = []
    for _ in range(tries):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    found[name] = statistics.median(took) / per * 1e6
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""
BCC = (
    COMMON
    + '''
from bcc import BPF
b = BPF(text="""
struct k { u64 a, b; }; struct v { u64 a, b, c, d; };
BPF_HASH(t, u64, u64, 10000); BPF_HASH(s, struct k, struct v, 10000);
BPF_PERCPU_HASH(p, u64, u64, 10000); BPF_HASH(million, u64, u64, 1000000);
""")
t, s, p, million = (b[name] for name in ("t", "s", "p", "million"))
plain = {i: i * i for i in range(N)}
def assign():
    for k, v in plain.items(): t[ctypes.c_ulonglong(k)] = ctypes.c_ulonglong(v)
time_of("m[k] = v", assign)
def look():
    for k in plain: t[ctypes.c_ulonglong(k)].value
time_of("m[k]", look)
def build(table, items):
    keys, leaves = (table.Key * len(items))(), (table.Leaf * len(items))()
    for i, (k, v) in enumerate(items.items()): keys[i], leaves[i] = k, v
    return keys, leaves
ready = build(t, plain)
def update():
    t.items_update_batch(*build(t, plain))
time_of("update from a dict", update)
time_of("update, prebuilt", lambda: t.items_update_batch(*ready))
def all_of(items):
    for k, v in items: pass
time_of("items", lambda: all_of(t.items()))
time_of("items, batch", lambda: all_of(t.items_lookup_batch()))
keys, leaves = (s.Key * N)(), (s.Leaf * N)()
for i in range(N):
    keys[i].a = keys[i].b = i
    leaves[i].a = leaves[i].b = leaves[i].c = leaves[i].d = i
s.items_update_batch(keys, leaves)
time_of("items, struct", lambda: all_of(s.items()))
time_of("items, struct, batch", lambda: all_of(s.items_lookup_batch()))
for i in range(N): p[p.Key(i)] = p.Leaf(*([i] * len(p.Leaf())))
time_of("items, per CPU", lambda: all_of(p.items()), tries=3)
million.items_update_batch(*build(million, dict.fromkeys(range(1_000_000), 1)))
time_of("items, a million, batch", lambda: all_of(million.items_lookup_batch()), 1_000_000, 1)
def removed():
    t.items_update_batch(*ready)
    began = time.process_time()
    t.items_delete_batch(ready[0])
    return time.process_time() - began
found["delete all"] = statistics.median(removed() for _ in range(11)) / N * 1e6
print(json.dumps(found))
'''
)
OURS = (
    COMMON
    + """
from dataclasses import dataclass
from bpfkit.codec.codec import codec_of
from bpfkit.codec.ctype import u64
from bpfkit.codec.from_class import codec_from
from bpfkit.codec.types_of import types_of
from bpfkit.maps.hash import HashMap
from bpfkit.maps.percpu import PerCpuHashMap
@dataclass
class Key:
    a: u64
    b: u64
@dataclass
class Leaf:
    a: u64
    b: u64
    c: u64
    d: u64
types, ids = types_of(codec_from(Key), codec_from(Leaf))
key, leaf = (codec_of(types, id) for id in ids)
t = HashMap.create(key="u64", value="u64", max_entries=N)
s = HashMap.create(key=key, value=leaf, max_entries=N)
p = PerCpuHashMap.create(key="u64", value="u64", max_entries=N)
million = HashMap.create(key="u64", value="u64", max_entries=1_000_000)
plain = {i: i * i for i in range(N)}
def assign():
    for k, v in plain.items(): t[k] = v
time_of("m[k] = v", assign)
def look():
    for k in plain: t[k]
time_of("m[k]", look)
time_of("update from a dict", lambda: t.update(plain))
found["update, prebuilt"] = found["update from a dict"]
def all_of(items):
    for k, v in items: pass
time_of("items", lambda: all_of(t.items()))
found["items, batch"] = found["items"]
s.update(((i, i), (i, i, i, i)) for i in range(N))
time_of("items, struct", lambda: all_of(s.items()))
found["items, struct, batch"] = found["items, struct"]
p.update({i: [i] * p.cpus for i in range(N)})
time_of("items, per CPU", lambda: all_of(p.items()))
million.update((i, 1) for i in range(1_000_000))
before = peak()
time_of("items, a million, batch", lambda: all_of(million.items()), 1_000_000, 1)
found["MiB of memory for a million"] = peak() - before
def removed():
    t.update(plain)
    began = time.process_time()
    t.clear()
    return time.process_time() - began
found["delete all"] = statistics.median(removed() for _ in range(11)) / N * 1e6
for map in (t, s, p, million): map.close()
print(json.dumps(found))
"""
)


def measure(python: str, text: str) -> dict[str, float]:
    """Run a text and return what it found."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-W", "error::ResourceWarning", "-c", text],
        env=env, cwd="/", capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def median(rounds: Sequence[dict[str, float]], what: str) -> float:
    """The median of one number."""
    return statistics.median(found[what] for found in rounds)


def main() -> None:
    """Measure both sides in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bcc", default="/usr/bin/python3", help="the Python that has bcc")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    theirs, ours = [], []
    for _ in range(args.rounds):
        theirs.append(measure(args.bcc, BCC))
        ours.append(measure(sys.executable, OURS))
    print(f"{'10,000 elements, us for each':32}{'bcc':>9}{'bpfkit':>9}{'ratio':>8}")
    for name in theirs[0]:
        a, b = median(theirs, name), median(ours, name)
        print(f"{name:32}{a:9.2f}{b:9.2f}{a / b:7.1f}x")
    memory = median(ours, "MiB of memory for a million")
    print(f"reading a million elements takes {memory:.1f} MiB of memory")


if __name__ == "__main__":
    main()
