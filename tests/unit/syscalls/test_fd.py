from __future__ import annotations

import gc
import os
import warnings

import pytest

from bpfkit.syscalls.fd import OwnedFd


def null() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_close_twice_is_harmless() -> None:
    number = null()
    fd = OwnedFd(number, "null")
    fd.close()
    fd.close()
    assert not is_open(number)
    assert fd.closed


def test_a_closed_descriptor_has_no_number() -> None:
    fd = OwnedFd(null(), "map 'x'")
    fd.close()
    with pytest.raises(ValueError, match="map 'x' is closed"):
        fd.fileno()


def test_leaving_the_block_closes() -> None:
    with OwnedFd(null(), "null") as fd:
        number = fd.fileno()
        assert is_open(number)
    assert not is_open(number)


def test_a_descriptor_nobody_holds_is_closed_and_named() -> None:
    number = null()
    fd = OwnedFd(number, "map 'lost'")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del fd
        gc.collect()
    assert not is_open(number)
    assert [str(w.message) for w in caught] == ["map 'lost' was never closed"]


def test_detach_gives_the_number_away() -> None:
    fd = OwnedFd(null(), "null")
    number = fd.detach()
    fd.close()
    assert is_open(number)
    os.close(number)
