"""The tool texts: what they cover, and that each compiles for every kernel at hand.

``tests/data/tools/coverage.json`` lists the headers, names and map methods that programs written
for bcc are known to use, but for those of USDT, which exist only together with a traced process.
"""

from __future__ import annotations

import json
import platform
import re
from functools import cache
from pathlib import Path

import pytest

from bpfkit.compiler.api import parse_source, refuse
from bpfkit.compiler.dialect.apply import apply_dialect
from bpfkit.compiler.headers.scan import without_comments
from bpfkit.compiler.lower.module import emit_module
from bpfkit.compiler.programs import programs_of
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from tests.fakes.kernel_facts import FakeKernel
from tests.unit.compiler.headers.test_headers_kernels import RUNNING, images, types_of

FOLDER = Path(__file__).parents[3] / "data" / "tools"
TOOLS = sorted(FOLDER.glob("*.c"))
TAG = re.compile(r"^// program (\w+): (\w+)$", re.M)
KINDS = {"xdp", "tc", "socket_filter", "perf_event", "kprobe", "sock_ops", "sk_msg"} | {
    "cgroup_sockopt"
}
PREFIXES = (
    "kprobe__",
    "kretprobe__",
    "tracepoint__",
    "raw_tracepoint__",
    "kfunc__",
    "kretfunc__",
    "kmod_ret__",
    "lsm__",
    "bpf_iter__",
    "syscall__",
)


@cache
def coverage() -> dict[str, list[str]]:
    return json.loads((FOLDER / "coverage.json").read_text())  # type: ignore[no-any-return]


@cache
def formats() -> dict[str, str]:
    return json.loads((FOLDER / "formats.json").read_text())  # type: ignore[no-any-return]


@cache
def code() -> str:
    return "\n".join(without_comments(path.read_text()) for path in TOOLS)


def test_there_are_enough_tools_and_each_says_what_it_does() -> None:
    assert len(TOOLS) >= 44
    firsts = [path.read_text().split("\n", 1)[0] for path in TOOLS]
    assert all(re.fullmatch(r"// [A-Z].*\.", line) for line in firsts), firsts
    assert len(set(firsts)) == len(TOOLS)


def test_every_header_is_included_by_some_tool() -> None:
    included = set(re.findall(r"#include <([^>]+)>", code()))
    assert not set(coverage()["headers"]) - included


def test_every_name_is_used_by_some_tool() -> None:
    assert not set(coverage()["names"]) - set(re.findall(r"\w+", code()))


def test_every_map_method_is_used_by_some_tool() -> None:
    assert not set(coverage()["methods"]) - set(re.findall(r"\.(\w+)\(", code()))


class ToolKernel(FakeKernel):
    """A kernel whose tracepoints are those the tools name, with the fields they read."""

    def tracepoint_format(self, category: str, event: str) -> str | None:
        return formats().get(f"{category}/{event}")


def some_images() -> list[Path]:
    """The running kernel, the oldest and the newest of the lab's."""
    lab = sorted((path for path in images() if path != RUNNING), key=version_of)
    chosen = [path for path in images() if path == RUNNING] + lab[:1] + lab[1:][-1:]
    return chosen


def version_of(image: Path) -> tuple[int, int, int]:
    name = platform.release() if image == RUNNING else image.parent.parent.name
    major, minor = re.findall(r"\d+", name)[:2]
    return int(major), int(minor), 250


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
@pytest.mark.parametrize("image", some_images(), ids=lambda path: path.parent.parent.name)
def test_a_tool_becomes_programs(image: Path, tool: Path) -> None:
    kernel = ToolKernel(types_of(image), version=version_of(image), options={"CONFIG_NUMA": "y"})
    source, target = Source(tool.read_text(), tool.name), Target(kernel)
    unit, said = parse_source(source, target)
    refuse(said + apply_dialect(unit, target), source)
    names = {function.name for function in programs_of(unit, "bcc")}
    tags = dict(TAG.findall(source.text))
    assert names
    assert tags.keys() <= names
    assert set(tags.values()) <= KINDS
    untagged = {name for name in names - tags.keys() if not name.startswith(PREFIXES)}
    assert not untagged
    assert "define" in emit_module(unit, analyse(unit, target), arch="x86_64", cpu="v3")
