"""Storage of sockets, files and tasks: bcc has the macros and cannot open the tables."""

from __future__ import annotations

import os
import socket
import tempfile
from typing import Any

import pytest

from bpfkit import BPF
from conformance.case import case


def check_storage(t: Any, key: Any) -> None:  # noqa: ANN401 - tables are as dynamic as bcc's
    """Set, read and delete what belongs to the object of ``key``."""
    with pytest.raises(KeyError):
        t[key]
    t[key] = t.Leaf(7)
    assert t[key].value == 7
    number = key if isinstance(key, int) else key.fileno()
    assert t[t.Key(number)].value == 7
    with pytest.raises(Exception, match="has no keys to walk over"):
        t.items()
    del t[key]
    with pytest.raises(KeyError):
        del t[key]


@case("maps/bcc/sk-storage", kernel="5.2", feature="map_type/sk_storage")
def test_a_sockets_storage_is_found_by_the_socket() -> None:
    """BPF_SK_STORAGE is read and written from Python with a socket or its descriptor as key."""
    with BPF(text="BPF_SK_STORAGE(t, u64);") as b, socket.socket() as one:
        check_storage(b["t"], one)
        check_storage(b["t"], one.fileno())


@case("maps/bcc/inode-storage", kernel="5.10", feature="map_type/inode_storage", config="BPF_LSM")
def test_a_files_storage_is_found_by_a_file() -> None:
    """BPF_INODE_STORAGE is read and written from Python with a file as key."""
    with BPF(text="BPF_INODE_STORAGE(t, u64);") as b, tempfile.TemporaryFile() as one:
        check_storage(b["t"], one)


@case("maps/bcc/task-storage", kernel="5.11", feature="map_type/task_storage")
def test_a_tasks_storage_is_found_by_a_pidfd() -> None:
    """BPF_TASK_STORAGE is read and written from Python with a pidfd as key."""
    with BPF(text="BPF_TASK_STORAGE(t, u64);") as b:
        one = os.pidfd_open(os.getpid())
        try:
            check_storage(b["t"], one)
        finally:
            os.close(one)
