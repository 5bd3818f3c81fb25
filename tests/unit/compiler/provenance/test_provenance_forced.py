"""Places whose plain loads the verifier refused are read by helper."""

from __future__ import annotations

from bpfkit.compiler.diagnostics import Loc
from bpfkit.compiler.dialect.apply import apply_dialect
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.provenance.decide import forced
from bpfkit.compiler.provenance.plan import Access, Plan
from tests.unit.compiler.bcc_chain import parse_text, target

TEXT = """
static u64 get(struct list_head *p) { return p->next != 0; }
int kprobe__f(struct pt_regs *ctx) {
    struct list_head l = {}, *p = &l;
    u64 n = p->next != 0; n += p->prev != 0;
    p->next = 0;
    return n + get(p) + ctx->di;
}
KFUNC_PROBE(g, struct task_struct *task) { return task->pid; }
"""


def plan(*places: Loc, dialect: str = "bcc", text: str = TEXT) -> Plan:
    to = target(dialect)
    unit = parse_text(text, to)
    if dialect == "bcc":
        apply_dialect(unit, to)
    return analyse(unit, to, frozenset(places))


def read(found: Plan) -> list[tuple[str, int]]:
    return sorted((r.text, r.loc.line) for r in found.reads if r.way != "direct")


def test_without_places_nothing_is_read() -> None:
    assert read(plan()) == []


def test_one_place_is_one_read() -> None:
    (place,) = {r.loc for r in plan(Loc("prog.c", 5, 0)).reads if r.text == "p->prev"}
    assert read(plan(place)) == [("p->prev", 5)]


def test_column_0_is_the_whole_line() -> None:
    assert read(plan(Loc("prog.c", 5, 0))) == [("p->next", 5), ("p->prev", 5)]


def test_stores_stay_direct_and_a_context_is_never_read() -> None:
    found = plan(Loc("prog.c", 6, 0), Loc("prog.c", 7, 0))
    assert read(found) == []
    (entry,) = (i for i in found.entries if i.symbol == "kprobe__f")
    assert Access.EXTERNAL not in entry.accesses.values()


def test_a_place_in_a_function_is_in_every_copy() -> None:
    found = plan(Loc("prog.c", 2, 0))
    assert read(found) == [("p->next", 2)]


def test_a_typed_object_can_be_forced() -> None:
    assert read(plan(Loc("prog.c", 9, 0))) == [("task->pid", 9)]


def test_places_in_another_file_are_others() -> None:
    assert read(plan(Loc("other.c", 5, 0))) == []


def test_libbpfs_dialect_is_as_written_but_for_what_is_forced() -> None:
    text = """
    __attribute__((section("kprobe/f"), used)) int f(struct pt_regs *ctx) {
        struct task_struct *t = (struct task_struct *)ctx->di;
        return t->pid;
    }"""
    assert read(plan(dialect="libbpf", text=text)) == []
    found = plan(Loc("prog.c", 4, 0), dialect="libbpf", text=text)
    assert [(r.text, r.way) for r in found.reads] == [("t->pid", "bpf_probe_read_kernel")]


def test_what_forcing_does() -> None:
    assert {access: forced(access) for access in Access} == {
        Access.DIRECT: Access.MIXED,
        Access.BTF: Access.EXTERNAL,
        Access.EXTERNAL: Access.EXTERNAL,
        Access.MIXED: Access.MIXED,
    }
