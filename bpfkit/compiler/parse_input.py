"""What the frontend is given: the user's text and all that stands before it, with no files on
disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ParseInput:
    """One text ready for libclang. Every part is text in memory; nothing is read from the host,
    but for what ``flags`` name.

    ``base`` stands before everything else and is the same for many texts; where ``keep`` names a
    directory, it is kept there precompiled. ``prelude`` is included before the text (types, macros,
    helper declarations). Both count as system headers, so that line numbers of ``text`` stay the
    user's. ``headers`` maps what may stand between the brackets of ``#include <…>`` to the content
    it gives. ``macros`` names object-like macros whose final value is wanted.
    ``tail`` stands behind the text.
    """

    name: str
    text: str
    prelude: str = ""
    base: str = ""
    keep: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    macros: tuple[str, ...] = ("BPF_LICENSE",)
    tail: str = ""
