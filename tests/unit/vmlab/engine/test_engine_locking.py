from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vmlab.engine.locking import making
from vmlab.errors import CacheError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_that_of_the_cache_whatever_was_copied(tmp_path: Path, number: int) -> None:
    with pytest.raises(CacheError) as caught, making(tmp_path):
        raise OSError(number, os.strerror(number), "/usr/lib/source.py")
    assert str(caught.value).startswith(f"{tmp_path}: {os.strerror(number)}; vmlab prune")


def test_what_else_is_refused_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"^/usr/lib/source\.py: Permission denied"),
        making(tmp_path),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/usr/lib/source.py")
