from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bpfkit.errors import NotSupportedError
from bpfkit.host.cpus import parse_cpu_list
from bpfkit.host.facts import LiveFacts
from bpfkit.host.kallsyms import Kallsyms, Symbol
from bpfkit.host.kconfig import parse_kconfig
from bpfkit.host.mounts import parse_mounts
from bpfkit.host.tracefs import Tracefs
from bpfkit.host.version import parse_version, version_code


@pytest.mark.parametrize(
    ("release", "version", "signature", "expected"),
    [
        pytest.param("6.12.117", "#1 SMP", "", (6, 12, 117), id="plain"),
        pytest.param("6.18", "#1 SMP", "", (6, 18, 0), id="no-sublevel"),
        pytest.param("6.1.0-13-amd64", "#1 SMP Debian 6.1.192-1", "", (6, 1, 192), id="debian"),
        pytest.param(
            "5.15.0-91-generic", "#101-Ubuntu SMP", "Ubuntu 5.15.0-91.101-generic 5.15.131",
            (5, 15, 131), id="ubuntu",
        ),
        pytest.param("7.3.4+deb-cloud", "#1 SMP Debian 7.3.4-1", "", (7, 3, 4), id="new-debian"),
    ],
)  # fmt: skip
def test_a_version_is_found_where_distributions_hide_it(
    release: str, version: str, signature: str, expected: tuple[int, int, int]
) -> None:
    assert parse_version(release, version, signature) == expected


def test_a_release_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no version"):
        parse_version("rolling")


def test_a_large_sublevel_is_held_at_255() -> None:
    assert version_code((4, 14, 336)) == 0x040EFF
    assert version_code((6, 1, 192)) == 0x0601C0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0-3\n", (0, 1, 2, 3), id="range"),
        pytest.param("0", (0,), id="one"),
        pytest.param("0-1,4,6-7\n", (0, 1, 4, 6, 7), id="gaps"),
        pytest.param("\n", (), id="none"),
    ],
)
def test_a_cpu_list_is_read(text: str, expected: tuple[int, ...]) -> None:
    assert parse_cpu_list(text) == expected


def test_a_configuration_leaves_out_what_is_not_set() -> None:
    text = '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="a=b"\nCONFIG_D=12\nnoise=1\n'
    assert parse_kconfig(text) == {"CONFIG_B": "y", "CONFIG_C": '"a=b"', "CONFIG_D": "12"}


def test_mounts_with_blanks_in_their_names_are_read() -> None:
    (mount,) = parse_mounts("none /mnt/a\\040b tracefs rw,relatime 0 0\nbroken\n")
    assert (mount.path, mount.type, mount.options) == ("/mnt/a b", "tracefs", ("rw", "relatime"))


KALLSYMS = b"""\
ffffffff81000000 T _stext
ffffffff81000010 t helper
ffffffff81000020 t helper.isra.0
ffffffffc0000000 t helper\t[mod]
ffffffffc0000040 d data\t[mod]
"""


def test_symbols_are_found_by_their_whole_name() -> None:
    symbols = Kallsyms(KALLSYMS)
    assert "helper" in symbols
    assert "data" in symbols
    assert "help" not in symbols
    assert "elper" not in symbols
    assert "isra" not in symbols
    assert symbols.addresses("helper") == [0xFFFFFFFF81000010, 0xFFFFFFFFC0000000]
    assert symbols.addresses("nothing") == []


def test_symbols_come_with_their_modules() -> None:
    listed = list(Kallsyms(KALLSYMS).symbols())
    assert len(listed) == 5
    assert listed[0] == Symbol(0xFFFFFFFF81000000, "T", "_stext", "")
    assert listed[-1] == Symbol(0xFFFFFFFFC0000040, "d", "data", "mod")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    event = tmp_path / "sys/kernel/tracing/events/sched/sched_switch"
    event.mkdir(parents=True)
    (event / "id").write_text("314\n")
    (event / "format").write_text("name: sched_switch\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_BPF=y\n"))
    (tmp_path / "proc/kallsyms").write_bytes(KALLSYMS)
    cpus = tmp_path / "sys/devices/system/cpu"
    cpus.mkdir(parents=True)
    (cpus / "possible").write_text("0-3\n")
    (cpus / "online").write_text("0,2\n")
    return tmp_path


