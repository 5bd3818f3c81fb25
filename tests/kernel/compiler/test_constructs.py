"""Every C construct gives in the kernel what it gives natively."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.compiler.minimal import Loaded
from tests.unit.compiler.lower.plain import build

pytestmark = pytest.mark.kernel

PROGRAMS = Path(__file__).parent / "programs"
TEXT = (PROGRAMS / "constructs.c").read_text()
EXPECTED = json.loads((PROGRAMS / "expected.json").read_text())
NAMES = re.findall(r"^T\((\w+)\)$", TEXT, re.MULTILINE)

CONTEXT = """
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
"""
PROGRAM = """
int run_{name}(struct xdp_md *ctx)
{{
	u32 *data = (u32 *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	if ((void *)(data + 2) > end)
		return 0;
	return {name}(data[0], data[1]);
}}
"""


def text_of(names: list[str]) -> str:
    return TEXT + CONTEXT + "".join(PROGRAM.format(name=name) for name in names)


def test_the_expected_results_are_those_of_this_text() -> None:
    assert list(EXPECTED["results"]) == NAMES


CASES = [
    pytest.param(name, cpu, id=f"{name}-{cpu}")
    for name in NAMES
    for cpu in ("v2", "v3", "v4")
    if (name, cpu) != ("atomics", "v2")  # fetching atomics came with CPU v3
]


@pytest.mark.parametrize(("name", "cpu"), CASES)
def test_a_construct_gives_what_it_gives_natively(name: str, cpu: str) -> None:
    with Loaded(build(text_of([name]), cpu=cpu)) as loaded:
        results = [
            loaded.run(f"run_{name}", struct.pack("<II", a, b) + bytes(56))
            for a, b in EXPECTED["inputs"]
        ]
    wrong = [
        (pair, got, want)
        for pair, got, want in zip(
            EXPECTED["inputs"], results, EXPECTED["results"][name], strict=True
        )
        if got != want
    ]
    assert not wrong


@pytest.fixture(scope="module")
def whole() -> Iterator[Loaded]:
    with Loaded(build(text_of(NAMES))) as loaded:
        yield loaded


def test_all_constructs_live_in_one_object(whole: Loaded) -> None:
    assert len(whole.programs) == len(NAMES)
