"""The ctypes classes of a table's keys, leaves and events."""

from __future__ import annotations

import ctypes
from typing import Any

from ...btf.types import Btf
from ...codec.views import event_view, table_view


def view(btf: Btf | None, type_id: int, size: int) -> type[Any]:
    """The class for a key or leaf; plain bytes when the object does not say its type."""
    if btf is None or not type_id:
        return ctypes.c_char * size
    return table_view(btf, type_id)


def record_view(btf: Btf | None, type_id: int) -> type[Any] | None:
    """The class for the records of a buffer; None when no struct is sent through it."""
    if btf is None or not type_id:
        return None
    return event_view(btf, type_id)
