"""Let scripts say ``from bcc import BPF``: our package under bcc's module names, for this process
only.
"""

from __future__ import annotations

import importlib
import sys

_MODULES = {
    "bcc": "bcc",
    "bcc.table": "bcc.table",
    "bcc.usdt": "bcc.usdt",
    "bcc.utils": "bcc.utils",
}


def install() -> None:
    """Make ``import bcc`` and its submodules give ours, even where the real bcc is installed."""
    for name, ours in _MODULES.items():
        sys.modules[name] = importlib.import_module(f".{ours}", __package__)
