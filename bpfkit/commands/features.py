"""``bpfkit features``: what this kernel supports, found out by trying."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("features", help="what this kernel supports, found out by trying")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--filter", default="", help="only features whose name has this text")
    parser.set_defaults(command=show_features)


def show_features(args: argparse.Namespace) -> int:
    """Probe and print."""
    from ..features.catalogue import CATALOGUE
    from ..system import System

    system = System.live()
    rows = []
    for feature in CATALOGUE:
        if args.filter in feature.name:
            rows.append((feature, system.features.get(feature)))
    release = ".".join(map(str, system.facts.version))
    if args.json:
        answers = {f.name: {**asdict(f), "support": str(answer)} for f, answer in rows}
        json.dump({"kernel": release, "features": answers}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    width = max((len(f.name) for f, _ in rows), default=0)
    sys.stdout.write(f"Linux {release}\n")
    for feature, answer in rows:
        since = f"since {feature.since}" if feature.since else ""
        sys.stdout.write(f"  {feature.name:<{width}}  {answer!s:<8} {since}\n".rstrip() + "\n")
    return 0
