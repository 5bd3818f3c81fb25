"""Values of our own as bytes: what a compilation gives, from a child or out of the cache.

Python's pickle, read by somebody who builds this package's classes of data and nothing else: a
child that a hostile text took over, or a damaged file, can at most give a wrong answer.
"""

from __future__ import annotations

import importlib
import io
import pickle
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

_PACKAGE = __package__.rpartition(".")[0] + "."


def write_value(value: object) -> bytes:
    """``value`` for a frame."""
    return pickle.dumps(value, protocol=5)


class _Reader(pickle.Unpickler):
    """Knows the classes of this package that hold data, and builds no others."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if module.startswith(_PACKAGE):
            found = getattr(importlib.import_module(module), name, None)
            if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} does not belong here")


def read_value(data: bytes) -> Any:  # noqa: ANN401 - whatever was written
    """Read what `write_value` wrote. Raises ValueError for anything else."""
    try:
        return _Reader(io.BytesIO(data)).load()
    except Exception as error:  # damaged data makes pickle raise nearly anything
        raise ValueError(f"this is no value of ours ({error!r})") from error
