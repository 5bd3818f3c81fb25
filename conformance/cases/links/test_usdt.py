"""USDT: bcc's class and libbpf's header, with arguments of every form."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from bpfkit import BPF, USDT
from bpfkit.collection import load
from bpfkit.compat.bcc.usdt import USDTException
from bpfkit.errors import AttachError
from conformance.case import case
from conformance.libbpf import HEAD, stored
from conformance.targets import Target, path_of, running

NEEDS = {"kernel": "4.20", "config": "UPROBE_EVENTS", "arch": "x86_64"}
COOKIE = {**NEEDS, "kernel": "5.15", "feature": "helper/bpf_get_attach_cookie"}

WIDE = [0x1111111111111181, -2, 0x3333, -12, 0x5555555555555555, -10]
NARROW = [0x81, -127, 0x11, -2, -9, 0xFFF7, -8, 200, -5, 16, -2, 2**64 - 1]
MEMORY = [-41, -3, 9, 102, -77, 101, 102, 7, 2]
"""What target.c puts where the probes of these names say."""


def signed(values: Sequence[int]) -> list[int]:
    """Numbers as 64 signed bits hold them."""
    return [v - 2**64 if v >= 2**63 else v for v in values]


# ---------------------------------------------------------------- bcc


def reader(arguments: int, types: Sequence[str]) -> str:
    """A text whose function stores each argument of a probe."""
    body = "".join(
        f"{{ {types[i]} v = 0; bpf_usdt_readarg({i + 1}, ctx, &v); s64 w = v;"
        f" int k = {i}; values.update(&k, &w); }}\n"
        for i in range(arguments)
    )
    return f"""
    #include <uapi/linux/ptrace.h>
    BPF_ARRAY(values, s64, 16);
    BPF_HASH(calls, u32, u64);
    int on_probe(struct pt_regs *ctx) {{
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        calls.increment(pid);
        {body}
        return 0;
    }}
    """


def read_by_bcc(target: Target, binary: str, probe: str, count: int, *, by_pid: bool) -> list[int]:
    """The arguments of a probe as bcc's functions read them in one round."""
    usdt = USDT(pid=target.pid) if by_pid else USDT(path=path_of(binary))
    types = [usdt.get_probe_arg_ctype(probe, i) for i in range(count)]
    usdt.enable_probe(probe=probe, fn_name="on_probe")
    with BPF(text=reader(count, types), usdt_contexts=[usdt]) as b:
        target.rounds(1)
        calls = {k.value: v.value for k, v in b["calls"].items()}
        assert calls[target.pid] == 1
        return [b["values"][i].value for i in range(count)]


@case("links/usdt/bcc/", **NEEDS)
@pytest.mark.parametrize("by_pid", [True, False], ids=["pid", "path"])
@pytest.mark.parametrize("binary", ["pie", "fixed", "stripped"])
@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        pytest.param("trial:wide", WIDE, id="wide"),
        pytest.param("narrow", NARROW, id="narrow"),
        pytest.param("memory", MEMORY, id="memory"),
    ],
)
def test_arguments_of_every_form_are_read(
    probe: str, expected: list[int], binary: str, by_pid: bool
) -> None:
    """bpf_usdt_readarg gives registers, their parts, numbers and memory in their size and sign."""
    with running(binary) as target:
        found = read_by_bcc(target, binary, probe, len(expected), by_pid=by_pid)
    assert found == signed(expected)


MANY = """
#include <uapi/linux/ptrace.h>
BPF_HASH(seen, u64, u64);
int on_many(struct pt_regs *ctx) {
    u64 value = 0;
    bpf_usdt_readarg(1, ctx, &value);
    seen.increment(value);
    return 0;
}
"""


@case("links/usdt/several-places", **NEEDS)
def test_a_probe_of_several_places_reads_each_its_own_way() -> None:
    """The argument of a probe with two places comes from another register in each."""
    usdt = USDT(path=path_of("pie"))
    usdt.enable_probe("many", "on_many")
    assert usdt.get_probe_arg_ctype("many", 0) == "uint64_t"
    with running() as target, BPF(text=MANY, usdt_contexts=[usdt]) as b:
        assert b.num_open_uprobes() == 2
        target.rounds(2)
        assert {k.value: v.value for k, v in b["seen"].items()} == {31: 2, 32: 2}


