"""``vmlab list`` and ``vmlab fetch``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from vmlab import report
from vmlab.cache import Cache, cache_root
from vmlab.lock import load_pins, save_pin
from vmlab.manifest import load_kernels, load_sets, resolve_set
from vmlab.model import Kernel, KernelImage
from vmlab.obtain import Obtainer


def list_kernels(arguments: argparse.Namespace) -> int:
    """Show the declared kernels and sets, and what is cached."""
    cache, pins = Cache(cache_root(os.environ)), load_pins()
    cached = {entry.id: entry for entry in cache.entries()}
    sets = load_sets()
    records = []
    for kernel in load_kernels():
        entry, pin = cached.get(kernel.id), pins.get(kernel.id)
        records.append(
            {
                "id": kernel.id,
                "series": kernel.series,
                "pinned": pin.release if pin else None,
                "cached": entry.release if entry else None,
                "size_bytes": entry.size if entry else 0,
                "sources": [source.kind for source in kernel.sources],
                "sets": [name for name, each in sets.items() if kernel.id in each.kernels],
                "cmdline": list(kernel.cmdline),
                "why": kernel.why,
                "differs": kernel.differs,
            }
        )
    if arguments.json:
        report.emit_json(
            {"kernels": records, "sets": {name: list(each.kernels) for name, each in sets.items()}}
        )
        return 0
    rows = [
        (
            str(record["id"]),
            str(record["pinned"] or "-"),
            report.size_text(cached[str(record["id"])].size) if record["cached"] else "-",
            ", then ".join(source.kind for source in kernel.sources),
            ", ".join(name for name, each in sets.items() if kernel.id in each.kernels),
            kernel.why,
        )
        for record, kernel in zip(records, load_kernels(), strict=True)
    ]
    report.emit_table(
        "Kernels", ("kernel", "pinned", "cached", "from", "sets", "why it is here"), rows
    )
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    """Get kernels, all or none of each; with ``--update-lock`` pin the newest of their series."""
    kernels = resolve_set(",".join(arguments.kernel))
    obtainer = Obtainer(
        Cache(cache_root(os.environ)),
        load_pins(),
        report.notice,
        force=arguments.force,
        watch=report.watch_download,
    )
    images = [_fetch_one(obtainer, kernel, arguments.update_lock) for kernel in kernels]
    _show(images, arguments.json)
    return 0


def _fetch_one(obtainer: Obtainer, kernel: Kernel, update_lock: bool) -> KernelImage:
    if not update_lock or all(source.kind != "debian" for source in kernel.sources):
        return obtainer.obtain(kernel)
    pin = obtainer.newest_pin(kernel)
    before = obtainer.pins.get(kernel.id)
    obtainer.pins = {**obtainer.pins, kernel.id: pin}
    image = obtainer.obtain(kernel)
    if pin != before:
        report.notice(f"pinned {pin.release} in {save_pin(kernel.id, pin)}")
    return image


def _show(images: Sequence[KernelImage], as_json: bool) -> None:
    if as_json:
        report.emit_json(
            [
                {
                    "id": image.id,
                    "release": image.release,
                    "image": str(image.image),
                    "modules": str(image.modules) if image.modules else None,
                    "config": str(image.config) if image.config else None,
                    "digest": image.digest,
                    "origin": image.origin,
                }
                for image in images
            ]
        )
    else:
        rows = [
            (image.id, image.release, image.origin, str(image.image.parent)) for image in images
        ]
        report.emit_table("Ready to boot", ("kernel", "release", "from", "where"), rows)
