from __future__ import annotations

import pytest

from bpfkit.obj.sections import SECTIONS, read_section
from bpfkit.uapi.bpf import AttachType, ProgFlag, ProgType

# Attach types that no section names: perf events have a program type of their own, and struct_ops
# is attached as a map.
UNNAMED = {AttachType.PERF_EVENT, AttachType.STRUCT_OPS}


def test_every_program_type_has_a_section() -> None:
    assert {row.type for row in SECTIONS} == set(ProgType) - {ProgType.UNSPEC}


def test_every_attach_type_has_a_section() -> None:
    named = {row.attach_type for row in SECTIONS}
    assert set(AttachType) - named == UNNAMED


def test_every_section_has_one_row() -> None:
    words = [row.word for row in SECTIONS]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("section", "word", "rest"),
    [
        pytest.param("xdp.frags/devmap", "xdp.frags/devmap", "", id="two-words"),
        pytest.param("xdp/eth0", "xdp", "eth0", id="one-word"),
        pytest.param("?cgroup/connect4", "cgroup/connect4", "", id="optional"),
        pytest.param("lsm_cgroup/socket_bind", "lsm_cgroup", "socket_bind", id="target"),
        pytest.param("fentry.multi.s/vfs_*", "fentry.multi.s", "vfs_*", id="pattern"),
    ],
)
def test_a_section_is_its_word_and_the_rest(section: str, word: str, rest: str) -> None:
    row, found = read_section(section)
    assert row is not None
    assert (row.word, found) == (word, rest)


def test_what_may_sleep_has_the_flag() -> None:
    for row in SECTIONS:
        if row.word.endswith(".s"):
            assert row.flags & ProgFlag.SLEEPABLE, row.word
