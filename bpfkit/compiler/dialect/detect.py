"""Which dialect a text is written in: what it includes says so.

Nobody who writes for bcc includes ``vmlinux.h`` or libbpf's headers, and a program for libbpf
cannot do without them. The name of the file decides where a text includes nothing that tells.
"""

from __future__ import annotations

import re

BCC = "bcc"
LIBBPF = "libbpf"
SUFFIX = ".bpf.c"

_TELLING = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"](?:bpf/|(?:[^>"\n]*/)?vmlinux\.h[>"])', re.M)


def dialect_of(text: str, name: str = "") -> str:
    """The dialect of a text: "libbpf" or "bcc". ``name`` is the file it comes from."""
    if name.endswith(SUFFIX):
        return LIBBPF
    if "bpf/" not in text and "vmlinux.h" not in text:
        return BCC
    from ..headers.scan import without_comments  # most texts get by without the scanner

    return LIBBPF if _TELLING.search(without_comments(text)) else BCC
