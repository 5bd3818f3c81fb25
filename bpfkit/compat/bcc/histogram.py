"""bcc's histograms as text: powers of two, or one row for each value.

The functions take what ``table.items()`` gives and return the whole text; printing is the table's
business. A scalar key is the slot itself. In a structure key the first member is the bucket (one
histogram for each) and the second the slot. The layout is bcc's to the byte, since scripts and
people compare it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# Keys and leaves are ctypes objects of classes made at run time: no narrower type can be written
# down.
CData = Any
Bucket = Any
Items = Iterable[tuple[CData, CData]]

LOG2_SLOTS = 65
LINEAR_SLOTS = 1025
FULL_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Format strings of one kind of histogram and how wide its bars are."""

    header: str
    row: str
    width: int


# Above 32 slots the bounds need twenty digits, and the bars give way.
_NARROW = Layout("     %-19s : count     distribution", "%10d -> %-10d : %-8d |%-40s|", 40)
_WIDE = Layout("               %-29s : count     distribution", "%20d -> %-20d : %-8d |%-20s|", 20)
_LINEAR = Layout("     %-13s : count     distribution", "        %-10d : %-8d |%-40s|", FULL_WIDTH)


def log2_histogram(
    items: Items,
    val_type: str = "value",
    section_header: str = "Bucket ptr",
    section_print_fn: Callable[[Bucket], object] | None = None,
    bucket_fn: Callable[[Bucket], Bucket] | None = None,
    strip_leading_zero: bool = False,
    bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
) -> str:
    """Emit a histogram whose slot ``i`` counts the values of ``i`` significant bits."""
    sections = group(items, LOG2_SLOTS, "log2", bucket_fn, bucket_sort_fn)
    return _emit(
        sections, section_header, section_print_fn, log2_rows, val_type, strip_leading_zero
    )


def linear_histogram(
    items: Items,
    val_type: str = "value",
    section_header: str = "Bucket ptr",
    section_print_fn: Callable[[Bucket], object] | None = None,
    bucket_fn: Callable[[Bucket], Bucket] | None = None,
    strip_leading_zero: bool = False,
    bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
) -> str:
    """Emit a histogram whose slot ``i`` counts the value ``i``."""
    sections = group(items, LINEAR_SLOTS, "linear", bucket_fn, bucket_sort_fn)
    return _emit(
        sections, section_header, section_print_fn, linear_rows, val_type, strip_leading_zero
    )


def json_histograms(
    items: Items,
    val_type: str = "value",
    section_header: str = "Bucket ptr",
    section_print_fn: Callable[[Bucket], object] | None = None,
    bucket_fn: Callable[[Bucket], Bucket] | None = None,
    bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
) -> list[dict[str, object]]:
    """Give each log2 histogram as a dictionary of ts, val_type and data.

    In a structure key's histograms the bucket is there too, under ``section_header``.
    """
    result = []
    for section in group(items, LOG2_SLOTS, "log2", bucket_fn, bucket_sort_fn):
        top = max((i for i, count in enumerate(section.counts) if count), default=0)
        entry: dict[str, object] = {
            "ts": time.strftime("%Y-%m-%d %H:%M:%S"),
            "val_type": val_type,
            "data": [
                {
                    "interval-start": 0 if i == 1 else 1 << (i - 1),
                    "interval-end": (1 << i) - 1,
                    "count": section.counts[i],
                }
                for i in range(1, top + 1)
            ],
        }
        if section.named:
            show = section_print_fn
            entry[section_header] = show(section.bucket) if show else section.bucket
        result.append(entry)
    return result


@dataclass(slots=True)
class Section:
    """The counts of one bucket by slot; ``named`` is False for the only section of a scalar key."""

    counts: list[int]
    bucket: Bucket = None
    named: bool = False


