"""Which of the known headers a text can include: libclang is given those alone.

Thousands of names are known, nearly all of them empty, and handing every one over takes longer than
parsing a small program.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from ..parse_input import ParseInput

# Names may overlap when a comment before the directive holds a quotation mark.
_NAMED = re.compile(r'[<"](?=([^<>"\n]+)[>"])')
# The name comes out of a macro, which may paste it together.
_COMPUTED = re.compile(
    r"(?:#|%:)[ \t]*(?:include|include_next|import)\b(?![ \t]*[<\"])"
    r"|__has_include(?:_next)?[ \t]*\((?![ \t]*[<\"])"
)


def reachable_headers(source: ParseInput) -> Mapping[str, str]:
    """Return the headers that ``source`` may include, all of them when that cannot be told."""
    headers = source.headers
    # A header with a content may include others by their place beside it.
    own = {name: text for name, text in headers.items() if text}
    texts = [("", source.text), ("", source.prelude), *(("", flag) for flag in source.flags)]
    texts += [(posixpath.dirname(name), text) for name, text in own.items()]
    found = dict(own)
    for folder, text in texts:
        text = text.replace("\\\r\n", "").replace("\\\n", "")
        if _COMPUTED.search(text) or text.startswith(("-include", "-imacros")):
            return headers
        found |= {name: headers[name] for name in _names(folder, text) if name in headers}
    return found


def _names(folder: str, text: str) -> Iterator[str]:
    """Give what ``text`` may include, as it is written and as seen from its own folder."""
    for name in _NAMED.findall(text):
        yield name
        if folder:
            yield posixpath.normpath(f"{folder}/{name}")