@case("links/usdt/alike-places", **COOKIE)
def test_places_at_the_same_page_offset_are_told_apart() -> None:
    """Two places whose addresses have the same low bits are told apart by their cookies."""
    usdt = USDT(path=path_of("pie"))
    usdt.enable_probe("alike", "on_many")
    text = MANY.replace("u64 value = 0;", "u32 value = 0;").replace(
        "seen.increment(value)", "u64 key = value; seen.increment(key)"
    )
    with running() as target, BPF(text=text, usdt_contexts=[usdt]) as b:
        target.rounds(2)
        assert {k.value: v.value for k, v in b["seen"].items()} == {51: 2, 52: 2}


@case("links/usdt/semaphore", **NEEDS)
def test_what_a_semaphore_guards_runs_while_the_probe_is_attached() -> None:
    """A probe behind a semaphore is passed only while something is attached to it."""
    usdt = USDT(pid=0, path=path_of("pie"))
    usdt.enable_probe("guarded", "on_probe")
    with running() as target:
        target.rounds(2)
        with BPF(text=reader(1, ["int"]), usdt_contexts=[usdt]) as b:
            target.rounds(3)
            calls = {k.value: v.value for k, v in b["calls"].items()}
            assert calls == {target.pid: 3}
            assert b["values"][0].value == 5


@case("links/usdt/pid", **NEEDS)
def test_one_process_is_seen_unless_told_otherwise() -> None:
    """USDT(pid=) sees that process alone, and all with attach_usdt_ignore_pid."""
    with running() as one, running() as two:
        for ignore, expected in ((False, {one.pid}), (True, {one.pid, two.pid})):
            usdt = USDT(pid=one.pid)
            usdt.enable_probe("trial:plain", "on_probe")
            text = reader(0, [])
            with BPF(text=text, usdt_contexts=[usdt], attach_usdt_ignore_pid=ignore) as b:
                one.rounds(1)
                two.rounds(1)
                assert {k.value for k, _ in b["calls"].items()} == expected


@case("links/usdt/pointer", **NEEDS)
def test_what_an_argument_points_to_is_read() -> None:
    """bpf_usdt_readarg_p reads memory of the process through an argument."""
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_ARRAY(values, u64, 1);
    int on_probe(struct pt_regs *ctx) {
        u64 found = 0;
        int zero = 0;
        bpf_usdt_readarg_p(1, ctx, &found, sizeof(found));
        values.update(&zero, &found);
        return 0;
    }
    """
    usdt = USDT(path=path_of("pie"))
    usdt.enable_probe("pointing", "on_probe")
    with running() as target, BPF(text=text, usdt_contexts=[usdt]) as b:
        target.rounds(1)
        assert b["values"][0].value == 100


@case("links/usdt/enumerate", **NEEDS)
def test_probes_are_listed_with_their_places_and_arguments() -> None:
    """enumerate_probes tells names, files, semaphores, places and where arguments are."""
    probes = {p.short_name(): p for p in USDT(path=path_of("pie")).enumerate_probes()}
    assert set(probes) == {
        "trial:wide", "trial:narrow", "trial:memory", "trial:many", "trial:alike",
        "trial:guarded", "trial:plain", "other:plain", "trial:pointing",
    }  # fmt: skip
    many = probes["trial:many"]
    assert (many.num_locations, many.num_arguments, many.semaphore) == (2, 1, 0)
    assert many.bin_path == os.fsencode(path_of("pie"))
    assert [str(many.get_location(i).get_argument(0)) for i in (0, 1)] == [
        "4 unsigned bytes @ eax",
        "8 unsigned bytes @ rcx",
    ]
    memory = probes["trial:memory"].get_location(0)
    assert str(memory.get_argument(2)) == "8 unsigned bytes @ *(rsi + 8 + rdi * 8)"
    assert str(memory.get_argument(4)) == "4 signed   bytes @ *(&in_memory + 0)"
    assert probes["trial:guarded"].semaphore


@case("links/usdt/errors", **NEEDS)
def test_a_probe_that_cannot_be_enabled_is_explained() -> None:
    """Unknown names, several providers and a second time give USDTException that says which."""
    usdt = USDT(path=path_of("pie"))
    with pytest.raises(USDTException, match="did you mean"):
        usdt.enable_probe("trial:nany", "f")
    with pytest.raises(USDTException, match="several providers"):
        usdt.enable_probe("plain", "f")
    usdt.enable_probe("trial:plain", "f")
    with pytest.raises(USDTException, match="already"):
        usdt.enable_probe("trial:plain", "g")
    with pytest.raises(USDTException, match="either a pid or a binary path"):
        USDT()
    with pytest.raises(USDTException, match="failed to instrument"):
        USDT(path="/no/such/file")
    with pytest.raises(SystemExit):
        usdt.enable_probe_or_bail("nothing", "f")


@case("links/usdt/lines", **NEEDS)
def test_lines_of_the_text_keep_their_numbers() -> None:
    """Errors name the line of the user's text, whatever is generated before it."""
    usdt = USDT(path=path_of("pie"))
    usdt.enable_probe("wide", "on_probe")
    with pytest.raises(Exception, match=r"program\.c:3:"):
        BPF(text="\n\nint on_probe(void *ctx) { return nothing; }\n", usdt_contexts=[usdt])


