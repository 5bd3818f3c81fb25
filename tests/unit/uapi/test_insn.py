from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpfkit.uapi.insn import CALL, Insn, decode_insn

insns = st.builds(
    Insn,
    code=st.integers(0, 0xFF),
    dst_reg=st.integers(0, 15),
    src_reg=st.integers(0, 15),
    off=st.integers(-(2**15), 2**15 - 1),
    imm=st.integers(-(2**31), 2**31 - 1),
)


@given(insns, st.sampled_from(["little", "big"]))
def test_encode_then_decode_is_identity(insn: Insn, order: str) -> None:
    assert order in ("little", "big")
    data = insn.encode(order)  # type: ignore[arg-type]
    assert decode_insn(b"\0" * 8 + data, 8, order) == insn  # type: ignore[arg-type]


def test_a_call_is_encoded_as_the_manual_says() -> None:
    assert Insn(CALL, imm=14).encode() == bytes.fromhex("85000000 0e000000")
