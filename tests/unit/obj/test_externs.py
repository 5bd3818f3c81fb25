from __future__ import annotations

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Btf, Datasec, Func, FuncProto, Int, SecVar, Type, Var
from bpfkit.errors import LoadError
from bpfkit.obj.externs import KSYMS, Extern, resolve_extern
from bpfkit.obj.relocate import POISON, Linked, link
from bpfkit.obj.spec import ObjectSpec, ProgramSpec, Reloc, RelocKind
from bpfkit.uapi.btf import FuncLinkage, VarLinkage
from bpfkit.uapi.insn import CALL, EXIT, LD_IMM64, Insn, decode_insn

INT = Int("int", 4, 32, signed=True)
EXTERN_CALL = Insn(CALL, src_reg=1, imm=-1).encode() + Insn(EXIT).encode()
EXTERN_ADDRESS = Insn(LD_IMM64, 1).encode() + bytes(8) + Insn(EXIT).encode()


def btf(*types: Type) -> Btf:
    return decode(encode(types))


LOCAL = btf(
    INT,
    FuncProto(1, ()),
    Func("kfunc", 2, FuncLinkage.EXTERN),
    Var("typed", 1, VarLinkage.GLOBAL_EXTERN),
    Var("address", 0, VarLinkage.GLOBAL_EXTERN),
    Func("kfunc___old", 2, FuncLinkage.EXTERN),
    Datasec(KSYMS, 4, tuple(SecVar(i, 0, 0) for i in (3, 4, 5, 6))),
)
KERNEL = btf(INT, FuncProto(1, ()), Func("other", 2), Func("kfunc", 2), Var("typed", 1))
MODULE = btf(INT, FuncProto(1, ()), Func("kfunc", 2))
EMPTY = btf(INT)


def find(symbol: str, *targets: Btf, weak: bool = False) -> Extern:
    addresses = {"address": 0xFFFFFFFF81234567}
    return resolve_extern(symbol, weak=weak, local=LOCAL, targets=targets, address_of=addresses.get)


@pytest.mark.parametrize(
    ("symbol", "targets", "expected"),
    [
        pytest.param("kfunc", (KERNEL,), Extern("kfunc", 4), id="function"),
        pytest.param("kfunc", (EMPTY, MODULE), Extern("kfunc", 3, 1), id="function-of-a-module"),
        pytest.param("kfunc___old", (KERNEL,), Extern("kfunc___old", 4), id="flavour"),
        pytest.param("typed", (KERNEL,), Extern("typed", 5), id="variable"),
        pytest.param(
            "address", (EMPTY,), Extern("address", address=0xFFFFFFFF81234567), id="address"
        ),
    ],
)
def test_a_symbol_is_found_as_it_is_declared(
    symbol: str, targets: tuple[Btf, ...], expected: Extern
) -> None:
    assert find(symbol, *targets) == expected


def test_a_weak_symbol_may_be_missing() -> None:
    assert find("kfunc", EMPTY, weak=True).missing
    assert not find("kfunc", KERNEL, weak=True).missing


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        pytest.param("kfunc", "no function 'kfunc'.*__weak", id="function"),
        pytest.param("typed", r"no symbol 'typed'.*describes no variables.*__weak", id="variable"),
    ],
)
def test_what_the_kernel_lacks_is_an_error_that_names_it(symbol: str, words: str) -> None:
    with pytest.raises(LoadError, match=words):
        find(symbol, EMPTY)


def linked(code: bytes, found: Extern) -> Linked:
    reloc = Reloc(0, RelocKind.EXTERN, found.symbol)
    spec = ObjectSpec("GPL", {"f": ProgramSpec("f", "xdp", code, relocs=(reloc,))}, {})
    return link(spec, "f", {}, None, lambda wanted: found)


def test_a_call_of_the_kernel_names_the_functions_type() -> None:
    result = linked(EXTERN_CALL, Extern("kfunc", 77))
    assert decode_insn(result.insns, 0) == Insn(CALL, src_reg=2, imm=77)
    assert result.modules == []


def test_a_call_of_a_module_names_its_place_among_the_descriptors() -> None:
    result = linked(EXTERN_CALL, Extern("kfunc", 77, module=9))
    assert decode_insn(result.insns, 0) == Insn(CALL, src_reg=2, off=1, imm=77)
    assert result.modules == [9]


def test_a_call_of_what_is_missing_is_poisoned() -> None:
    result = linked(EXTERN_CALL, Extern("kfunc", address=0))
    assert decode_insn(result.insns, 0) == Insn(CALL, imm=POISON)
    assert result.poisoned == {0: "kfunc()"}


def test_an_address_is_loaded_in_two_halves() -> None:
    result = linked(EXTERN_ADDRESS, Extern("address", address=0xFFFFFFFF81234567))
    low, high = decode_insn(result.insns, 0), decode_insn(result.insns, 8)
    assert (low.src_reg, low.imm & 0xFFFFFFFF, high.imm) == (0, 0x81234567, -1)


def test_a_variable_is_loaded_by_its_type() -> None:
    result = linked(EXTERN_ADDRESS, Extern("typed", 5))
    assert decode_insn(result.insns, 0) == Insn(LD_IMM64, 1, src_reg=3, imm=5)


def test_the_address_of_a_subprogram_is_the_distance_to_it() -> None:
    body = ProgramSpec("body", ".text", Insn(EXIT).encode())
    reloc = Reloc(0, RelocKind.CALL, "body")
    main = ProgramSpec("f", "xdp", EXTERN_ADDRESS, relocs=(reloc,))
    spec = ObjectSpec("GPL", {"f": main}, {}, {"body": body})
    result = link(spec, "f", {}, None)
    assert decode_insn(result.insns, 0) == Insn(LD_IMM64, 1, src_reg=4, imm=2)
    assert len(result.insns) == 4 * 8