def test_facts_are_read_below_a_root(root: Path) -> None:
    facts = LiveFacts(root, "6.1.0-13-amd64", "#1 SMP Debian 6.1.192-1 (2026-01-01)")
    assert facts.version == (6, 1, 192)
    assert (facts.possible_cpus, facts.online_cpus) == (4, 2)
    assert facts.online_cpu_list == (0, 2)
    assert facts.config("CONFIG_BPF") == facts.config("BPF") == "y"
    assert facts.config("CONFIG_NONE") is None
    assert facts.has_symbol("helper")
    assert facts.tracepoint_format("sched", "sched_switch") == "name: sched_switch\n"
    assert facts.tracepoint_format("sched", "nothing") is None
    assert facts.kprobe_blacklist() == frozenset()


def test_a_kernel_without_btf_says_what_to_do(root: Path) -> None:
    with pytest.raises(NotSupportedError, match="CONFIG_DEBUG_INFO_BTF"):
        _ = LiveFacts(root, "6.1.0").btf


def test_trace_events_are_listed_and_numbered(root: Path) -> None:
    tracefs = Tracefs(root)
    assert tracefs.events() == [("sched", "sched_switch")]
    assert tracefs.event_id("sched", "sched_switch") == 314
    assert tracefs.event_id("sched", "sched_swich") is None
    assert LiveFacts(root).tracepoints("sched") == ["sched_switch"]
    assert LiveFacts(root).tracepoints("nothing") == []


def test_without_tracefs_nobody_says_that_an_event_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="run as root"):
        LiveFacts(tmp_path).tracepoint_format("sched", "sched_switch")


def test_tracefs_is_found_where_it_is_mounted(root: Path) -> None:
    elsewhere = root / "mnt/trace"
    (elsewhere / "events").mkdir(parents=True)
    (root / "proc/self").mkdir()
    (root / "proc/self/mounts").write_text("none /mnt/trace tracefs rw 0 0\n")
    assert Tracefs(root).path == elsewhere


def test_without_tracefs_there_are_no_events_and_an_error_with_a_hint(tmp_path: Path) -> None:
    tracefs = Tracefs(tmp_path)
    assert tracefs.events() == []
    assert tracefs.format("a", "b") is None
    with pytest.raises(NotSupportedError, match="mount -t tracefs"):
        _ = tracefs.path


def test_the_list_of_functions_is_read_again_when_modules_changed(tmp_path: Path) -> None:
    tracing = tmp_path / "sys/kernel/tracing"
    (tracing / "events").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    listed, modules = tracing / "available_filter_functions", tmp_path / "proc/modules"
    listed.write_text("one\n")
    modules.write_text("ext4 1 0 - Live 0x0\n")
    facts = LiveFacts(tmp_path, "6.1")
    assert facts.traceable_functions(listed.name) == [b"one"]
    listed.write_text("one\ntwo [xfs]\n")
    assert facts.traceable_functions(listed.name) == [b"one"]
    modules.write_text("xfs 1 0 - Live 0x0\n")
    assert facts.traceable_functions(listed.name) == [b"one", b"two [xfs]"]
    assert facts.module_names() == {"xfs"}


def test_lockdown_is_read(tmp_path: Path) -> None:
    facts = LiveFacts(tmp_path, "6.1")
    assert facts.lockdown() == ""
    security = tmp_path / "sys/kernel/security"
    security.mkdir(parents=True)
    for text, expected in (("[none] integrity\n", ""), ("none [integrity]\n", "integrity")):
        (security / "lockdown").write_text(text)
        assert facts.lockdown() == expected
