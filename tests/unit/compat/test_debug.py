from __future__ import annotations

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Int
from bpfkit.compat.bcc import constants
from bpfkit.compat.bcc.debug import debug_output
from bpfkit.compiler.api import Compiled
from bpfkit.obj.spec import ObjectSpec, ProgramSpec
from bpfkit.uapi.insn import Insn

SPEC = ObjectSpec(
    "GPL",
    {"f": ProgramSpec("f", "xdp", Insn(0x95).encode())},
    {},
    btf=decode(encode([Int("int", 4, 32)])),
)


@pytest.mark.parametrize(
    ("flag", "beginning"),
    [
        (constants.DEBUG_LLVM_IR, "; module"),
        (constants.DEBUG_SOURCE, "f:  # xdp\n     0: exit\n"),
        (constants.DEBUG_BTF, "[1] INT 'int'"),
    ],
)
def test_each_flag_prints_its_part(flag: int, beginning: str) -> None:
    (piece,) = debug_output(flag, SPEC, Compiled(b"", (), "; module\n"))
    assert piece.startswith(beginning)
    assert piece.endswith("\n")


def test_no_flag_prints_nothing() -> None:
    assert list(debug_output(0, SPEC, Compiled(b"", (), ""))) == []
