from __future__ import annotations

import re
from pathlib import Path

from bpfkit.uapi import bpf
from bpfkit.uapi.bpf import AttachType, ProgFlag
from bpfkit.uapi.releases import ATTACH_RELEASES, FLAG_RELEASES

SOURCE = Path(bpf.__file__).read_text()


def told(cls: str) -> dict[str, str]:
    """Releases that the comments of a class in bpf.py tell."""
    body = SOURCE.split(f"class {cls}(")[1].split("\nclass ")[0]
    return dict(re.findall(r"^    (\w+) = .*  # BPF_\w+, v([\d.]+)$", body, re.MULTILINE))


def test_attach_types_came_when_their_comments_say() -> None:
    assert {kind.name: release for kind, release in ATTACH_RELEASES.items()} == told("AttachType")
    assert set(ATTACH_RELEASES) == set(AttachType)


def test_flags_came_when_their_comments_say() -> None:
    comments = told("ProgFlag")
    for flag, release in FLAG_RELEASES.items():
        assert comments[str(ProgFlag(flag).name)] == release
