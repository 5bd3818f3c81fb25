"""bcc's class without a kernel: arguments, autoload, names, quotas and the module ``bcc``."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from bpfkit.compat.bcc import BPF, kernel, live
from bpfkit.compat.bcc import bpf as module
from bpfkit.compat.bcc.hooks import check_quota
from bpfkit.errors import NotSupportedError


class FakeCollection:
    """Programs by name, and nothing in any kernel."""

    def __init__(self, *programs: str) -> None:
        self.spec = SimpleNamespace(programs=dict.fromkeys(programs), maps={}, btf=None)
        self.maps: dict[str, object] = {}
        self.compiled = None
        self.system: object = None
        self.closed = 0
        self.owned: list[object] = []

    def own(self, thing: object) -> None:
        """Close nothing: the tests look at what is closed by others."""
        self.owned.append(thing)

    def disown(self, thing: object) -> None:
        self.owned.remove(thing)

    def close(self) -> None:
        self.closed += 1


# XDP outlives a process, so its link brings an undo that runs at exit.
ATTACHED_AT_EXIT = """
from bpfkit.collection import Collection
from bpfkit.compat.bcc import BPF, live
from bpfkit.links.base import Link, Method
from bpfkit.loader import LoadedObject
from bpfkit.system import System

system = System.live()
spec = type("Spec", (), {"programs": {}, "btf": None})()
live.load = lambda *_, **__: Collection(LoadedObject(spec, system, {}, None), system, None)
b = BPF(text="…")
undo = lambda: print("undone")
b.own(Link(hook="xdp", program="p", target="t", method=Method.NETLINK, undo=undo))
"""


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any]]:
    """What was attached, instead of attaching it: (hook, target, program)."""
    calls: list[tuple[str, Any, Any]] = []

    def note(hook: str, key: str) -> Any:  # noqa: ANN401 - stands for a method
        return lambda self, **given: calls.append((hook, given[key], given["fn_name"]))

    monkeypatch.setattr(BPF, "attach_kprobe", note("kprobe", "event"))
    monkeypatch.setattr(BPF, "attach_kretprobe", note("kretprobe", "event"))
    monkeypatch.setattr(BPF, "attach_tracepoint", note("tracepoint", "tp"))
    monkeypatch.setattr(BPF, "attach_raw_tracepoint", note("raw_tracepoint", "tp"))
    monkeypatch.setattr(module, "shared_system", lambda: None)
    return calls


def given(monkeypatch: pytest.MonkeyPatch, *programs: str) -> FakeCollection:
    collection = FakeCollection(*programs)
    monkeypatch.setattr(live, "load", lambda *_, **__: collection)
    return collection


def test_names_say_where_programs_attach(
    monkeypatch: pytest.MonkeyPatch, attached: list[tuple[str, Any, Any]]
) -> None:
    given(
        monkeypatch,
        "tracepoint__sched__sched_switch",
        "kretprobe__vfs_read",
        "kprobe__vfs_read",
        "raw_tracepoint__sys_enter",
        "free_function",
    )
    BPF(text="…").cleanup()
    assert attached == [
        ("kprobe", b"vfs_read", "kprobe__vfs_read"),
        ("kretprobe", b"vfs_read", "kretprobe__vfs_read"),
        ("raw_tracepoint", "sys_enter", "raw_tracepoint__sys_enter"),
        ("tracepoint", "sched:sched_switch", "tracepoint__sched__sched_switch"),
    ]


def test_an_events_own_name_may_hold_two_underscores(
    monkeypatch: pytest.MonkeyPatch, attached: list[tuple[str, Any, Any]]
) -> None:
    given(monkeypatch, "tracepoint__cat__odd__name")
    BPF(text="…").cleanup()
    assert attached[0][1] == "cat:odd__name"


@pytest.mark.usefixtures("attached")
def test_a_failing_attach_closes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = given(monkeypatch, "kprobe__x")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("refused")

    monkeypatch.setattr(BPF, "attach_kprobe", refuse)
    with pytest.raises(RuntimeError, match="refused"):
        BPF(text="…")
    assert collection.closed == 1


@pytest.mark.usefixtures("attached")
def test_cleanup_twice_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = given(monkeypatch)
    with BPF(text="…") as b:
        b.cleanup()
        assert collection.closed >= 1
        assert not b.tables


class FakePerfBuffer:
    """A perf buffer of no CPU that holds its callback, as the real one does."""

    closed: ClassVar[list[int]] = []

    def __init__(
        self, system: object, map: object, callback: Callable[..., object], **_: object
    ) -> None:
        self.callback = callback

    def channels(self) -> list[Any]:
        return []

    def close(self) -> None:
        self.closed.append(1)


@pytest.mark.usefixtures("attached")
def test_an_object_nobody_cleans_up_is_closed_with_its_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = given(monkeypatch)
    monkeypatch.setattr(live, "PerfBuffer", FakePerfBuffer)
    monkeypatch.setattr(FakePerfBuffer, "closed", [])
    seen: list[object] = []

    def script() -> None:
        b = BPF(text="…")
        map: Any = None

        def callback(cpu: int, data: int, size: int) -> None:
            seen.append((b.tables, cpu, data, size))  # callbacks refer to the object

        b.open_perf_buffer(map, callback, 8, None, 1)
        reader = b._perf.sources[0]
        assert isinstance(reader, FakePerfBuffer)
        reader.callback(0, 1, 2)

    script()
    assert seen == [({}, 0, 1, 2)]
    gc.collect()
    assert (FakePerfBuffer.closed, collection.closed) == ([1], 1)


@pytest.mark.usefixtures("attached")
def test_a_forked_child_leaves_what_its_parent_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = given(monkeypatch)
    b = BPF(text="…")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    del b
    gc.collect()
    assert collection.closed == 0


def test_what_is_attached_at_exit_is_closed_without_a_warning() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ATTACHED_AT_EXIT],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert (run.stdout, run.stderr) == ("undone\n", "")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param({}, TypeError, id="neither"),
        pytest.param({"text": "a", "src_file": "b"}, AssertionError, id="both"),
        pytest.param({"src_file": "no/such/file.c"}, FileNotFoundError, id="no-such-file"),
        pytest.param({"text": "", "device": b"eth0"}, NotSupportedError, id="offload"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        BPF(**arguments)  # type: ignore[arg-type]


@pytest.mark.usefixtures("attached")
def test_an_unknown_program_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "one", "two")
    with BPF(text="…") as b, pytest.raises(Exception, match=r"three.*one, two"):
        b.load_func("three", BPF.KPROBE)


def test_a_tracepoint_has_a_category(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch)
    monkeypatch.setattr(module, "shared_system", lambda: None)
    for name in ("sched_switch", "a:b:c"):
        with BPF(text="…") as b, pytest.raises(ValueError, match=f"category:event, not '{name}'"):
            b.attach_tracepoint(tp=name, fn_name="f")


@pytest.mark.parametrize("pattern", [b"vfs_r.*", "vfs_r.*"])
def test_patterns_are_str_or_bytes(monkeypatch: pytest.MonkeyPatch, pattern: str | bytes) -> None:
    listed = {"available_filter_functions": b"vfs_read\nvfs_write\nvfs_rare [mod]\nvfs_r.cold\n"}
    facts = SimpleNamespace(
        traceable_functions=lambda name: listed.get(name, b"").splitlines(),
        tracefs=SimpleNamespace(
            events=lambda: [("vfs", "read"), ("vfs_r", "ead")],
        ),
        kprobe_blacklist=lambda: {"vfs_rare"},
    )
    monkeypatch.setattr(kernel, "shared_system", lambda: SimpleNamespace(facts=facts))
    assert BPF.get_kprobe_functions(pattern) == {b"vfs_read"}
    assert BPF.get_tracepoints(pattern) == [b"vfs_r:ead"]


@pytest.mark.usefixtures("attached")
def test_an_unknown_table_is_a_key_error(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch)
    with BPF(text="…") as b, pytest.raises(KeyError):
        b["nothing"]


def test_the_probe_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    check_quota(1000)
    with pytest.raises(Exception, match="quota"):
        check_quota(1001)
    monkeypatch.setenv("BCC_PROBE_LIMIT", "2")
    with pytest.raises(Exception, match="quota"):
        check_quota(3)


class FakeLink:
    """An attachment that remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def give_up(self) -> tuple[tuple[FakeLink, ...], tuple[()], None]:
        return (self,), (), None


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> list[FakeLink]:
    """What hooks attached, in order."""
    made: list[FakeLink] = []

    def attach(*_: object, **__: object) -> FakeLink:
        made.append(FakeLink())
        return made[-1]

    monkeypatch.setattr(live, "attach_kprobe", attach)
    monkeypatch.setattr(live, "attach_tracepoint", attach)
    monkeypatch.setattr(BPF, "load_func", lambda *_: SimpleNamespace(program=None))
    monkeypatch.setattr(module, "shared_system", lambda: None)
    return made


