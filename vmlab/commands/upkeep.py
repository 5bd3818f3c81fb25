"""``vmlab doctor`` and ``vmlab prune``."""

from __future__ import annotations

import argparse
import os

from vmlab import report
from vmlab.cache import Cache, cache_root
from vmlab.lock import load_pins
from vmlab.manifest import load_kernel, load_kernels


def doctor(arguments: argparse.Namespace) -> int:
    """Check what the lab needs; 0 when nothing that it cannot do without is missing."""
    from vmlab.doctor import examine

    checks = examine(os.environ)
    if arguments.json:
        report.emit_json(
            [
                {
                    "check": c.name,
                    "ok": c.ok,
                    "needed": c.needed,
                    "detail": c.detail,
                    "mend": c.mend,
                }
                for c in checks
            ]
        )
    else:
        rows = []
        for check in checks:
            colour = "green" if check.ok else "red" if check.needed else "yellow"
            word = "ok" if check.ok else "problem" if check.needed else "note"
            rows.append((check.name, report.coloured(word, colour), check.detail, check.mend))
        report.emit_table("Doctor", ("check", "state", "found", "mend it with"), rows)
    return 0 if all(check.ok or not check.needed for check in checks) else 1


def prune(arguments: argparse.Namespace) -> int:
    """Remove what can be made again, showing what goes; what is in use stays."""
    from vmlab.prune import plan_prune, remove

    cache = Cache(cache_root(os.environ))
    named = frozenset(load_kernel(name).id for name in arguments.kernel)
    plan = plan_prune(
        cache,
        load_kernels(),
        load_pins(),
        named=named,
        everything=arguments.all,
        keep_derived=arguments.keep_snapshots,
    )
    done = (
        plan if arguments.dry_run else [item for item in plan if remove(cache, item, report.notice)]
    )
    if arguments.json:
        report.emit_json(
            [{"path": str(item.path), "what": item.what, "size_bytes": item.size} for item in done]
        )
        return 0
    verb = "would go" if arguments.dry_run else "freed"
    total = f"{report.size_text(sum(item.size for item in done))} {verb}"
    rows = [(item.what, report.size_text(item.size), str(item.path)) for item in done]
    report.emit_table("Prune", ("what", "size", "where"), rows, caption=total)
    return 0
