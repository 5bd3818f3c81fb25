"""What every link must keep to."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable

import pytest

from bpfkit.errors import NotSupportedError
from bpfkit.links.base import Attachable, Link, Method
from bpfkit.links.bpf_link import BpfLink

WITHOUT_DESCRIPTOR = (Method.NETLINK, Method.COMMAND, Method.SOCKET)


def check_as_object(link: Link, another: Attachable | None) -> None:
    """A bpf_link tells about itself and takes another program; others say that they cannot."""
    if isinstance(link, BpfLink):
        assert link.info().id
        if another is not None:
            link.update(another)
            assert link.program == another.name
        return
    with pytest.raises(NotSupportedError, match=f"information of an .* {link.method}"):
        link.info()
    with pytest.raises(NotSupportedError, match="only a bpf_link"):
        link.pin("/sys/fs/bpf/name")


def check_link(attach: Callable[[], Link], another: Attachable | None = None) -> None:
    """Run a hook's link through its life. ``attach`` makes a new one at each call.

    ``another`` is a program that a bpf_link can be updated to.
    """
    with attach() as link:
        assert not link.closed
        assert link.hook
        assert link.program
        assert link.target
        assert f"'{link.program}'" in repr(link)
        assert isinstance(link.method, Method)
        if link.method in WITHOUT_DESCRIPTOR and link.hook != "raw_socket":
            with pytest.raises(ValueError, match="no descriptor"):
                link.fileno()
        else:
            assert link.fileno() >= 0
        check_as_object(link, another)
    assert link.closed
    link.close()  # twice is harmless
    with pytest.raises(ValueError, match="closed"):
        link.fileno()

    # What was closed can be attached again: nothing was left behind.
    attach().close()

    # A link that nobody holds is detached, and somebody is told.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        link = attach()
        del link
        gc.collect()
    assert any(w.category is ResourceWarning and "never closed" in str(w.message) for w in caught)
    attach().close()
