"""What maps hold before a program runs: configuration, other maps, programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Int
from bpfkit.errors import LoadError
from bpfkit.features.catalogue import probes
from bpfkit.features.probe import Features, Support
from bpfkit.loader import load_object
from bpfkit.obj.kconfig import HAS_COOKIE, HAS_WRAPPER, VERSION
from bpfkit.obj.spec import KconfigVar, MapSpec, ObjectSpec, ProgramSpec, Reloc, RelocKind
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag, MapType, ProgType
from bpfkit.uapi.insn import EXIT, LD_IMM64, MOV64_IMM, Insn
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

RETURN = Insn(MOV64_IMM).encode() + Insn(EXIT).encode()
WITH_MAP = Insn(LD_IMM64, 1).encode() + bytes(8) + RETURN
SLOT = MapSpec("slot", MapType.ARRAY, 4, 8, 1)
NAMES = (VERSION, HAS_COOKIE, HAS_WRAPPER, "CONFIG_HZ", "other")


def program(name: str, *maps: str) -> ProgramSpec:
    relocs = tuple(Reloc(0, RelocKind.MAP, m) for m in maps)
    return ProgramSpec(name, "xdp", WITH_MAP, ProgType.XDP, relocs=relocs)


def object_of(*programs: ProgramSpec, **maps: MapSpec) -> ObjectSpec:
    return ObjectSpec("GPL", {p.name: p for p in programs}, maps)


def system_with(root: Path, *, cookies: bool, wrapper: str) -> System:
    (root / "boot").mkdir()
    (root / "boot/config-6.12.1").write_text(f"CONFIG_HZ=250\n{wrapper}\n")
    (root / "proc").mkdir()
    (root / "proc/kallsyms").write_text("ffffffff81000000 T something\n")
    system, calls = fake_system(root)
    answer = Support.YES if cookies else Support.NO
    known = dict(probes(calls, system.facts))
    known["helper/bpf_get_attach_cookie"] = lambda: answer
    system.features = Features(known)
    return system


@pytest.mark.parametrize(
    ("cookies", "wrapper", "expected"),
    [
        pytest.param(True, "CONFIG_ARCH_HAS_SYSCALL_WRAPPER=y", (1, 1), id="new"),
        pytest.param(False, "", (0, 0), id="old"),
    ],
)
def test_configuration_is_filled_in(
    cookies: bool, wrapper: str, expected: tuple[int, int], tmp_path: Path
) -> None:
    btf = decode(encode([Int("int", 4, 32, signed=True), Int("_Bool", 1, 8, bool_=True)]))
    types = (1, 2, 2, 1, 1)
    variables = tuple(
        KconfigVar(name, kind, 4 * at, 4 if kind == 1 else 1, weak=True)
        for at, (name, kind) in enumerate(zip(NAMES, types, strict=True))
    )
    config = MapSpec(".kconfig", MapType.ARRAY, 4, 20, 1, initial=b"", frozen=True)
    spec = replace(object_of(**{".kconfig": config}), btf=btf, kconfig=variables)
    with load_object(spec, system_with(tmp_path, cookies=cookies, wrapper=wrapper)) as loaded:
        data = loaded.maps[".kconfig"].lookup(bytes(4)) or b""
    numbers = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 20, 4)]
    assert numbers == [(6 << 16) + (12 << 8) + 1, *expected, 250, 0]


def test_maps_are_put_into_maps(tmp_path: Path) -> None:
    outer = MapSpec(
        "outer", MapType.ARRAY_OF_MAPS, 4, 4, 4, inner=replace(SLOT, extra=0), slots=((2, "slot"),)
    )
    system, calls = fake_system(tmp_path)
    with load_object(object_of(slot=SLOT, outer=outer), system) as loaded:
        held = calls.maps[loaded.maps["outer"].fileno()].values
        slot = loaded.maps["slot"].info().id
    assert held[(2).to_bytes(4, "little")] == slot.to_bytes(4, "little")


def test_a_map_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    outer = MapSpec("outer", MapType.ARRAY_OF_MAPS, 4, 4, 4, inner=SLOT, slots=((0, "gone"),))
    with pytest.raises(LoadError, match="'outer' holds 'gone', which is no map"):
        load_object(object_of(outer=outer), fake_system(tmp_path)[0])


def test_programs_are_loaded_into_the_arrays_of_programs_that_use_them(tmp_path: Path) -> None:
    jumps = MapSpec("jumps", MapType.PROG_ARRAY, 4, 4, 4, slots=((1, "next"),))
    spec = object_of(program("first", "jumps"), program("next", "jumps"), jumps=jumps)
    system, calls = fake_system(tmp_path)
    assert isinstance(calls, FakeSyscalls)
    with load_object(spec, system) as loaded:
        loaded.load_program("first").close()
        assert [p.name for p in calls.programs] == ["first", "next"]
        loaded.load_program("first").close()
        assert len(calls.programs) == 3  # the array is filled once
        assert (1).to_bytes(4, "little") in calls.maps[loaded.maps["jumps"].fileno()].values


def test_a_slot_that_names_no_program_is_an_error(tmp_path: Path) -> None:
    jumps = MapSpec("jumps", MapType.PROG_ARRAY, 4, 4, 4, slots=((1, "gone"),))
    with (
        load_object(object_of(program("f", "jumps"), jumps=jumps), fake_system(tmp_path)[0]) as o,
        pytest.raises(LoadError, match="'jumps' holds 'gone', which is no program"),
    ):
        o.load_program("f")


def test_sizes_and_extras_are_passed_on(tmp_path: Path) -> None:
    maps = {
        "ring": MapSpec("ring", MapType.RINGBUF, 0, 0, 5000),
        "bloom": MapSpec("bloom", MapType.BLOOM_FILTER, 0, 4, 10, extra=3),
        "near": replace(SLOT, name="near", numa_node=1),
    }
    system, calls = fake_system(tmp_path)
    with load_object(object_of(**maps), system) as loaded:
        asked = {n: calls.maps[m.fileno()].request for n, m in loaded.maps.items()}
    assert (asked["ring"].max_entries, asked["bloom"].map_extra) == (8192, 3)
    assert (asked["near"].numa_node, asked["near"].flags) == (1, MapFlag.NUMA_NODE)
