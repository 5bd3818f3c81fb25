from __future__ import annotations

from typing import cast

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Link
from bpfkit.links.by_section import attach_by_section, from_glob
from bpfkit.links.hooked import HookedProgram

Call = tuple[str, tuple[object, ...], dict[str, object]]


class FakeHooked:
    """A program that notes how it was attached."""

    name = "prog"

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __getattr__(self, method: str) -> object:
        def attach(*args: object, **named: object) -> Link:
            given = {k: v for k, v in named.items() if v}
            self.calls.append((method, args, given))
            return cast("Link", self)

        return attach


def attached(section: str) -> Call:
    program = FakeHooked()
    attach_by_section(cast("HookedProgram", program), section)
    (call,) = program.calls
    return call


@pytest.mark.parametrize(
    ("section", "method", "args", "named"),
    [
        ("kprobe/vfs_read", "kprobe", ("vfs_read",), {}),
        ("kprobe/vfs_read+0x8", "kprobe", ("vfs_read",), {"offset": 8}),
        ("kretprobe/f.isra.0", "kprobe", ("f.isra.0",), {"retprobe": True}),
        ("kprobe.multi/vfs_*", "kprobe_multi", (), {"pattern": "vfs_.*"}),
        ("kretprobe.multi/a?", "kprobe_multi", (), {"pattern": "a.", "retprobe": True}),
        ("kprobe.session/a", "kprobe_multi", (), {"pattern": "a", "session": True}),
        ("ksyscall/openat", "ksyscall", ("openat",), {}),
        ("kretsyscall/openat", "ksyscall", ("openat",), {"retprobe": True}),
        ("uprobe//bin/sh:main", "uprobe", ("/bin/sh", "main"), {}),
        ("uprobe/c:malloc+4", "uprobe", ("c", "malloc"), {"offset": 4}),
        ("uprobe.s//bin/sh:main", "uprobe", ("/bin/sh", "main"), {}),
        ("uprobe//bin/sh:0x1000", "uprobe", ("/bin/sh",), {"address": 0x1000}),
        ("uretprobe/c:malloc", "uprobe", ("c", "malloc"), {"retprobe": True}),
        ("uprobe.multi//a:m*", "uprobe_multi", ("/a",), {"pattern": r"m.*\Z"}),
        ("uprobe.session//a:m", "uprobe_multi", ("/a",), {"pattern": r"m\Z", "session": True}),
        ("usdt//a/b:prov:name", "usdt", ("/a/b", "prov", "name"), {}),
        ("tp/sched/sched_switch", "tracepoint", ("sched", "sched_switch"), {}),
        ("tracepoint/sched/sched_switch", "tracepoint", ("sched", "sched_switch"), {}),
        ("raw_tp/sched_switch", "raw_tracepoint", ("sched_switch",), {}),
        ("raw_tracepoint.w/x", "raw_tracepoint", ("x",), {}),
        ("fentry/vfs_read", "tracing", (), {}),
        ("?kprobe/vfs_read", "kprobe", ("vfs_read",), {}),
    ],
)
def test_a_section_is_a_call(
    section: str, method: str, args: tuple[object, ...], named: dict[str, object]
) -> None:
    assert attached(section) == (f"attach_{method}", args, named)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("kprobe", "kprobe/FUNCTION"),
        ("uprobe/c", "uprobe/PATH:SYMBOL"),
        ("uprobe.multi/c", "PATH:PATTERN"),
        ("usdt/c:name", "usdt/PATH:PROVIDER:NAME"),
        ("tp/sched", "tp/CATEGORY/EVENT"),
        ("xdp", "does not tell where"),
        (".text", "does not tell where"),
    ],
)
def test_a_section_that_says_too_little_is_told(section: str, expected: str) -> None:
    with pytest.raises(AttachError, match=expected):
        attached(section)


def test_a_pattern_of_the_shell_is_a_regular_expression() -> None:
    assert from_glob("a.b*c?") == r"a\.b.*c."
