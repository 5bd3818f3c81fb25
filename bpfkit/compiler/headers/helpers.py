"""Declarations of the BPF helpers a program names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...uapi.helpers import by_name

_RESULT_TAG = re.compile(r"^(struct|union) (\w+) \*$")
_PARAM_TAG = re.compile(r"\b(struct|union) (\w+)")


def declare_helpers(words: Iterable[str], taken: Iterable[str], *, bcc: bool = True) -> list[str]:
    """Return a constant function pointer for each helper in ``words`` that is not in ``taken``.

    ``bcc`` asks for the results as bcc declares them.
    """
    wanted = (by_name().keys() & set(words)) - set(taken)
    chosen = sorted((by_name()[name] for name in wanted), key=lambda helper: helper.number)
    lines = [
        f"{word} {tag};" for helper in chosen for word, tag in _PARAM_TAG.findall(helper.params)
    ]
    lines = list(dict.fromkeys(lines))
    return lines + [helper.declaration(bcc=bcc) for helper in chosen]


def result_tags(words: Iterable[str]) -> set[tuple[str, str]]:
    """Return the records that helpers give pointers to: a program reads them unnamed."""
    matches = (_RESULT_TAG.match(by_name()[name].result) for name in by_name().keys() & set(words))
    return {(match[1], match[2]) for match in matches if match}
