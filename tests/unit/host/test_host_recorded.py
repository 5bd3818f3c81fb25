"""Recordings: what goes in comes out, and damage of any kind is a FormatError."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError, NotSupportedError
from bpfkit.host.facts import LiveFacts
from bpfkit.host.recorded import FORMAT, MAGIC, RecordedFacts, emit_recording, record

BTF = (Path(__file__).parents[2] / "data" / "uapi.btf").read_bytes()
SCALARS: dict[str, object] = {
    "release": "6.1.0-13-amd64",
    "version_text": "#1 SMP Debian 6.1.192-1",
    "arch": "x86_64",
    "version": [6, 1, 192],
    "possible_cpus": 4,
    "online_cpus": 2,
}
SECTIONS = {
    "btf/vmlinux": BTF,
    "btf/empty_mod": BTF[:24].replace(BTF[12:24], bytes(12)),
    "tracepoints": json.dumps({"sched/sched_switch": "name: s\n", "sched/other": "x"}).encode(),
    "config": b"CONFIG_BPF=y\nCONFIG_HZ=250\n",
    "symbols": b"_stext\nhelper\nzlast",
}
GOOD = emit_recording(SCALARS, SECTIONS)


def ask_everything(facts: RecordedFacts) -> list[object]:
    """Unpack every section."""
    return [
        len(facts.btf),
        [facts.module_btf(module) is None for module in facts.modules_with_btf()],
        facts.tracepoint_format("sched", "sched_switch"),
        facts.config("BPF"),
        facts.has_symbol("helper"),
        (facts.release, facts.version_text, facts.arch, facts.version),
        (facts.possible_cpus, facts.online_cpus),
    ]


def test_a_recording_answers_what_was_recorded() -> None:
    facts = RecordedFacts(GOOD)
    assert (facts.release, facts.arch, facts.version) == ("6.1.0-13-amd64", "x86_64", (6, 1, 192))
    assert (facts.possible_cpus, facts.online_cpus) == (4, 2)
    assert facts.version_text == "#1 SMP Debian 6.1.192-1"
    assert facts.btf.by_name("bpf_attr")
    assert facts.tracepoint_format("sched", "sched_switch") == "name: s\n"
    assert facts.tracepoint_format("sched", "nothing") is None
    assert sorted(facts.tracepoints("sched")) == ["other", "sched_switch"]
    assert facts.tracepoints("sch") == []
    assert facts.config("CONFIG_HZ") == facts.config("HZ") == "250"
    assert facts.config("NONE") is None
    assert facts.config_text() == "CONFIG_BPF=y\nCONFIG_HZ=250\n"
    assert all(facts.has_symbol(name) for name in ("_stext", "helper", "zlast"))
    assert not any(facts.has_symbol(name) for name in ("help", "elper", "helper\nzlast2", "last"))


def test_types_of_modules_stand_on_those_of_the_kernel() -> None:
    facts = RecordedFacts(GOOD)
    assert facts.modules_with_btf() == ["empty_mod"]
    module = facts.module_btf("empty_mod")
    assert module is not None
    assert module is facts.module_btf("empty_mod")
    assert facts.module_btf("vfat") is None
    assert facts.module_btf("vmlinux") is None


def test_types_are_named_without_being_read() -> None:
    facts = RecordedFacts(GOOD)
    names = {facts.btf_identity(name) for name in ("vmlinux", "empty_mod")}
    assert len(names) == 2
    assert facts.btf_identity("vfat") == ""
    assert facts.btf_bytes("vmlinux") == BTF
    again = RecordedFacts(emit_recording({**SCALARS, "online_cpus": 1}, SECTIONS))
    assert again.btf_identity("vmlinux") == facts.btf_identity("vmlinux")


def test_an_unknown_configuration_has_no_options() -> None:
    sections = {name: data for name, data in SECTIONS.items() if name != "config"}
    facts = RecordedFacts(emit_recording(SCALARS, sections))
    assert facts.config_text() is None
    assert facts.config("BPF") is None


def test_sections_that_a_later_release_adds_are_left_alone() -> None:
    facts = RecordedFacts(emit_recording({**SCALARS, "more": 1}, {**SECTIONS, "later": b"x"}))
    ask_everything(facts)


def live(root: Path) -> LiveFacts:
    """A machine with two trace events, a module and some symbols."""
    for event in ("sched/sched_switch", "syscalls/sys_enter_openat"):
        folder = root / "sys/kernel/tracing/events" / event
        folder.mkdir(parents=True)
        (folder / "format").write_text(f"name: {event}\n")
    (root / "proc").mkdir()
    (root / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_BPF=y\n"))
    (root / "proc/kallsyms").write_bytes(
        b"0000000000000000 T _stext\n0 t helper\n0 t helper\t[mod]\n0 d data\t[mod]\nbroken\n"
    )
    types = root / "sys/kernel/btf"
    types.mkdir(parents=True)
    (types / "vmlinux").write_bytes(BTF)
    cpus = root / "sys/devices/system/cpu"
    cpus.mkdir(parents=True)
    (cpus / "possible").write_text("0-3\n")
    (cpus / "online").write_text("0,2\n")
    return LiveFacts(root, "6.1.0-13-amd64", "#1 SMP Debian 6.1.192-1", "aarch64")


def test_a_recording_says_what_the_live_kernel_says(tmp_path: Path) -> None:
    kernel = live(tmp_path)
    file = tmp_path / "facts"
    file.write_bytes(record(kernel))
    facts = RecordedFacts.read(file)
    for name in ("release", "version_text", "arch", "version", "possible_cpus", "online_cpus"):
        assert getattr(facts, name) == getattr(kernel, name)
    assert len(facts.btf) == len(kernel.btf)
    for category, event in kernel.tracefs.events():
        format_ = kernel.tracepoint_format(category, event)
        assert facts.tracepoint_format(category, event) == format_
    for name in ("_stext", "helper", "data", "mod", "broken", "T", "0"):
        assert facts.has_symbol(name) == kernel.has_symbol(name)
    assert facts.config("BPF") == "y"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        pytest.param("sys/kernel/tracing", "tracefs", id="tracefs"),
        pytest.param("sys/kernel/btf", "CONFIG_DEBUG_INFO_BTF", id="btf"),
    ],
)
def test_what_cannot_be_read_is_not_recorded_as_missing(
    tmp_path: Path, missing: str, told: str
) -> None:
    kernel = live(tmp_path)
    (tmp_path / missing).rename(tmp_path / "away")
    with pytest.raises(NotSupportedError, match=told):
        record(kernel)


@given(st.integers(0, len(GOOD) - 1))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(FormatError, match=r"no recording|cut off"):
        RecordedFacts(GOOD[:cut])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_does_no_harm(at: int, change: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= change
    try:
        answers = ask_everything(RecordedFacts(bytes(data)))
    except FormatError:
        return
    # Neither an older format's number nor the window that a compressor names matters.
    assert answers == ask_everything(RecordedFacts(GOOD))


def index_of(values: object) -> bytes:
    """A file with this index and nothing behind it."""
    packed = zlib.compress(values if isinstance(values, bytes) else json.dumps(values).encode())
    return struct.pack("<8sII", MAGIC, FORMAT, len(packed)) + packed


WHOLE = {**SCALARS, "sections": {}}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "no recording", id="empty"),
        pytest.param(b"\x7fELF" + bytes(60), "no recording", id="something-else"),
        pytest.param(struct.pack("<8sII", MAGIC, FORMAT + 1, 0), "update bpfkit", id="newer"),
        pytest.param(struct.pack("<8sII", MAGIC, FORMAT, 9), "cut off", id="no-index"),
        pytest.param(index_of(b"\xff"), "no JSON", id="not-json"),
        pytest.param(index_of(b"[" * 100_000), "no JSON", id="deep"),
        pytest.param(index_of([]), "no object", id="a-list"),
        pytest.param(index_of({}), "'release'", id="nothing-in-it"),
        pytest.param(index_of({**WHOLE, "arch": 3}), "'arch'", id="wrong-type"),
        pytest.param(index_of({**WHOLE, "version": [1, 2]}), "three numbers", id="version"),
        pytest.param(index_of({**WHOLE, "online_cpus": 0}), "no CPU", id="cpus"),
        pytest.param(index_of({**WHOLE, "sections": {"a": 1}}), "proper place", id="place"),
        pytest.param(index_of({**WHOLE, "sections": {"a": [0, 9, 9]}}), "cut off", id="outside"),
        pytest.param(
            index_of({**WHOLE, "sections": {"a": [0, 0, 1 << 40]}}), "proper place", id="huge"
        ),
        pytest.param(index_of({**WHOLE, "sections": {"a": [-1, 0, 0]}}), "proper", id="negative"),
    ],
)
def test_a_bad_index_is_refused_with_the_reason(data: bytes, told: str) -> None:
    with pytest.raises(FormatError, match=told) as caught:
        RecordedFacts(data, "kernel.facts")
    assert "kernel.facts" in str(caught.value)
    assert caught.value.offset is not None


@pytest.mark.parametrize(
    ("section", "content", "told"),
    [
        pytest.param("tracepoints", b"{", "no JSON", id="no-json"),
        pytest.param("tracepoints", b'{"a/b": 1}', "names with texts", id="no-text"),
        pytest.param("btf/vmlinux", b"junk", "BTF", id="no-btf"),
    ],
)
def test_a_section_with_nonsense_is_refused(section: str, content: bytes, told: str) -> None:
    facts = RecordedFacts(emit_recording(SCALARS, {**SECTIONS, section: content}))
    with pytest.raises(FormatError, match=told):
        ask_everything(facts)


@pytest.mark.parametrize("length", [0, 1, len(BTF) - 1, len(BTF) + 1])
def test_a_section_of_another_length_is_refused(length: int) -> None:
    packed = zlib.compress(BTF)
    index = {**SCALARS, "sections": {"btf/vmlinux": [0, len(packed), length]}}
    with pytest.raises(FormatError, match="not as long"):
        _ = RecordedFacts(index_of(index) + packed).btf


def test_a_missing_section_is_named() -> None:
    with pytest.raises(FormatError, match="no section 'symbols'"):
        RecordedFacts(emit_recording(SCALARS, {})).has_symbol("x")