def group(
    items: Items,
    slots: int,
    kind: str,
    bucket_fn: Callable[[Bucket], Bucket] | None,
    bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None,
) -> list[Section]:
    """Sort items into sections, in the order buckets are first seen or ``bucket_sort_fn`` says.

    Raises IndexError when a slot is outside the histogram.
    """
    scalar = Section([0] * slots)
    found: dict[Bucket, Section] = {}
    structured = False
    for key, leaf in items:
        if isinstance(key, ctypes.Structure):
            structured = True
            first, second = _bucket_and_slot(type(key))
            bucket = getattr(key, first)
            if bucket_fn is not None:
                bucket = bucket_fn(bucket)
            slot = int(getattr(key, second))
            section = found.setdefault(bucket, Section([0] * slots, bucket, named=True))
        else:
            slot, section = _number(key), scalar
        if not 0 <= slot < slots:
            raise IndexError(f"Index in print_{kind}_hist() of {slot} exceeds max of {slots}.")
        section.counts[slot] = _number(leaf)
    if not structured:
        return [scalar]
    buckets = list(found)
    if bucket_sort_fn is not None:
        buckets = bucket_sort_fn(buckets)
    return [found[bucket] for bucket in buckets]


def _number(value: CData) -> int:
    # What a per-CPU table's reducer makes of its leaves is a plain number.
    number: CData = getattr(value, "value", value)
    return int(number)


def log2_rows(counts: Sequence[int], val_type: str, strip_leading_zero: bool) -> list[str]:
    """Rows of a log2 histogram; slot 0 is never shown, and no slot but 0 means no rows at all."""
    top = _top(counts)
    layout = _NARROW if top <= 32 else _WIDE
    rows = [layout.header % val_type] if top > 0 else []
    largest = max(counts)
    for i in _shown(counts, 1, top, strip_leading_zero):
        low = 0 if i == 1 else 1 << (i - 1)
        bar = stars(counts[i], largest, layout.width)
        rows.append(layout.row % (low, (1 << i) - 1, counts[i], bar))
    return rows


def linear_rows(counts: Sequence[int], val_type: str, strip_leading_zero: bool) -> list[str]:
    """Rows of a linear histogram, from slot 0 to the last that is not zero."""
    top = _top(counts)
    rows = [_LINEAR.header % val_type] if top >= 0 else []
    largest = max(counts)
    for i in _shown(counts, 0, top, strip_leading_zero):
        rows.append(_LINEAR.row % (i, counts[i], stars(counts[i], largest, _LINEAR.width)))
    return rows


def stars(count: int, largest: int, width: int) -> str:
    """Draw ``count`` as a bar, ``largest`` being ``width`` stars."""
    limit = width * count / largest - 1
    drawn = 0
    # A star is owed until its number passes the limit, so any fraction of a star above a whole one
    # counts as one.
    while drawn <= limit and drawn < width:
        drawn += 1
    return "*" * drawn


def _emit(
    sections: Sequence[Section],
    header: str,
    show: Callable[[Bucket], object] | None,
    rows: Callable[[Sequence[int], str, bool], list[str]],
    val_type: str,
    strip_leading_zero: bool,
) -> str:
    lines: list[str] = []
    for section in sections:
        if section.named:
            title = str(show(section.bucket)) if show else repr(section.bucket)
            lines += ["", f"{header} = {title}"]
        lines += rows(section.counts, val_type, strip_leading_zero)
    return "".join(line + "\n" for line in lines)


def _bucket_and_slot(key: type[ctypes.Structure]) -> tuple[str, str]:
    names = [field[0] for field in key._fields_]
    # Between a bucket and a wider slot stands a filler, which bcc's classes show as a member.
    padded = len(names) == 3 and names[1] == "__pad_1"
    return names[0], names[2 if padded else 1]


def _top(counts: Sequence[int]) -> int:
    return max((i for i, count in enumerate(counts) if count > 0), default=-1)


def _shown(counts: Sequence[int], first: int, top: int, strip_leading_zero: bool) -> range:
    if strip_leading_zero:
        while first <= top and not counts[first]:
            first += 1
    return range(first, top + 1)
