"""Histograms of a table, printed: bcc's ``print_*_hist``."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from ..histogram import json_histograms, linear_histogram, log2_histogram

Bucket = Any
Pairs = list[tuple[Any, Any]]


class Histograms:
    """The methods; a table gives ``Key`` and ``items``."""

    Key: type[Any]

    def _pairs(self) -> Pairs:
        raise NotImplementedError

    def print_log2_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Bucket], object] | None = None,
        bucket_fn: Callable[[Bucket], Bucket] | None = None,
        strip_leading_zero: bool | None = None,
        bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
    ) -> None:
        """Print the table as a histogram of powers of two."""
        _show(
            log2_histogram(
                self._pairs(),
                val_type,
                section_header,
                section_print_fn,
                bucket_fn,
                bool(strip_leading_zero),
                bucket_sort_fn,
            )
        )

    def print_linear_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Bucket], object] | None = None,
        bucket_fn: Callable[[Bucket], Bucket] | None = None,
        strip_leading_zero: bool | None = None,
        bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
    ) -> None:
        """Print the table as a histogram with one row for each value."""
        _show(
            linear_histogram(
                self._pairs(),
                val_type,
                section_header,
                section_print_fn,
                bucket_fn,
                bool(strip_leading_zero),
                bucket_sort_fn,
            )
        )

    def print_json_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Bucket], object] | None = None,
        bucket_fn: Callable[[Bucket], Bucket] | None = None,
        bucket_sort_fn: Callable[[list[Bucket]], list[Bucket]] | None = None,
    ) -> None:
        """Print the table as histograms of powers of two, each a dictionary as Python shows it."""
        pairs = self._pairs()
        if not pairs and issubclass(self.Key, ctypes.Structure):
            return  # there is a histogram for each bucket, and no bucket
        shown = json_histograms(
            pairs, val_type, section_header, section_print_fn, bucket_fn, bucket_sort_fn
        )
        _show("".join(f"{histogram}\n" for histogram in shown))


def _show(text: str) -> None:
    # Printing is what the method is for; it goes where print() goes.
    print(text, end="")  # noqa: T201
