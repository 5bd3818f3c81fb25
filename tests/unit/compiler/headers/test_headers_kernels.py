"""Realistic programs parse without an error on the types of every kernel at hand.

The running kernel's BTF is used when there is one; other kernels are those the lab has got, whose
``vmlinux`` holds a .BTF section.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.types import Btf
from bpfkit.compiler.api import parse_source
from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from tests.fakes.kernel_facts import FakeKernel
from tests.unit.compiler.headers.kernel_texts import TEXTS

RUNNING = Path("/sys/kernel/btf/vmlinux")
LAB = Path.home() / ".cache" / "bpfkit-vmlab" / "kernels"


def images() -> list[Path]:
    found = [RUNNING] if RUNNING.exists() else []
    return found + sorted(LAB.glob("*/*/vmlinux"))


@cache
def types_of(image: Path) -> Btf:
    if image == RUNNING:
        return decode(image.read_bytes())
    elffile = pytest.importorskip("elftools.elf.elffile")
    with image.open("rb") as file:
        section = elffile.ELFFile(file).get_section_by_name(".BTF")
        if section is None:
            pytest.skip(f"{image.parent.parent.name} has no BTF")
        return decode(section.data())


@pytest.mark.parametrize("name", list(TEXTS))
@pytest.mark.parametrize("image", images(), ids=lambda path: path.parent.parent.name)
def test_a_program_parses(image: Path, name: str) -> None:
    kernel = FakeKernel(types_of(image), options={"CONFIG_NUMA": "y"})
    _, said = parse_source(Source(TEXTS[name], f"{name}.c"), Target(kernel))
    assert not [d.render() for d in said if d.severity is Severity.ERROR]
