"""``bpfkit compile``: what it writes and where, what it says, and its exit status."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from bpfkit.cli import main
from bpfkit.host.recorded import emit_recording
from bpfkit.obj.read import read_object

BTF = (Path(__file__).parents[2] / "data" / "uapi.btf").read_bytes()
PROGRAM = "BPF_HASH(h, u32, u64);\nint kprobe__x(void *ctx) { h.increment(LIMIT); return 0; }\n"
TRACEPOINT = "TRACEPOINT_PROBE(sched, sched_switch) { return args->next; }\n"
FORMAT = """name: sched_switch
ID: 1
format:
	field:int next;	offset:8;	size:4;	signed:1;
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with programs, a recording of a kernel and bare types of another."""
    scalars = {
        "release": "6.6.0", "version_text": "", "arch": "x86_64",
        "version": [6, 6, 0], "possible_cpus": 4, "online_cpus": 4,
    }  # fmt: skip
    sections = {
        "btf/vmlinux": BTF,
        "tracepoints": b'{"sched/sched_switch": %s}' % repr(FORMAT).replace("'", '"').encode(),
        "symbols": b"x",
    }
    (tmp_path / "six.facts").write_bytes(emit_recording(scalars, sections))
    (tmp_path / "types.btf").write_bytes(BTF)
    (tmp_path / "prog.c").write_text(PROGRAM)
    (tmp_path / "trace.c").write_text(TRACEPOINT)
    (tmp_path / "wrong.c").write_text("int x = ;\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def programs(path: Path) -> list[str]:
    return list(read_object(path.read_bytes()).programs)


def test_an_object_is_written_beside_where_one_stands(here: Path) -> None:
    assert main(["compile", "prog.c", "--for", "six.facts", "-DLIMIT=7"]) == 0
    assert programs(here / "prog.o") == ["kprobe__x"]


def test_where_to_write_is_taken(here: Path) -> None:
    assert main(["compile", "trace.c", "--for", "six.facts", "-o", "x.o"]) == 0
    assert programs(here / "x.o") == ["tracepoint__sched__sched_switch"]
    assert not (here / "trace.o").exists()


def test_one_text_is_compiled_for_several_kernels(here: Path) -> None:
    kernels = ["--for", "six.facts", "--for", "types.btf", "--kernel-version", "5.10"]
    assert main(["compile", "prog.c", *kernels, "--cflags=-DLIMIT=1 -DB", "-o", "out"]) == 0
    assert sorted(p.name for p in (here / "out").iterdir()) == ["prog.six.o", "prog.types.o"]


def test_a_kernel_that_fails_does_not_stop_the_others(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = ["--for", "types.btf", "--for", "six.facts"]
    assert main(["compile", "trace.c", *kernels, "--kernel-version", "6.1"]) == 1
    assert programs(here / "trace.six.o") == ["tracepoint__sched__sched_switch"]
    assert not (here / "trace.types.o").exists()
    assert "tracepoint sched:sched_switch; record that kernel" in capsys.readouterr().err


@pytest.mark.parametrize("arch", ["aarch64", "s390x"])
def test_bare_types_can_be_said_to_be_of_another_architecture(here: Path, arch: str) -> None:
    command = ["compile", "prog.c", "-DLIMIT=1", "--for", "types.btf", "--arch", arch]
    assert main([*command, "--kernel-version", "6.1.2"]) == 0
    # EI_DATA: 1 little, 2 big endian.
    assert (here / "prog.o").read_bytes()[5] == (2 if arch == "s390x" else 1)
    program = read_object((here / "prog.o").read_bytes()).programs["kprobe__x"]
    assert program.func_info
    assert program.line_info


@pytest.mark.parametrize(
    ("emit", "told"),
    [
        pytest.param("ir", "define dso_local i32 @kprobe__x", id="ir"),
        pytest.param("source", "int kprobe__x(void *ctx) { h.increment(LIMIT)", id="source"),
    ],
)
def test_other_stages_are_shown(
    here: Path, capfd: pytest.CaptureFixture[str], emit: str, told: str
) -> None:
    command = ["compile", "prog.c", "--for", "six.facts", "-DLIMIT=1", "--emit", emit]
    assert main(command) == 0
    assert told in capfd.readouterr().out
    assert main([*command, "-o", "kept"]) == 0
    assert told in (here / "kept").read_text()


def test_reads_are_listed_with_their_lines(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "prog.c").write_text("int kprobe__x(void *ctx) {\n\treturn **(int **)4096;\n}\n")
    assert main(["compile", "prog.c", "--for", "six.facts", "--emit", "reads"]) == 0
    first, *reads = capfd.readouterr().out.splitlines()
    assert first == "prog.c:2: return **(int **)4096;"
    assert len(reads) == 2
    assert any("bpf_probe_read in kprobe__x(): a constant address" in read for read in reads)


def test_a_text_comes_from_standard_input_and_goes_to_standard_output(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRACEPOINT.encode())))
    assert main(["compile", "-", "--for", "six.facts", "-o", "-"]) == 0
    assert capfdbinary.readouterr().out[:4] == b"\x7fELF"


def test_own_headers_are_part_of_the_program(here: Path) -> None:
    folder = here / "own"
    (folder / "sub").mkdir(parents=True)
    header = folder / "sub" / "values.h"
    header.write_text(
        "#define VALUE 1\nstatic inline u64 now(void) { return bpf_ktime_get_ns(); }\n"
    )
    (folder / "maps.h").write_text('#include "sub/values.h"\nBPF_HASH(h, u32, u64);\n')
    (folder / "p.c").write_text(
        '#include "maps.h"\nint kprobe__x(void *ctx) { h.increment(VALUE, now()); return 0; }\n'
    )
    objects = []
    for value in (1, 2):
        header.write_text(header.read_text().replace("VALUE 1", f"VALUE {value}"))
        assert main(["compile", "own/p.c", "--for", "six.facts"]) == 0
        objects.append((here / "p.o").read_bytes())
    assert list(read_object(objects[0]).maps) == ["h"]
    assert objects[0] != objects[1]  # also where objects are kept


def test_a_mistake_in_an_own_header_is_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "own.h").write_text("\nint f(void) { return 0 }\n")
    (here / "p.c").write_text('#include "own.h"\n')
    assert main(["compile", "p.c", "--for", "six.facts"]) == 1
    said = capsys.readouterr().err
    assert "own.h:2:" in said
    assert "    int f(void) { return 0 }" in said


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        pytest.param(["wrong.c"], 1, "wrong.c:1:9: error: expected expression", id="error"),
        pytest.param(["none.c"], 1, "none.c: No such file", id="no-text"),
        pytest.param(["."], 1, ".: Is a directory", id="directory"),
        pytest.param(["trace.c", "--for", "none"], 1, "none: No such file", id="no-facts"),
        pytest.param(["trace.c", "-o", "no/x.o"], 1, "no/x.o: No such file", id="no-place"),
        pytest.param(["trace.c", "--for", "prog.c"], 1, "neither a recording", id="no-kernel"),
        pytest.param(["trace.c", "--arch", "s390x"], 1, "not for s390x", id="other-arch"),
        pytest.param(
            ["prog.c", "-DLIMIT=1", "--for", "types.btf"], 1, "--kernel-version", id="no-version"
        ),
        pytest.param(
            ["prog.c", "--for", "types.btf", "--arch", "vax", "--kernel-version", "6.1"],
            1, "unknown architecture 'vax'", id="unknown-arch",
        ),
        pytest.param(
            ["trace.c", "--kernel-headers", "none"], 1,
            "none/include/generated/autoconf.h", id="no-headers",
        ),
        pytest.param(["trace.c", "--cflags=-D'"], 2, "No closing quotation", id="quotation"),
        pytest.param(
            ["trace.c", "--for", "six.facts", "--for", "b/six.facts"], 2, "same name", id="twice"
        ),
        pytest.param(
            ["trace.c", "--for", "six.facts", "--for", "types.btf", "-o", "-"], 2,
            "name a directory", id="several-to-stdout",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_message(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], status: int, told: str
) -> None:
    kernel = [] if "--for" in command else ["--for", "six.facts"]
    assert main(["compile", *command, *kernel]) == status
    assert told in capsys.readouterr().err


def test_facts_about_a_file_need_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "x.c", "--arch", "s390x"]) == 2
    assert "name it with --for" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["6", "six", "6.1.2.3", "6.x"])
def test_a_version_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], version: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compile", "x.c", "--for", "x", "--kernel-version", version])
    assert ended.value.code == 2
    assert f"invalid version value: '{version}'" in capsys.readouterr().err
