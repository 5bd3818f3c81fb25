"""Verifier logs made short: the C line, the complaint, and a hint, in old and new formats."""

from __future__ import annotations

import pytest

from bpfkit.programs.load import short_name
from bpfkit.programs.verifier import explain, refused_load

OLD = """\
func#0 @0
0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; u64 *v = t.lookup(&key);
5: (85) call bpf_map_lookup_elem#1
6: R0_w=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) R10=fp0
; *v += 1;
6: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
NEW = """\
0: R1=ctx() R10=fp0
; u64 *v = t.lookup(&key); @ program.c:5
5: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=t,ks=4,vs=8)
; *v += 1; @ program.c:6
6: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


REPORT = (
    NEW.rpartition("processed")[0]
    + """
Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer).

At:
  f @ program.c:5:5
  >>> 5 |     *v += 1;

Suggestion:
  Add a NULL check before the access and dereference the pointer only on the
  non-NULL path.

processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(OLD, id="old"),
        pytest.param(NEW, id="new"),
        pytest.param(REPORT, id="with-a-report"),
    ],
)
def test_the_line_and_the_complaint_are_found(log: str) -> None:
    told = explain(log)
    assert "*v += 1;" in told.summary
    assert "R0 invalid mem access 'map_value_or_null'" in told.summary
    assert "check the pointer for NULL" in told.hint


def test_a_new_log_gives_the_place() -> None:
    assert "program.c:6" in explain(NEW).summary


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        pytest.param("R1 invalid mem access 'scalar'", "bpf_probe_read_kernel", id="scalar"),
        pytest.param("R1 invalid mem access 'inv'", "bpf_probe_read_kernel", id="inv"),
        pytest.param("invalid access to packet, off=12 size=2", "data_end", id="packet"),
        pytest.param("Unreleased reference id=2 alloc_insn=5", "submit or discard", id="leak"),
        pytest.param("unknown func bpf_x#999", "does not have the helper", id="helper"),
        pytest.param("invalid func unknown#195896080", "this kernel lacks", id="poison"),
        pytest.param("invalid indirect read from stack off -32+20 size 32", "padding", id="stack"),
        pytest.param("the sequence of 8193 jumps: infinite loop detected", "loop", id="loop"),
    ],
)
def test_common_causes_have_a_hint(complaint: str, words: str) -> None:
    assert words in explain(f"0: (b7) r0 = 0\n{complaint}\nprocessed 1 insns\n").hint


def test_the_kernels_own_suggestion_is_the_hint_when_ours_has_none() -> None:
    strange = REPORT.replace("R0 invalid mem access 'map_value_or_null'", "something new").replace(
        "map_value_or_null", "x"
    )
    assert explain(strange).hint.startswith("Add a NULL check before the access and dereference")
    assert explain(strange).hint.endswith("non-NULL path.")


def test_an_empty_log_tells_nothing() -> None:
    assert explain("").summary == ""


@pytest.mark.parametrize(
    ("name", "short"),
    [
        pytest.param("kprobe__vfs_read", "vfs_read", id="prefix"),
        pytest.param("a_name_that_is_too_long", "a_name_that_is_", id="cut"),
        pytest.param("kprobe__", "kprobe__", id="only-a-prefix"),
    ],
)
def test_names_fit_the_kernel(name: str, short: str) -> None:
    assert short_name(name) == short


REFUSALS = [
    pytest.param("R1 invalid mem access 'scalar'", True, id="a number"),
    pytest.param("R1 invalid mem access 'inv'", True, id="a number before 5.18"),
    pytest.param("R3 invalid mem access 'trusted_ptr_or_null_'", True, id="an object or NULL"),
    pytest.param("R1 is ptr_task_struct invalid variable offset: off=0", True, id="any offset"),
    pytest.param("R1 is trusted_ptr_task_struct access user memory: off=8", True, id="user"),
    pytest.param("access beyond struct file at off 300 size 8", True, id="outside"),
    pytest.param("access beyond the end of member x (mend:8) in struct y", True, id="member"),
    pytest.param("cannot access ptr member next with moff 0 in struct list_head", True, id="part"),
    pytest.param("R1 invalid mem access 'map_value_or_null'", False, id="a lookup"),
    pytest.param("R1 invalid mem access 'mem_or_null'", False, id="a reservation"),
    pytest.param("invalid access to packet, off=0 size=8", False, id="a packet"),
]


@pytest.mark.parametrize(("complaint", "expected"), REFUSALS)
def test_loads_that_a_helper_could_do(complaint: str, expected: bool) -> None:
    log = f"6: (bf) r2 = r1\n7: (79) r1 = *(u64 *)(r0 +0)\n{complaint}\nprocessed 7 insns"
    assert refused_load(log) == (7 if expected else None)


@pytest.mark.parametrize(
    "instruction",
    [
        "7: (7b) *(u64 *)(r0 +0) = r1",
        "7: (db) r1 = atomic64_fetch_add((u64 *)(r0 +0), r1)",
        "7: (85) call bpf_probe_read#4",
    ],
)
def test_what_is_no_load_stays_refused(instruction: str) -> None:
    log = f"6: (79) r1 = *(u64 *)(r0 +0)\n{instruction}\nR0 invalid mem access 'scalar'\n"
    assert refused_load(log) is None


def test_a_log_without_a_complaint_has_no_refused_load() -> None:
    assert refused_load("") is None
    assert refused_load("7: (79) r1 = *(u64 *)(r0 +0)\n") is None
