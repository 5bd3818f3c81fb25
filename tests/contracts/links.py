"""What every link must keep to."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable

import pytest

from bpfkit.links.base import Link, Method


def check_link(attach: Callable[[], Link]) -> None:
    """Run a hook's link through its life. ``attach`` makes a new one at each call."""
    with attach() as link:
        assert not link.closed
        assert link.hook
        assert link.program
        assert link.target
        assert f"'{link.program}'" in repr(link)
        assert isinstance(link.method, Method)
        if link.method is Method.NETLINK:
            with pytest.raises(ValueError, match="no descriptor"):
                link.fileno()
        else:
            assert link.fileno() >= 0
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
