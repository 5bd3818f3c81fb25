"""bcc takes names as bytes or str; inside, we use str."""

from __future__ import annotations

import os

Text = bytes | str

WE = "this implementation of bcc"
"""Who lacks what the kernel has."""


def to_text(value: Text) -> str:
    """``value`` as str, undecodable bytes kept as the file system does."""
    return os.fsdecode(value)


def to_bytes(value: Text) -> bytes:
    """``value`` as bytes."""
    return os.fsencode(value)
