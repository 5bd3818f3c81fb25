from __future__ import annotations

import io

import pytest
from elftools.elf.elffile import ELFFile

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.compiler.api import compile_c
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.obj.read import read_object
from tests.fakes.kernel_facts import FakeKernel

TEXT = """
#include <bpf/bpf_helpers.h>
int tc = 1;
SEC("tc") int other(void *ctx) { return tc; }
SEC("xdp") int xdp(void *ctx) { return 2; }
char license[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("arch", ["x86_64", "s390x"])
def test_functions_and_objects_may_be_named_like_sections(arch: str) -> None:
    elf = compile_c(
        Source(TEXT), Target(kernel=FakeKernel(decode(encode([]))), dialect="libbpf", arch=arch)
    ).elf
    table = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    assert table is not None
    names = [symbol.name for symbol in table.iter_symbols()]
    assert {"xdp", "tc", "license", "other"} <= set(names)
    assert not [name for name in names if "named_like" in name]
    if arch == "x86_64":
        spec = read_object(elf)
        assert spec.license == "GPL"
        assert set(spec.programs) == {"xdp", "other"}


def test_a_program_of_bcc_named_like_its_section_compiles() -> None:
    text = "struct xdp_md { int data; };\nint xdp(struct xdp_md *ctx) { return 2; }\n"
    spec = read_object(compile_c(Source(text), Target(kernel=FakeKernel())).elf)
    assert set(spec.programs) == {"xdp"}
