"""Random C structures: our layout, our compiler's and gcc's agree, and values survive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bpfkit.btf.types import Btf, Struct
from bpfkit.codec.codec import codec_of
from bpfkit.errors import DecodeError, EncodeError
from bpfkit.obj.read import read_object
from bpfkit.uapi.btf import BtfKind
from conformance.fuzz import declarations as c
from conformance.fuzz.fields import holds
from conformance.fuzz.native import PRELUDE
from tests.strategies.declarations import btf_of, declarations, valued
from tests.unit.codec.native import GCC, by_gcc
from tests.unit.compiler.lower.plain import build

slow = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=40)
    | st.builds(lambda: 10**5000)  # too long even for repr()
    | st.builds(object)
    | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)


@quick
@given(valued())
def test_what_was_encoded_is_decoded(made: tuple[c.Record, dict[str, Any]]) -> None:
    record, value = made
    for order in ("little", "big"):
        codec = codec_of(*btf_of(record, "little" if order == "little" else "big"))
        data = codec.encode(value)
        assert len(data) == codec.size == record.size
        decoded = codec.decode(data)
        assert holds(decoded, value)
        assert codec.encode(decoded) == data  # type: ignore[arg-type]
        assert codec.decode_many(data * 3, 3) == [decoded] * 3
        assert codec.encode_many([decoded, value]) == data * 2
        assert list(codec.view(data + data, 2)) == [decoded] * 2


@quick
@given(made=declarations(), data=st.data())
def test_any_bytes_are_decoded_and_come_back_the_same(made: c.Record, data: st.DataObject) -> None:
    codec = codec_of(*btf_of(made), names=data.draw(st.booleans()))
    raw = data.draw(
        st.binary(max_size=made.size) | st.binary(min_size=made.size, max_size=made.size + 9)
    )
    try:
        decoded = codec.decode(raw)
    except DecodeError:
        assert len(raw) < made.size
        return
    assert len(raw) >= made.size
    again = codec.encode(decoded)  # type: ignore[arg-type]
    assert repr(codec.decode(again)) == repr(decoded)  # a NaN is not equal to itself


@quick
@given(made=declarations(), value=ANYTHING, data=st.data())
@example(made=c.declare(lambda options: options[0]), value=[[[[]]]], data=None)
def test_any_value_is_encoded_whole_or_refused(
    made: c.Record, value: object, data: st.DataObject | None
) -> None:
    codec = codec_of(*btf_of(made))
    if data is not None and data.draw(st.booleans()):
        value = {m.name: data.draw(ANYTHING) for m in made.members if m.name}
    try:
        found = codec.encode(value)  # type: ignore[arg-type]
    except EncodeError:
        return
    assert len(found) == made.size


@slow
@given(valued())
def test_our_compiler_lays_out_what_we_do(made: tuple[c.Record, dict[str, Any]]) -> None:
    record, value = made
    text = f"{PRELUDE}{c.text_of(record)}struct {record.tag} it;\nint f(void *x) {{ return 0; }}\n"
    text = text.replace("return 0", "return *(volatile char *)&it")
    found = read_object(build(text)).btf
    assert found is not None
    (type_id,) = found.by_name(record.tag, {BtfKind.STRUCT})
    assert codec_of(found, type_id).encode(value) == codec_of(*btf_of(record)).encode(value)
    assert places(found, type_id) == {m.name: (m.at, m.bits) for m in record.members if m.name}


def places(btf: Btf, type_id: int) -> dict[str, tuple[int, int]]:
    found = btf.type(type_id)
    assert isinstance(found, Struct)
    return {m.name: (m.bit_offset, m.bits) for m in found.members if m.name}


@pytest.mark.skipif(GCC is None, reason="no gcc to compare with")
@slow
@given(valued())
def test_gcc_writes_the_same_bytes(made: tuple[c.Record, dict[str, Any]]) -> None:
    record, value = made
    data, offsets = by_gcc(record, value)
    assert offsets == {m.name: m.at // 8 for m in record.members if m.name and not m.bits}
    codec = codec_of(*btf_of(record))
    assert codec.encode(value) == data
    assert holds(codec.decode(data), value)
