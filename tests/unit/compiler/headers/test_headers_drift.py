"""Members that were renamed or moved compile by either name, and read what the kernel has."""

from __future__ import annotations

import json
import re

import pytest

from bpfkit.btf.types import Btf, Typedef
from bpfkit.compiler.api import parse_source
from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.dialect.walk import expressions
from bpfkit.compiler.headers.drift import PREFIX, moved
from bpfkit.compiler.headers.supply import INCLUDE
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from bpfkit.compiler.tree import Call, DeclRef, Unit
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph

CITATION = re.compile(r'[0-9a-f]{12} \(".+"\) \(in v\d+\.\d+\)')


def old() -> Btf:
    g = Graph()
    disk = g.struct("gendisk", 8, ("major", g.u32, 0))
    queue = g.struct("request_queue", 16, ("queuedata", g.ptr(g.u8), 0), ("flags", g.u64, 64))
    g.struct("request", 16, ("q", g.ptr(queue), 0), ("rq_disk", g.ptr(disk), 64))
    g.struct("task_struct", 16, ("state", g.u64, 0), ("stack", g.ptr(g.u8), 64))
    return g.btf()


def new() -> Btf:
    g = Graph()
    disk = g.struct("gendisk", 8, ("major", g.u32, 0))
    queue = g.struct("request_queue", 16, ("queuedata", g.ptr(g.u8), 0), ("disk", g.ptr(disk), 64))
    g.struct("request", 8, ("q", g.ptr(queue), 0))
    g.struct("task_struct", 16, ("__state", g.u32, 0), ("stack", g.ptr(g.u8), 64))
    name = g.struct("shortname_store", 40, ("string", g.array(g.u8, 40), 0))
    g.struct("dentry", 48, ("d_shortname", name, 0), ("d_parent", g.ptr(g.u8), 320))
    g.add(Typedef("uint8", g.u8))
    return g.btf()


def parsed(text: str, types: Btf) -> Unit:
    unit, said = parse_source(Source(text), Target(FakeKernel(types)))
    assert not [d for d in said if d.severity is Severity.ERROR]
    return unit


def calls(unit: Unit) -> list[str]:
    program = next(f for f in unit.functions if f.name == "f")
    found = (e.callee for e in expressions(program) if isinstance(e, Call))
    return [callee.decl.name for callee in found if isinstance(callee, DeclRef)]


STATE = "int f(struct pt_regs *ctx, struct task_struct *t) { return t->%s == 2; }"
DISK = "int f(struct pt_regs *ctx, struct request *r) { return r->rq_disk->major; }"


@pytest.mark.parametrize("name", ["state", "__state"])
@pytest.mark.parametrize("types", [old(), new()], ids=["old", "new"])
def test_a_renamed_member_has_both_names_on_both_kernels(name: str, types: Btf) -> None:
    unit = parsed(STATE % name, types)
    assert calls(unit) == [f"{PREFIX}task_struct__{name}"]
    assert not [f.name for f in unit.functions if f.name.endswith("keep")]


@pytest.mark.parametrize("types", [old(), new()], ids=["old", "new"])
def test_a_moved_member_is_read_through_its_new_owner(types: Btf) -> None:
    assert calls(parsed(DISK, types)) == [f"{PREFIX}request__rq_disk"]
    prelude = assemble(Source(DISK), Target(FakeKernel(types))).prelude
    assert "return record->rq_disk; return (struct gendisk *)(record->q->disk);" in prelude


def test_the_address_of_a_moved_member_is_that_of_the_form_the_kernel_has() -> None:
    text = """
    int f(struct pt_regs *ctx, struct task_struct *t, struct dentry *d) {
        char name[8];
        long state = 0;
        bpf_probe_read_kernel(&state, sizeof(state), &t->state);
        bpf_probe_read_kernel(name, sizeof(name), d->d_iname);
        return state + sizeof(d->d_iname);
    }
    """
    at = [f"{PREFIX}at_task_struct__state", f"{PREFIX}at_dentry__d_iname"]
    assert calls(parsed(text, new())) == at


def test_what_a_text_asks_about_a_field_is_left_alone() -> None:
    text = """
    int f(struct pt_regs *ctx, struct task_struct *t) {
        if (__builtin_preserve_field_info(t->state, 2))
            return 1;
        return 0;
    }
    """
    assert calls(parsed(text, new())) == []


def test_records_of_the_text_are_not_touched() -> None:
    text = "struct task_struct { int state; };" + STATE % "state"
    assert calls(parsed(text, new())) == []


def test_records_keep_their_size() -> None:
    text = DISK + '_Static_assert(sizeof(struct request) == 8, "");'
    parsed(text, new())


def test_a_text_that_names_no_moved_member_gets_nothing() -> None:
    text = "int f(struct pt_regs *ctx, struct task_struct *t) { return t->stack == 0; }"
    result = assemble(Source(text), Target(FakeKernel(new())))
    assert PREFIX not in result.prelude
    assert not result.tail


def test_every_entry_names_its_commit() -> None:
    data = json.loads((INCLUDE / "drift.json").read_text())
    rows = [row for record in moved() for row in data[record]]
    assert len(rows) > 20
    assert not [row for row in rows if not CITATION.fullmatch(row["commit"])]
