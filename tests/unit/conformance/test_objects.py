"""Objects made for guests: what is compiled, what is left where, and what a case is given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bpfkit.obj.read import read_object
from bpfkit.uapi.bpf import AttachType, ProgType
from conformance import objects, recording, texts
from conformance.layout import offsets
from conformance.objects import NotCompiledError, compile_group, object_of
from conformance.plugin import declared
from conformance.recording import compile_objects, recorded_facts, recorder_digest, stage_objects
from conformance.staging import OBJECTS, WHY_NOT
from conformance.texts import EXAMPLES, HOOKS, ONE_OBJECT, TOOLS, Text, names, read_text
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph
from vmlab.cache import Cache
from vmlab.errors import EngineError, LabError
from vmlab.model import Job, KernelImage, RunResult, Verdict

GOOD = "BPF_HASH(h, u32, u64);\nint kprobe__x(void *ctx) { h.increment(1); return 0; }\n"


class Facts(FakeKernel):
    """A kernel without types, on a machine like the lab's."""

    arch = "x86_64"


def facts() -> Any:  # noqa: ANN401 - stands for any of the real ones
    return Facts()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A group of two tools, one of which is wrong."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "good.c").write_text(GOOD)
    (folder / "with.dot.c").write_text(GOOD.replace("__x", "__y"))
    (folder / "wrong.c").write_text("int x = ;\n")
    monkeypatch.setitem(texts._FOLDERS, TOOLS, folder)
    return folder


# ---------------------------------------------------------------- texts


def test_all_texts_can_be_read_and_name_types_there_are() -> None:
    for group in (TOOLS, EXAMPLES, HOOKS, ONE_OBJECT):
        found = [read_text(group, name) for name in names(group)]
        assert found
        assert all(text.text.strip() for text in found)
    assert len(names(TOOLS)) >= 40
    assert "BPF_ARRAY(wanted" in read_text(ONE_OBJECT, "task").text


def test_types_that_no_name_tells_are_declared(folder: Path) -> None:
    (folder / "typed.c").write_text(
        "// A tool.\n// program a: xdp\n// program b: tc\n// program c: cgroup_sockopt\n"
    )
    text = read_text(TOOLS, "typed")
    assert text.type_of("a") == (ProgType.XDP, None)
    assert text.type_of("b") == (ProgType.SCHED_CLS, None)
    assert text.type_of("c") == (ProgType.CGROUP_SOCKOPT, AttachType.CGROUP_GETSOCKOPT)
    assert text.type_of("kprobe__d") == (None, None)


def test_a_type_that_there_is_not_is_refused(folder: Path) -> None:
    (folder / "typed.c").write_text("// program a: xpd\n")
    with pytest.raises(ValueError, match="'xpd'"):
        read_text(TOOLS, "typed")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('b = BPF(text="int f;")\nb.load_func("f", BPF.XDP)\n', id="in-place"),
        pytest.param(
            'text = """int f;"""\nb = BPF(text=text, debug=0)\nf = b.load_func("f", BPF.XDP)\n',
            id="variable",
        ),
    ],
)
def test_the_text_of_a_script_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setitem(texts._FOLDERS, EXAMPLES, tmp_path)
    (tmp_path / "one.py").write_text(script)
    text = read_text(EXAMPLES, "one")
    assert (text.text, text.types) == ("int f;", {"f": ProgType.XDP})


def test_a_script_without_a_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(texts._FOLDERS, EXAMPLES, tmp_path)
    (tmp_path / "one.py").write_text("print()\n")
    with pytest.raises(ValueError, match=r"one\.py"):
        read_text(EXAMPLES, "one")


# ---------------------------------------------------------------- objects


def test_what_fails_leaves_its_message_in_place_of_the_object(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_group(tmp_path / "out", TOOLS, facts())
    monkeypatch.setenv(OBJECTS, str(tmp_path / "out"))
    system: Any = None
    good = object_of(Text(TOOLS, "good", ""), system)
    assert list(read_object(good).programs) == ["kprobe__x"]
    other = object_of(Text(TOOLS, "with.dot", ""), system)
    assert list(read_object(other).programs) == ["kprobe__y"]
    with pytest.raises(NotCompiledError, match=r"wrong\.c:1:9: error: expected expression"):
        object_of(Text(TOOLS, "wrong", ""), system)


def test_without_objects_the_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / WHY_NOT).write_text("no such kernel")
    monkeypatch.setenv(OBJECTS, str(tmp_path))
    system: Any = None
    with pytest.raises(NotCompiledError, match="no such kernel"):
        object_of(Text(TOOLS, "good", ""), system)


def test_a_machine_that_nobody_prepared_compiles_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OBJECTS, raising=False)
    system: Any = SimpleNamespace(facts=facts())
    assert object_of(Text(TOOLS, "good", GOOD), system)[:4] == b"\x7fELF"


def test_one_text_and_one_kernel_give_the_same_bytes() -> None:
    system: Any = SimpleNamespace(facts=facts())
    text = Text(TOOLS, "good", GOOD)
    assert object_of(text, system) == object_of(text, system)


