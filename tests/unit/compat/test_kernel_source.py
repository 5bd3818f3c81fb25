"""BCC_KERNEL_SOURCE: the tree to take types from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.compat.bcc import BPF
from bpfkit.errors import MissingDependencyError


def test_a_tree_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCC_KERNEL_SOURCE", str(tmp_path / "linux"))
    with pytest.raises(MissingDependencyError, match=r"linux/include/generated/autoconf\.h"):
        BPF(text="int f(void *ctx) { return 0; }")


def test_a_tree_without_configuration_says_how_to_configure_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "include/linux").mkdir(parents=True)
    (tmp_path / "include/linux/kconfig.h").write_text("")
    monkeypatch.setenv("BCC_KERNEL_SOURCE", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="modules_prepare"):
        BPF(text="int f(void *ctx) { return 0; }")