# ---------------------------------------------------------------- libbpf


def libbpf_text(section: str, arguments: int) -> str:
    """A program of libbpf's dialect that stores every argument."""
    body = "".join(
        f"if (bpf_usdt_arg(ctx, {i}, &v) == 0) out[{i}] = v; else out[{i}] = 987654321;\n"
        for i in range(arguments)
    )
    return f"""
    {HEAD.format(results=20)}
    #include <bpf/usdt.bpf.h>
    SEC("{section}") int program(struct pt_regs *ctx) {{
        long v = 0;
        {body}
        out[16]++;
        out[17] = bpf_usdt_arg_cnt(ctx);
        out[18] = bpf_usdt_cookie(ctx);
        return 0;
    }}
    """


@case("links/usdt/libbpf/", **NEEDS)
@pytest.mark.parametrize("binary", ["pie", "fixed", "stripped"])
@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        pytest.param("wide", WIDE, id="wide"),
        pytest.param("narrow", NARROW, id="narrow"),
        pytest.param("memory", MEMORY, id="memory"),
    ],
)
def test_bpf_usdt_arg_reads_arguments_of_every_form(
    probe: str, expected: list[int], binary: str
) -> None:
    """bpf_usdt_arg() of <bpf/usdt.bpf.h> gives each argument in its size and sign."""
    with (
        load(libbpf_text("usdt", len(expected)), name="case.bpf.c") as collection,
        running(binary) as target,
    ):
        program = collection.load_program("program")
        # Before Linux 5.15 a program finds the arguments by the address in one process.
        with program.attach_usdt(path_of(binary), "trial", probe, pid=target.pid, cookie=77):
            target.rounds(2)
        target.rounds(1)
        found = stored(collection)
    assert found[: len(expected)] == signed(expected)
    assert found[16:19] == [2, len(expected), 77]


@case("links/usdt/libbpf-section", **COOKIE)
def test_a_section_names_the_probe() -> None:
    """``SEC("usdt/PATH:PROVIDER:NAME")`` attaches in every process, each place with its own
    arguments.
    """
    text = f"""
    {HEAD.format(results=64)}
    #include <bpf/usdt.bpf.h>
    SEC("usdt/{path_of("pie")}:trial:alike") int BPF_USDT(program, long value) {{
        if (value >= 0 && value < 64)
            out[value]++;
        return 0;
    }}
    """
    with load(text, name="case.bpf.c") as collection, running() as one, running() as two:
        with collection.load_program("program").attach() as link:
            one.rounds(1)
            two.rounds(2)
            assert link.hook == "usdt"
        found = {i: v for i, v in enumerate(stored(collection)) if v}
    assert found == {51: 3, 52: 3}


@case("links/usdt/unknown", **NEEDS)
def test_a_probe_that_is_not_there_is_explained() -> None:
    """attach_usdt names the nearest probes, and says when a file has none at all."""
    with load(libbpf_text("usdt", 0), name="case.bpf.c") as collection:
        program = collection.load_program("program")
        with pytest.raises(AttachError, match="did you mean 'trial:plain'"):
            program.attach_usdt(path_of("pie"), "trial", "plian")
        with pytest.raises(AttachError, match="did you mean 'other:plain', 'trial:plain'"):
            program.attach_usdt(path_of("pie"), "third", "plain")
        with pytest.raises(AttachError, match="several providers"):
            program.attach_usdt(path_of("pie"), "", "plain")
        with pytest.raises(AttachError, match="has no USDT probes"):
            program.attach_usdt("sh", "trial", "plain")