def test_members_are_found_inside_of_members_without_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = Graph()
    inner = graph.struct("", 8, ("a", graph.int, 0), ("b", graph.int, 32))
    graph.struct("outer", 16, ("first", graph.int, 0), ("", inner, 64))
    monkeypatch.setattr("conformance.layout.MEMBERS", {"outer": ("first", "b", "none")})
    assert offsets(graph.btf()) == {"outer.first": 0, "outer.b": 96}


# ---------------------------------------------------------------- host side


def image(digest: str = "d" * 64) -> KernelImage:
    return KernelImage("6.1", "6.1.0", Path("/none"), None, None, digest, "here")


def fake_run(verdict: Verdict, content: bytes, jobs: list[Job]) -> Any:  # noqa: ANN401
    def run(_image: KernelImage, job: Job, streams: Any, **_: object) -> RunResult:  # noqa: ANN401
        jobs.append(job)
        assert job.share is not None
        streams.stdout.write(b"what the guest said")
        if verdict is Verdict.OK:
            (job.share / "kernel.facts").write_bytes(content)
        return RunResult(verdict, 0, "fake", 1.0, "console")

    return run


def test_a_kernel_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []
    monkeypatch.setattr(recording, "run_job", fake_run(Verdict.OK, b"facts", jobs))
    cache = Cache(tmp_path)
    told: list[str] = []
    paths = {recorded_facts(image(), cache, told.append) for _ in range(2)}
    assert {path.read_bytes() for path in paths} == {b"facts"}
    assert (len(paths), len(jobs), len(told)) == (1, 1, 1)
    recorded_facts(image("e" * 64), cache, told.append)
    monkeypatch.setattr(recording, "recorder_digest", lambda: "other")
    recorded_facts(image(), cache, told.append)
    assert len(jobs) == 3
    # What `vmlab prune KERNEL` takes for made of it.
    assert all(path.name.startswith("6.1-") for path in (tmp_path / "facts").iterdir())


def test_a_kernel_that_does_not_come_as_far_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "run_job", fake_run(Verdict.FAILED, b"", []))
    with pytest.raises(LabError, match=r"kernel 6\.1.*what the guest said"):
        recorded_facts(image(), Cache(tmp_path), lambda _: None)
    assert not list((tmp_path / "facts").glob("*"))


def test_the_digest_is_of_the_recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recorder_digest()
    monkeypatch.setattr(recording, "_RECORDER", tmp_path)
    (tmp_path / "recorded.py").write_text("x = 1\n")
    assert len({before, recorder_digest()}) == 2


def test_objects_that_cannot_be_had_do_not_stop_the_suite(tmp_path: Path) -> None:
    def fails() -> Path:
        raise EngineError("no QEMU here")

    told: list[str] = []
    env = stage_objects(tmp_path, fails, fails, told.append)
    assert env == {OBJECTS: "/run/vmlab/share/objects"}
    assert told == ["no QEMU here"]
    assert (tmp_path / "objects" / WHY_NOT).read_text() == "no QEMU here"


def test_the_compiling_process_finds_no_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, str]] = []

    def run(argv: list[str], **how: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        seen.append(how["env"])
        return subprocess.CompletedProcess(argv, 1, "", "Traceback: no libclang")

    monkeypatch.setattr(subprocess, "run", run)
    assert "no libclang" in compile_objects(tmp_path, tmp_path, tmp_path)
    assert not any(Path(folder).exists() for folder in seen[0]["PATH"].split(os.pathsep))


def test_everything_is_compiled_for_two_kernels(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, object]] = []
    monkeypatch.setattr(objects, "read_facts", lambda path: SimpleNamespace(btf=path, path=path))
    monkeypatch.setattr(objects, "offsets", lambda _btf: {"a.b": 8})
    (tmp_path / "out" / ONE_OBJECT).mkdir(parents=True)

    def note(_out: Path, group: str, facts: SimpleNamespace) -> None:
        made.append((group, facts.path))

    monkeypatch.setattr(objects, "compile_group", note)
    assert objects.main([str(tmp_path / "out"), "this", "oldest"]) == 0
    this, oldest = Path("this"), Path("oldest")
    assert made == [(TOOLS, this), (EXAMPLES, this), (HOOKS, this), (ONE_OBJECT, oldest)]
    monkeypatch.setenv(OBJECTS, str(tmp_path / "out"))
    system: Any = None
    assert objects.compiled_layout(system) == {"a.b": 8}


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize(
    ("declared_id", "id_"),
    [
        pytest.param("compiler/tools/", "compiler/tools/x", id="after-a-slash"),
        pytest.param("compiler/tools", "compiler/tools[x]", id="in-brackets"),
    ],
)
def test_parameters_stand_in_the_id(
    monkeypatch: pytest.MonkeyPatch, declared_id: str, id_: str
) -> None:
    from conformance.case import case

    @case(declared_id)
    def test_it() -> None:
        """It holds."""

    item: Any = SimpleNamespace(function=test_it, callspec=SimpleNamespace(id="x"))
    monkeypatch.setattr("conformance.plugin.pytest.Function", SimpleNamespace)
    found = declared(item)
    assert found is not None
    assert found.id == id_
