from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from bpfkit.compat.bcc.histogram import (
    json_histograms,
    linear_histogram,
    log2_histogram,
    log2_rows,
    stars,
)

KBYTES = """\
     kbytes              : count     distribution
         0 -> 1          : 3        |                                        |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 211      |**********                              |
         8 -> 15         : 0        |                                        |
        16 -> 31         : 0        |                                        |
        32 -> 63         : 0        |                                        |
        64 -> 127        : 1        |                                        |
       128 -> 255        : 800      |****************************************|
"""

LINEAR = """\
     kbytes        : count     distribution
        0          : 3        |******                                  |
        1          : 0        |                                        |
        2          : 0        |                                        |
        3          : 0        |                                        |
        4          : 19       |****************************************|
"""


def scalar(counts: dict[int, int]) -> list[tuple[Any, Any]]:
    return [(ctypes.c_int(slot), ctypes.c_ulonglong(n)) for slot, n in counts.items()]


class DiskKey(ctypes.Structure):
    _fields_ = [("disk", ctypes.c_char * 8), ("slot", ctypes.c_ulonglong)]


class PaddedKey(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("__pad_1", ctypes.c_char * 4),
        ("slot", ctypes.c_ulonglong),
    ]


def disks(*rows: tuple[bytes, int, int]) -> list[tuple[Any, Any]]:
    return [(DiskKey(d, s), ctypes.c_ulonglong(n)) for d, s, n in rows]


def test_powers_of_two_as_bcc_prints_them() -> None:
    assert log2_histogram(scalar({1: 3, 3: 211, 7: 1, 8: 800}), "kbytes") == KBYTES


def test_one_row_for_each_value_as_bcc_prints_them() -> None:
    assert linear_histogram(scalar({0: 3, 4: 19}), "kbytes") == LINEAR


def test_above_32_slots_the_wide_form_is_used() -> None:
    lines = log2_histogram(scalar({33: 10, 34: 5}), "nsecs").splitlines()
    assert lines[0] == "               nsecs                         : count     distribution"
    assert (
        lines[-1]
        == "          8589934592 -> 17179869183          : 5        |**********          |"
    )


def test_slot_32_is_still_narrow() -> None:
    rows = log2_rows([0] * 32 + [1] + [0] * 32, "x", False)
    assert rows[-1] == "2147483648 -> 4294967295 : 1        |" + "*" * 40 + "|"


@pytest.mark.parametrize(
    "counts", [pytest.param({}, id="empty"), pytest.param({0: 5}, id="slot-0-only")]
)
def test_nothing_to_show_is_no_text(counts: dict[int, int]) -> None:
    assert log2_histogram(scalar(counts)) == ""


def test_linear_slot_0_alone_is_shown() -> None:
    assert len(linear_histogram(scalar({0: 5})).splitlines()) == 2


def test_leading_zeroes_are_left_out_on_request() -> None:
    text = log2_histogram(scalar({3: 4, 5: 8}), "x", strip_leading_zero=True)
    assert [line.split(":")[0].split() for line in text.splitlines()[1:]] == [
        ["4", "->", "7"],
        ["8", "->", "15"],
        ["16", "->", "31"],
    ]


def test_each_bucket_has_its_section_in_the_order_first_seen() -> None:
    text = log2_histogram(disks((b"sdb", 1, 1), (b"sda", 1, 2), (b"sdb", 2, 1)), "us", "disk")
    assert text.startswith("\ndisk = b'sdb'\n     us ")
    assert text.index("b'sdb'") < text.index("b'sda'")
    assert text.count("disk = ") == 2


def test_sections_are_named_and_sorted_by_the_callers_functions() -> None:
    text = log2_histogram(
        disks((b"sdb", 1, 1), (b"sda", 1, 2)),
        "us",
        "disk",
        section_print_fn=bytes.decode,
        bucket_sort_fn=sorted,
    )
    assert text.startswith("\ndisk = sda\n")
    assert "\ndisk = sdb\n" in text


def test_bucket_fn_joins_buckets() -> None:
    text = linear_histogram(
        disks((b"sda1", 0, 1), (b"sda2", 1, 1)), bucket_fn=lambda disk: disk[:3]
    )
    assert text.count("Bucket ptr = ") == 1


def test_a_filler_between_bucket_and_slot_is_passed_over() -> None:
    items = [(PaddedKey(7, b"", 1), ctypes.c_ulonglong(3))]
    assert log2_histogram(items, "x", "pid").splitlines()[1] == "pid = 7"


@pytest.mark.parametrize(
    ("histogram", "slot"),
    [
        pytest.param(log2_histogram, 65, id="log2"),
        pytest.param(linear_histogram, 1025, id="linear"),
    ],
)
def test_a_slot_outside_is_an_index_error(histogram: Callable[..., str], slot: int) -> None:
    with pytest.raises(IndexError, match=f"of {slot} exceeds max of {slot}"):
        histogram(scalar({slot: 1}))


def test_json_has_the_intervals_of_the_printed_rows() -> None:
    (entry,) = json_histograms(scalar({1: 3, 3: 211}), "kbytes")
    assert entry["data"] == [
        {"interval-start": 0, "interval-end": 1, "count": 3},
        {"interval-start": 2, "interval-end": 3, "count": 0},
        {"interval-start": 4, "interval-end": 7, "count": 211},
    ]


def test_json_names_the_bucket() -> None:
    (entry,) = json_histograms(disks((b"sda", 1, 1)), section_header="disk")
    assert entry["disk"] == b"sda"


@pytest.mark.parametrize(
    ("count", "largest", "expected"),
    [(0, 7, 0), (7, 7, 40), (1, 40, 1), (1, 80, 0), (3, 80, 1), (1, 1000, 0), (211, 800, 10)],
)
def test_a_bar_is_proportional(count: int, largest: int, expected: int) -> None:
    assert len(stars(count, largest, 40)) == expected
