"""bcc takes names as bytes or str; inside, we use str."""

from __future__ import annotations

import os

Text = bytes | str


def to_text(value: Text) -> str:
    """``value`` as str, undecodable bytes kept as the file system does."""
    return os.fsdecode(value)


def to_bytes(value: Text) -> bytes:
    """``value`` as bytes."""
    return os.fsencode(value)
