"""Linking programs: maps, data, calls and CO-RE, on hand-made instructions."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from bpfkit.btf.core import Access, CoreResult, Relocator
from bpfkit.errors import LoadError
from bpfkit.obj.read import read_object
from bpfkit.obj.relocate import POISON, link
from bpfkit.obj.sections import SECTIONS, read_section
from bpfkit.obj.spec import CoreReloc, ObjectSpec, ProgramSpec, Reloc, RelocKind
from bpfkit.uapi.bpf import ProgType

OBJECT = Path(__file__).resolve().parents[2] / "data" / "objects" / "counter.o"
LD_IMM64, LDX_W, LDX_DW, MOV_K, CALL, EXIT = 0x18, 0x61, 0x79, 0xB7, 0x85, 0x95


def insn(op: int, registers: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", op, registers, off, imm)


def fields(code: bytes | bytearray, index: int) -> tuple[int, int, int, int]:
    op, registers, off, imm = struct.unpack_from("<BBhi", code, index * 8)
    return op, registers, off, imm


def program(name: str, code: bytes, *relocs: Reloc, **rest: object) -> ProgramSpec:
    made = ProgramSpec(name, "section", code, relocs=relocs)
    return replace(made, **rest)  # type: ignore[arg-type]


def spec(*programs: ProgramSpec, functions: tuple[ProgramSpec, ...] = ()) -> ObjectSpec:
    return ObjectSpec(
        "GPL", {p.name: p for p in programs}, {}, functions={f.name: f for f in functions}
    )


def test_a_map_becomes_its_descriptor() -> None:
    code = insn(LD_IMM64, 1) + insn(0) + insn(EXIT)
    linked = link(spec(program("p", code, Reloc(0, RelocKind.MAP, "m"))), "p", {"m": 42}, None)
    assert fields(linked.insns, 0) == (LD_IMM64, 1 | 1 << 4, 0, 42)
    assert fields(linked.insns, 1) == (0, 0, 0, 0)


def test_data_becomes_a_descriptor_and_an_offset() -> None:
    code = insn(LD_IMM64, 2) + insn(0) + insn(EXIT)
    reloc = Reloc(0, RelocKind.DATA, ".data", 24)
    linked = link(spec(program("p", code, reloc)), "p", {".data": 7}, None)
    assert fields(linked.insns, 0) == (LD_IMM64, 2 | 2 << 4, 0, 7)
    assert fields(linked.insns, 1)[3] == 24


def test_called_functions_follow_the_program_once() -> None:
    inner = program("inner", insn(MOV_K) + insn(EXIT), func_info=((0, 9),))
    outer = program(
        "outer",
        insn(CALL) + insn(EXIT),
        Reloc(0, RelocKind.CALL, "inner"),
        line_info=((1, 5, 6, 7),),
    )
    main = program(
        "main",
        insn(CALL) + insn(CALL) + insn(EXIT),
        Reloc(0, RelocKind.CALL, "inner"),
        Reloc(1, RelocKind.CALL, "outer"),
    )
    linked = link(spec(main, functions=(inner, outer)), "main", {}, None)
    assert len(linked.insns) == 7 * 8
    assert fields(linked.insns, 0) == (CALL, 1 << 4, 0, 3 - 0 - 1)
    assert fields(linked.insns, 1) == (CALL, 1 << 4, 0, 5 - 1 - 1)
    assert fields(linked.insns, 5) == (CALL, 1 << 4, 0, 3 - 5 - 1)
    assert linked.func_info == [(3, 9)]
    assert linked.line_info == [(6, 5, 6, 7)]


@pytest.mark.parametrize(
    ("reloc", "words"),
    [
        pytest.param(Reloc(0, RelocKind.MAP, "gone"), "map 'gone'", id="map"),
        pytest.param(Reloc(0, RelocKind.CALL, "gone"), "calls 'gone'", id="function"),
        pytest.param(Reloc(0, RelocKind.EXTERN, "gone"), "external symbol 'gone'", id="extern"),
    ],
)
def test_what_is_missing_is_named(reloc: Reloc, words: str) -> None:
    with pytest.raises(LoadError, match=words):
        link(spec(program("p", insn(LD_IMM64) + insn(0), reloc)), "p", {}, None)


class Fixed(Relocator):
    """Gives the same result for every relocation."""

    def __init__(self, result: CoreResult) -> None:
        self.result = result

    def resolve(self, reloc: CoreReloc) -> CoreResult:
        return self.result


def core(code: bytes, result: CoreResult) -> tuple[bytearray, dict[int, str]]:
    made = program("p", code, core_relocs=(CoreReloc(0, 1, "0:1", 0),))
    linked = link(spec(made), "p", {}, Fixed(result))
    return linked.insns, linked.poisoned


def test_core_patches_the_offset_of_a_load() -> None:
    code, _ = core(insn(LDX_W, 0x10, 8), CoreResult(24, 8))
    assert fields(code, 0) == (LDX_W, 0x10, 24, 0)


def test_core_patches_an_immediate() -> None:
    code, _ = core(insn(MOV_K, 1, 0, 8), CoreResult(1336, 8))
    assert fields(code, 0) == (MOV_K, 1, 0, 1336)


def test_core_patches_a_wide_immediate() -> None:
    code, _ = core(insn(LD_IMM64, 1) + insn(0), CoreResult(0x1_8000_0002, 0))
    assert fields(code, 0)[3] & 0xFFFFFFFF == 0x8000_0002
    assert fields(code, 1)[3] == 1


def test_core_widens_a_load_of_an_unsigned_field() -> None:
    four, eight = Access(4, unsigned=True), Access(8, unsigned=True)
    code, _ = core(insn(LDX_W, 0x10, 8), CoreResult(16, 8, four, eight))
    assert fields(code, 0) == (LDX_DW, 0x10, 16, 0)


def test_core_refuses_to_widen_a_signed_load() -> None:
    with pytest.raises(LoadError, match="has 8 bytes in this kernel, not 4"):
        core(insn(LDX_W, 0x10, 8), CoreResult(16, 8, Access(4), Access(8), text="x.y"))


def test_core_poisons_what_the_kernel_lacks() -> None:
    code, poisoned = core(insn(LDX_W, 0x10, 8), CoreResult(None, 8, text="struct x.gone"))
    assert fields(code, 0) == (CALL, 0, 0, POISON)
    assert poisoned == {0: "struct x.gone"}


def test_the_compilers_object_links() -> None:
    made = read_object(OBJECT.read_bytes())
    assert made.btf is not None
    fds = {name: 100 + i for i, name in enumerate(made.maps)}
    linked = link(made, "count", fds, Relocator(made.btf, [made.btf]))
    assert len(linked.insns) >= len(made.programs["count"].insns)
    assert not linked.poisoned
    used = {
        fields(linked.insns, i)[3]
        for i in range(len(linked.insns) // 8)
        if fields(linked.insns, i)[:2] == (LD_IMM64, fields(linked.insns, i)[1])
        and fields(linked.insns, i)[1] >> 4 == 1
    }
    assert used == set(fds.values())


@pytest.mark.parametrize(
    ("name", "type", "target"),
    [
        pytest.param("kprobe/vfs_read", ProgType.KPROBE, "vfs_read", id="target"),
        pytest.param("xdp", ProgType.XDP, "", id="bare"),
        pytest.param("xdp/devmap", ProgType.XDP, "", id="two-words"),
        pytest.param("?fentry.s/x", ProgType.TRACING, "x", id="optional"),
        pytest.param("tp/sched/sched_switch", ProgType.TRACEPOINT, "sched/sched_switch", id="deep"),
        pytest.param(".bpf.fn.count", None, "", id="bcc"),
        pytest.param("kprobexyz/foo", None, "", id="only-whole-words"),
    ],
)
def test_sections_tell_type_and_target(name: str, type: ProgType | None, target: str) -> None:
    row, found = read_section(name)
    assert (row.type if row else None) == type
    assert found == target


def test_every_section_word_is_there_once() -> None:
    words = [row.word for row in SECTIONS]
    assert len(words) == len(set(words))
