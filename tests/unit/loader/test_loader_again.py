"""A program whose plain load was refused is compiled again, with a helper's read in its place."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import StringTable, encode
from bpfkit.collection import Collection
from bpfkit.compiler.compiled import Compiled
from bpfkit.compiler.diagnostics import Loc
from bpfkit.errors import CompileError, VerifierError
from bpfkit.loader import load_object
from bpfkit.obj.spec import MapSpec, ObjectSpec, ProgramSpec
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType, ProgType
from bpfkit.uapi.insn import EXIT, MOV64_IMM, Insn
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

COUNTS = MapSpec("counts", MapType.HASH, 4, 8, 10)
LOG = """\
0: R1=ctx() R10=fp0
1: (61) r1 = *(u32 *)(r2 +0)
R2 invalid mem access 'scalar'
processed 2 insns
"""


def version(number: int, *, line: int = 7, column: int = 3, counts: MapSpec = COUNTS) -> ObjectSpec:
    """The object of a text; ``number`` tells its versions apart."""
    strings = StringTable(b"\0")
    file = strings.add("//program.c")
    code = Insn(MOV64_IMM, imm=number).encode() * 2 + Insn(EXIT).encode()
    lines = ((0, file, 0, 1 << 10 | 1), (1, file, 0, line << 10 | column))
    program = ProgramSpec("p", "xdp", code, ProgType.XDP, line_info=lines)
    return ObjectSpec("GPL", {"p": program}, {"counts": counts}, btf=decode(encode([], strings)))


class Compiler:
    """Gives the versions in order, and remembers what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *versions: ObjectSpec) -> None:
        self.asked: list[frozenset[Loc]] = []
        self.fails = False
        specs = {str(n).encode(): spec for n, spec in enumerate(versions)}
        monkeypatch.setattr("bpfkit.collection.read_object", specs.__getitem__)

    def __call__(self, external: frozenset[Loc]) -> Compiled:
        if self.fails:
            raise CompileError([])
        self.asked.append(external)
        return Compiled(str(len(self.asked) - 1).encode(), (), "")


@pytest.fixture
def system(tmp_path: Path) -> System:
    return fake_system(tmp_path, "6.1.0")[0]


@pytest.fixture
def calls(system: System) -> FakeSyscalls:
    assert isinstance(system.syscalls, FakeSyscalls)
    system.syscalls.verifier_log = LOG
    return system.syscalls


def accept(calls: FakeSyscalls, *numbers: int) -> None:
    """Let the verifier take the versions with these numbers only."""

    def refuse(request: ProgLoad) -> int:
        return 0 if request.insns[4] in numbers else errno.EACCES

    calls.refuse_program = refuse


def place(line: int = 7, column: int = 3) -> Loc:
    return Loc("program.c", line, column)


def test_the_refused_place_is_read_by_helper(
    system: System, calls: FakeSyscalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(calls, 2)
    compiler = Compiler(monkeypatch, version(2))
    with Collection(load_object(version(1), system), system, None, compiler) as collection:
        maps = len(calls.maps)
        program = collection.load_program("p")
        assert collection.load_program("p") is program
        assert len(calls.maps) == maps  # the same maps
    assert compiler.asked == [{place()}]
    assert [request.insns[4] for request in calls.programs] == [2]


def test_each_place_is_tried_once_then_its_line(
    system: System, calls: FakeSyscalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(calls)
    compiler = Compiler(monkeypatch, version(2, line=8), version(3, line=8), version(4, line=8))
    loaded = load_object(version(1), system)
    collection = Collection(loaded, system, None, compiler)
    with collection, pytest.raises(VerifierError) as refused:
        collection.load_program("p")
    assert refused.value.refused_load == ("program.c", 7, 3)  # the first one
    second = {place(), place(8)}
    assert compiler.asked == [{place()}, second, {*second, place(8, 0)}]


def test_attempts_are_bounded(
    system: System, calls: FakeSyscalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(calls)
    compiler = Compiler(monkeypatch, *(version(n, line=n) for n in range(10, 40)))
    collection = Collection(load_object(version(1), system), system, None, compiler)
    with collection, pytest.raises(VerifierError):
        collection.load_program("p")
    assert len(compiler.asked) == 8


@pytest.mark.parametrize("what", ["another refusal", "no text", "other maps", "an error in C"])
def test_the_verifiers_error_stays_when_that_does_not_help(
    system: System, calls: FakeSyscalls, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    accept(calls, 2)
    bigger = dataclasses.replace(COUNTS, max_entries=11)
    compiler = Compiler(
        monkeypatch, version(2, counts=bigger) if what == "other maps" else version(2)
    )
    compiler.fails = what == "an error in C"
    if what == "another refusal":
        calls.verifier_log = LOG.replace("'scalar'", "'map_value_or_null'")
    again = None if what == "no text" else compiler
    collection = Collection(load_object(version(1), system), system, None, again)
    with collection, pytest.raises(VerifierError):
        collection.load_program("p")
    assert calls.programs == []


def test_an_object_without_lines_has_no_place(system: System, calls: FakeSyscalls) -> None:
    accept(calls)
    bare = dataclasses.replace(version(1), btf=None)
    with load_object(bare, system) as loaded, pytest.raises(VerifierError) as refused:
        loaded.load_program("p")
    assert refused.value.refused_load is None