def test_a_detach_ends_every_attachment(
    monkeypatch: pytest.MonkeyPatch, links: list[FakeLink]
) -> None:
    collection = given(monkeypatch)
    with BPF(text="…") as b:
        b.attach_kprobe(event="f", fn_name="g").attach_kprobe(event="f", fn_name="g")
        b.detach_kprobe("f", "g")
        b.attach_kprobe(event="f", fn_name="g").attach_kprobe(event="f", fn_name="g")
        b.detach_kprobe("f")
        b.attach_tracepoint("a:b", fn_name="g").attach_tracepoint("a:b", fn_name="h")
        b.detach_tracepoint("a:b")
    assert [link.closed for link in links] == [True] * 6
    assert not collection.owned


def test_run_gives_a_script_the_module_bcc(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom bcc import BPF, RingBuf, Table\n"
        "from bcc.table import BPF_MAP_TYPE_QUEUE, StackTrace\n"
        "from bcc.utils import printb\n"
        "print(BPF.XDP, sys.argv[1:], __name__)\nprintb(b'done')\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "bpfkit", "run", str(script), "a", "--b"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["6 ['a', '--b'] __main__", "done"]


def test_run_names_a_script_that_is_not_there() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bpfkit", "run", "no_such_script.py"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert run.returncode == 2
    assert "no_such_script.py" in run.stderr


def test_a_cached_program_needs_no_compiler() -> None:
    """The stages of the compiler are slow to import; a cached object is loaded without them."""
    code = "import sys, bpfkit.collection, bpfkit.compat.bcc.debug; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.split())
    assert "bpfkit.compiler.compiled" in loaded
    assert not loaded & {
        "bpfkit.compiler.api", "bpfkit.compiler.tree", "bpfkit.compiler.source", "llvmlite",
    }  # fmt: skip
