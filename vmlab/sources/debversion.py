"""The order of Debian package versions: deb-version(7), "Sorting algorithm"."""

from __future__ import annotations

import re
from functools import cmp_to_key
from itertools import zip_longest

_PARTS = re.compile(r"(\D*)(\d*)")


def compare_versions(left: str, right: str) -> int:
    """Return a number below, equal to or above 0: ``left`` is older than, as old as, newer."""
    left_epoch, left_upstream, left_revision = _split(left)
    right_epoch, right_upstream, right_revision = _split(right)
    return (
        left_epoch - right_epoch
        or _compare_part(left_upstream, right_upstream)
        or _compare_part(left_revision, right_revision)
    )


version_key = cmp_to_key(compare_versions)
"""Sort key of a version."""


def _split(version: str) -> tuple[int, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch), upstream, revision


def _compare_part(left: str, right: str) -> int:
    for (left_text, left_number), (right_text, right_number) in zip_longest(
        _PARTS.findall(left), _PARTS.findall(right), fillvalue=("", "")
    ):
        left_weights, right_weights = _weights(left_text), _weights(right_text)
        if left_weights != right_weights:
            return -1 if left_weights < right_weights else 1
        if difference := int(left_number or 0) - int(right_number or 0):
            return difference
    return 0


def _weights(text: str) -> list[int]:
    # A tilde sorts before the end of the part, which sorts before letters, which sort before the
    # rest.
    return [-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in text] + [0]
