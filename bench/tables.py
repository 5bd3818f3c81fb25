"""Our tables beside bcc's, in one run: time per entry to read and write them from Python.

    python bench/tables.py [--bcc PYTHON] [--ours PYTHON] [--root DIR] [--rounds N]

Needs root, and bcc with kernel headers. ``--bcc`` is the Python that has bcc (Debian's is
/usr/bin/python3), ``--root`` the directory of a debootstrap tree to run it in, for another version.
Ours runs in the same Python where it is of the version this runs in, or in ``--ours``. Each side
has a process of its own, in turns; every number is the smallest of all rounds, since whatever else
the machine does only adds. Nanoseconds of CPU time per entry, freeing what was made included; a
ratio is how many times less we take.

bcc before 0.31 gives numbers from items_lookup_batch(), later ones ctypes objects: "as objects"
makes them of its numbers. "building" is what passing a dictionary adds to a batch of arrays that
are there already.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Runs in a process of its own; argv: the module that has BPF, entries, entries of the large table.
MEASURE = """
import json, sys, time
module, n, large = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ours = module != "bcc"
BPF = __import__(module, fromlist=["BPF"]).BPF
b = BPF(text='''
struct key { u32 a; u32 b; u64 c; };
struct leaf { u64 a; u64 b; u64 c; u64 d; };
BPF_HASH(t, u64, u64, 10240);
BPF_HASH(s, struct key, struct leaf, 10240);
BPF_PERCPU_HASH(p, u64, u64, 10240);
BPF_ARRAY(a, u64, 10000);
BPF_HASH(big, u64, u64, %d);
''' % large)
found = {}
def measure(name, run, times=5, entries=n):
    best = min(timed(run) for _ in range(times))
    found[name] = best / entries * 1e9
def timed(run):
    began = time.process_time()
    run()
    return time.process_time() - began
t, s, p, a = b["t"], b["s"], b["p"], b["a"]
def fill():
    for i in range(n):
        t[t.Key(i)] = t.Leaf(i)
measure("set", fill)
keys = [t.Key(i) for i in range(n)]
measure("get", lambda: [t[k].value for k in keys])
measure("items", lambda: t.items())
measure("keys", lambda: list(t.keys()))
measure("values", lambda: t.values())
def as_object(kind, value):
    return value if isinstance(value, kind) else kind(value)
measure("batch", lambda: list(t.items_lookup_batch()))
measure("objects", lambda: [
    (as_object(t.Key, k), as_object(t.Leaf, v)) for k, v in t.items_lookup_batch()])
ka, la = (t.Key * n)(*range(n)), (t.Leaf * n)(*range(n))
measure("update", lambda: t.items_update_batch(ka, la), 9)
plain = {i: i for i in range(n)}
def from_plain():
    if ours:
        t.items_update_batch(plain)
        return
    ks, vs = (t.Key * n)(), (t.Leaf * n)()
    for i, (k, v) in enumerate(plain.items()):
        ks[i], vs[i] = k, v
    t.items_update_batch(ks, vs)
measure("plain", from_plain, 9)
found["building"] = max(found["plain"] - found["update"], 1)
measure("zero", lambda: t.zero(), 2)
def refill():
    t.items_update_batch(ka, la)
def clear():
    refill()
    t.clear()
measure("clear", clear, 2)
sk, sl = (s.Key * n)(), (s.Leaf * n)()
for i in range(n):
    sk[i].a = sk[i].c = sl[i].a = sl[i].d = i
s.items_update_batch(sk, sl)
measure("struct items", lambda: s.items())
for i in range(n):
    p[p.Key(i)] = p.Leaf(*range(len(p.Leaf())))
measure("percpu items", lambda: p.items())
measure("array values", lambda: a.values(), 5, 10000)
big = b["big"]
kb, lb = (big.Key * large)(*range(large)), (big.Leaf * large)()
big.items_update_batch(kb, lb)
del kb, lb
if ours:
    measure("large items", lambda: big.items(), 2, large)
measure("large batch", lambda: sum(1 for _ in big.items_lookup_batch()), 2, large)
print(json.dumps(found))
"""

# (what is shown, bcc's number, ours)
ROWS = (
    ("t[Key(i)] = Leaf(i)", "set", "set"),
    ("t[key]", "get", "get"),
    ("items()", "items", "items"),
    ("  beside items_lookup_batch()", "batch", "items"),
    ("  beside that, as objects", "objects", "items"),
    ("items_lookup_batch()", "batch", "batch"),
    ("  as objects", "objects", "batch"),
    ("keys()", "keys", "keys"),
    ("values()", "values", "values"),
    ("items_update_batch(arrays)", "update", "update"),
    ("  from a dictionary", "plain", "plain"),
    ("  building alone", "building", "building"),
    ("zero()", "zero", "zero"),
    ("items_update_batch, clear()", "clear", "clear"),
    ("items(), 16-byte keys, 32-byte", "struct items", "struct items"),
    ("items(), per-CPU", "percpu items", "percpu items"),
    ("values(), array", "array values", "array values"),
    ("1,000,000: items_lookup_batch()", "large batch", "large batch"),
    ("  beside it, items()", "large batch", "large items"),
)


def measure(command: Sequence[str], n: int, large: int) -> dict[str, float]:
    """Run `MEASURE` and return what it found."""
    argv = [*command[:-1], "-c", MEASURE, command[-1], str(n), str(large)]
    where = os.pathsep.join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])
    env = {**os.environ, "PYTHONPATH": where if command[-1] != "bcc" else ""}
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def same_python(theirs: str) -> str:
    """Their Python if our packages run in it, else this one: builds of one version differ by a
    tenth.
    """
    asked = [theirs, "-c", "import sys; print(*sys.version_info[:2])"]
    version = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    same = version == [str(part) for part in sys.version_info[:2]]
    return theirs if same else sys.executable


def main() -> None:
    """Measure both sides in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bcc", default="/usr/bin/python3", help="the Python that has bcc")
    parser.add_argument("--ours", help="the Python to run ours with")
    parser.add_argument("--root", help="directory of a tree to run bcc in (chroot)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--entries", type=int, default=10000)
    parser.add_argument("--large", type=int, default=1000000)
    args = parser.parse_args()
    theirs = [*(["chroot", args.root] if args.root else []), args.bcc, "bcc"]
    python = args.ours or same_python(args.bcc)
    bcc: list[dict[str, float]] = []
    ours: list[dict[str, float]] = []
    for _ in range(args.rounds):
        bcc.append(measure(theirs, args.entries, args.large))
        ours.append(measure([python, "bpfkit"], args.entries, args.large))
    print(f"{'ns per entry':34}{'bcc':>9}{'bpfkit':>9}{'ratio':>8}")
    for label, there, here in ROWS:
        a, b = min(found[there] for found in bcc), min(found[here] for found in ours)
        print(f"{label:34}{a:9.0f}{b:9.0f}{a / b:7.1f}x")


if __name__ == "__main__":
    main()
