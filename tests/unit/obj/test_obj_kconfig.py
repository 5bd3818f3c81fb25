"""Externs of section .kconfig: laid out from their declarations, filled as their types ask."""

from __future__ import annotations

import struct

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Array, Btf, Datasec, Enum, Enumerator, Int, SecVar, Struct, Type, Var
from bpfkit.errors import LoadError
from bpfkit.obj.kconfig import SECTION, kconfig_data, kconfig_size, read_kconfig
from bpfkit.uapi.btf import VarLinkage

TYPES: dict[str, tuple[Type, ...]] = {
    "int": (Int("int", 4, 32, signed=True),),
    "u64": (Int("unsigned long long", 8, 64),),
    "bool": (Int("_Bool", 1, 8, bool_=True),),
    "char": (Int("char", 1, 8, signed=True),),
    "tristate": (Enum("libbpf_tristate", 4, (Enumerator("TRI_NO", 0),)),),
    "string": (Int("char", 1, 8, signed=True), Int("int", 4, 32), Array(1, 2, 8)),
    "struct": (Struct("s", 4, ()),),
}


def declared(*kinds: str) -> Btf:
    """Externs a, b, … of the named types."""
    types: list[Type] = []
    variables = []
    for name, kind in zip("abcdefg", kinds, strict=False):
        start = len(types)
        for part in TYPES[kind]:
            if isinstance(part, Array):
                part = Array(start + 1, start + 2, part.count)
            types.append(part)
        types.append(Var(name, len(types), VarLinkage.GLOBAL_EXTERN))
        variables.append(SecVar(len(types), 0, 0))
    types.append(Datasec(SECTION, 0, tuple(variables)))
    return decode(encode(types))


def filled(kind: str, value: str | None, *, weak: bool = False) -> bytes:
    btf = declared(kind)
    return kconfig_data(btf, read_kconfig(btf, {"a"} if weak else ()), lambda name: value)


def test_each_extern_is_aligned_as_its_type() -> None:
    found = read_kconfig(declared("bool", "int", "char", "u64"), {"b"})
    assert [(v.name, v.offset, v.size) for v in found] == [
        ("a", 0, 1),
        ("b", 4, 4),
        ("c", 8, 1),
        ("d", 16, 8),
    ]
    assert kconfig_size(found) == 24
    assert [v.weak for v in found] == [False, True, False, False]


def test_an_object_without_the_section_has_none() -> None:
    btf = decode(encode([Int("int", 4, 32)]))
    assert read_kconfig(btf, ()) == ()
    assert kconfig_size(()) == 0


@pytest.mark.parametrize(
    ("kind", "value", "content"),
    [
        pytest.param("bool", "y", b"\1", id="yes"),
        pytest.param("bool", "n", b"\0", id="no"),
        pytest.param("tristate", "m", struct.pack("=I", 2), id="module"),
        pytest.param("tristate", "y", struct.pack("=I", 1), id="built-in"),
        pytest.param("char", "m", b"m", id="letter"),
        pytest.param("char", "7", b"\7", id="small-number"),
        pytest.param("int", "250", struct.pack("=i", 250), id="number"),
        pytest.param("int", "-5", struct.pack("=i", -5), id="negative"),
        pytest.param("u64", "0xffffffff80000000", struct.pack("=Q", 0xFFFFFFFF80000000), id="hex"),
        pytest.param("string", '"(none)"', b"(none)\0\0", id="string"),
        pytest.param("string", '"far too long"', b"far too\0", id="cut-string"),
    ],
)
def test_a_value_is_written_as_its_type_asks(kind: str, value: str, content: bytes) -> None:
    assert filled(kind, value) == content


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        pytest.param("bool", "m", "enum libbpf_tristate", id="module-as-bool"),
        pytest.param("int", "y", "as bool", id="yes-as-int"),
        pytest.param("int", '"x"', "array of char", id="string-as-int"),
        pytest.param("string", "12", "as an integer", id="number-as-string"),
        pytest.param("int", "0x100000000", "larger integer", id="too-large"),
        pytest.param("struct", "12", "as an integer", id="struct"),
    ],
)
def test_what_does_not_fit_is_an_error(kind: str, value: str, words: str) -> None:
    with pytest.raises(LoadError, match=rf"'a' is .*{words}"):
        filled(kind, value)


def test_an_option_that_is_not_set_has_to_be_weak() -> None:
    with pytest.raises(LoadError, match=r"'a'.*__weak"):
        filled("int", None)
    assert filled("int", None, weak=True) == bytes(4)
