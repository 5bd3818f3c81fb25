"""bpfkit: BPF programs in C, compiled, loaded and read from Python.

`BPF` is bcc's class; `load` gives our own `Collection`; `compile_text` gives an object for any
kernel whose facts `read_facts` reads. Names are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .collection import Collection as Collection
    from .collection import compile_text as compile_text
    from .collection import load as load
    from .compat.bcc import BPF as BPF
    from .compat.bcc import USDT as USDT
    from .host.files import read_facts as read_facts
    from .links.prospects import explain_attach as explain_attach

__version__ = "0.1.0"

_HOMES = {
    "BPF": "compat.bcc",
    "USDT": "compat.bcc",
    "Collection": "collection",
    "compile_text": "collection",
    "explain_attach": "links.prospects",
    "load": "collection",
    "read_facts": "host.files",
}
__all__ = [
    "BPF",
    "USDT",
    "Collection",
    "__version__",
    "compile_text",
    "explain_attach",
    "load",
    "read_facts",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
