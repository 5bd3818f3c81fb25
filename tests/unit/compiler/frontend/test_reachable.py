"""Which headers libclang is given."""

from __future__ import annotations

import pytest

from bpfkit.compiler.frontend.reachable import reachable_headers
from bpfkit.compiler.parse_input import ParseInput

EMPTY = dict.fromkeys(("linux/fs.h", "linux/sched.h", "net/sock.h", "net/tcp.h"), "")


def reached(text: str, flags: tuple[str, ...] = (), **own: str) -> set[str]:
    given = ParseInput("p.c", text, headers={**EMPTY, **own}, flags=flags)
    return set(reachable_headers(given))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("int x;", set(), id="none"),
        pytest.param("#include <linux/fs.h>\n", {"linux/fs.h"}, id="brackets"),
        pytest.param(' # include "net/tcp.h"\n', {"net/tcp.h"}, id="quotes"),
        pytest.param('/* " < */ #include "net/tcp.h"', {"net/tcp.h"}, id="comment-before"),
        pytest.param("#include \\\n<linux/fs.h>", {"linux/fs.h"}, id="continued"),
        pytest.param("#if __has_include(<net/tcp.h>)", {"net/tcp.h"}, id="has-include"),
        pytest.param("#include <linux/none.h>", set(), id="unknown"),
        pytest.param("#define H <net/tcp.h>\n#include H", set(EMPTY), id="computed"),
        pytest.param("#if __has_include(H)", set(EMPTY), id="has-computed"),
        pytest.param("#if defined(__has_include)", set(), id="asked-for-has-include"),
    ],
)
def test_only_named_headers_are_given(text: str, names: set[str]) -> None:
    assert reached(text) == names


def test_a_flag_that_includes_gives_every_header() -> None:
    assert reached("int x;", ("-include", "linux/fs.h")) == set(EMPTY)
    assert reached("int x;", ("-DH=<net/tcp.h>",)) == {"net/tcp.h"}


def test_headers_with_content_are_given_with_what_they_name() -> None:
    own = {"net/own.h": '#include "sock.h"\n#include "../linux/fs.h"\n'}
    assert reached("int x;", **own) == {"net/own.h", "net/sock.h", "linux/fs.h"}
