"""How memory is read and written: directly, by helper, or not at all; and CO-RE chains."""

from __future__ import annotations

import pytest

from bpfkit.btf.types import Struct
from bpfkit.compiler.ctype import INT, U8, U32, U64, VOID_PTR, Field, Record, Type
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.provenance.plan import Access, Plan
from bpfkit.compiler.tree import (
    AddrOf,
    Assign,
    Builtin,
    Cast,
    Deref,
    Expr,
    ExprStmt,
    FunctionDecl,
    Index,
    Member,
    Stmt,
    Storage,
    VarDecl,
)
from tests.unit.compiler.lower.trees import (
    LOC,
    Object,
    array,
    compiled,
    declare,
    deref,
    function,
    lit,
    load,
    local,
    member,
    param,
    plan_of,
    pointer,
    record,
    ref,
    ret,
)

READ, READ_KERNEL = 4, 113


def task(*, relocatable: bool = True) -> Record:
    made = record("task", 64, [("pid", INT, 64)], relocatable=relocatable)
    inner = record("", 8, [("low", U32, 0), ("high", U32, 32)], relocatable=relocatable)
    rows: list[tuple[str, Type, int, int | None]] = [
        ("parent", pointer(made), 128, None),
        ("", inner, 192, None),
        ("args", array(U64, 3), 256, None),
        ("state", U32, 448, 3),
    ]
    made.fields += [
        Field(name, t, at, number, bits, made) for number, (name, t, at, bits) in enumerate(rows, 1)
    ]
    return made


def program(expression: Expr, p: object, access: Access, helper: int = READ) -> Plan:
    """A function that returns ``expression``, with every dereference in it done as ``access``."""
    f = function("f", [p], [ret(Cast(INT, LOC, expression))])  # type: ignore[list-item]
    plan = plan_of(f, helper=helper)
    at: object = expression
    while at is not None:
        if isinstance(at, Deref):
            plan.entries[0].accesses[at] = access
        at = next(
            (
                getattr(at, name)
                for name in ("lvalue", "base", "pointer", "operand")
                if hasattr(at, name)
            ),
            None,
        )
    return plan


def obj(expression: Expr, p: object, access: Access, helper: int = READ) -> Object:
    return compiled(program(expression, p, access, helper))


def test_a_direct_load_calls_no_helper() -> None:
    p = param("t", pointer(task()))
    assert (
        obj(load(member(deref(load(ref(p))), "pid")), p, Access.DIRECT).helpers(".bpf.fn.f") == []
    )


@pytest.mark.parametrize("helper", [READ, READ_KERNEL])
@pytest.mark.parametrize("access", [Access.EXTERNAL, Access.MIXED])
def test_an_external_load_goes_through_the_helper(access: Access, helper: int) -> None:
    p = param("t", pointer(task()))
    found = obj(load(member(deref(load(ref(p))), "pid")), p, access, helper)
    assert found.helpers(".bpf.fn.f") == [helper]


def test_a_scalar_of_a_kernel_object_is_loaded_directly() -> None:
    p = param("t", pointer(task()))
    assert obj(load(member(deref(load(ref(p))), "pid")), p, Access.BTF).helpers(".bpf.fn.f") == []


def test_each_arrow_is_a_relocation_of_its_own() -> None:
    p = param("t", pointer(task()))
    parent = load(member(deref(load(ref(p))), "parent"))
    found = obj(load(member(deref(parent), "pid")), p, Access.EXTERNAL)
    assert found.helpers(".bpf.fn.f") == [READ, READ]
    assert found.core() == [("task", "parent", 0), ("task", "pid", 0)]


def test_an_anonymous_member_stays_in_the_chain() -> None:
    p = param("t", pointer(task()))
    found = obj(load(member(member(deref(load(ref(p))), ""), "high")), p, Access.EXTERNAL)
    assert found.core() == [("task", ".high", 0)]


def test_a_constant_subscript_stays_in_the_chain() -> None:
    p = param("t", pointer(task()))
    element = Index(U64, LOC, member(deref(load(ref(p))), "args"), lit(2))
    assert obj(load(element), p, Access.EXTERNAL).core() == [("task", "args.[2]", 0)]


def test_a_variable_subscript_ends_the_chain() -> None:
    t, n = param("t", pointer(task())), param("n", U32)
    element = Index(U64, LOC, member(deref(load(ref(t))), "args"), load(ref(n)))
    f = function("f", [t, n], [ret(Cast(INT, LOC, load(element)))])
    assert compiled(plan_of(f)).core() == [("task", "args", 0)]


def test_only_the_members_that_are_used_are_described() -> None:
    p = param("t", pointer(task()))
    found = obj(load(member(deref(load(ref(p))), "pid")), p, Access.EXTERNAL).btf()
    (described,) = [t for _, t in found if isinstance(t, Struct) and t.name == "task"]
    assert described.size == 64
    assert [(m.name, m.bit_offset) for m in described.members] == [("pid", 64)]


def test_a_record_that_an_object_has_is_described_whole() -> None:
    copy = VarDecl("copy", task(), Storage.GLOBAL, LOC)
    p = param("t", pointer(copy.type))
    f = function("f", [p], [ret(Cast(INT, LOC, load(member(deref(load(ref(p))), "parent"))))])
    found = compiled(plan_of(f), variables=[copy])
    (described,) = [t for _, t in found.btf() if isinstance(t, Struct) and t.name == "task"]
    assert [m.name for m in described.members] == ["pid", "parent", "", "args", "state"]
    assert found.core() == [("task", "parent", 0)]


def test_a_record_without_the_attribute_is_not_relocated() -> None:
    p = param("t", pointer(task(relocatable=False)))
    assert obj(load(member(deref(load(ref(p))), "pid")), p, Access.EXTERNAL).core() == []


def test_an_external_bit_field_is_read_where_the_kernel_has_it() -> None:
    p = param("t", pointer(task()))
    found = obj(load(member(deref(load(ref(p))), "state")), p, Access.EXTERNAL)
    assert found.helpers(".bpf.fn.f") == [READ]
    assert sorted(found.core()) == [("task", "state", kind) for kind in (0, 1, 4, 5)]


def test_an_external_record_is_read_straight_into_its_destination() -> None:
    t = task()
    p, copy = param("t", pointer(t)), local("copy", t)
    source = deref(load(ref(p)))
    copy.init = load(source)
    f = function("f", [p], [declare(copy), ret(load(member(ref(copy), "pid")))])
    plan = plan_of(f)
    plan.entries[0].accesses[source] = Access.EXTERNAL
    found = compiled(plan)
    assert found.helpers(".bpf.fn.f") == [READ]
    assert found.core() == []


@pytest.mark.parametrize(
    ("access", "text"),
    [
        pytest.param(
            Access.EXTERNAL,
            "cannot write through a pointer to kernel or user memory",
            id="external",
        ),
        pytest.param(Access.BTF, "cannot write to a kernel object", id="btf"),
    ],
)
def test_a_store_that_the_verifier_would_refuse_is_refused(access: Access, text: str) -> None:
    p = param("t", pointer(task()))
    target = member(deref(load(ref(p))), "pid")
    plan = program(Assign(INT, LOC, target, lit(1)), p, access)
    with pytest.raises(Rejection, match=text) as caught:
        compiled(plan)
    assert caught.value.loc == LOC


def test_a_store_through_a_mixed_pointer_is_direct() -> None:
    p = param("t", pointer(task(relocatable=False)))
    target = member(deref(load(ref(p))), "pid")
    assert obj(Assign(INT, LOC, target, lit(1)), p, Access.MIXED).helpers(".bpf.fn.f") == []


def copy_of(to: Expr, source: Expr, size: Expr) -> Builtin:
    return Builtin(VOID_PTR, LOC, "__builtin_memcpy", [to, source, size])


def test_memcpy_from_external_memory_is_one_read() -> None:
    p, b = param("t", pointer(task())), local("b", array(U8, 24))
    source = member(deref(load(ref(p))), "args")
    copy = copy_of(
        AddrOf(pointer(b.type), LOC, ref(b)),
        AddrOf(pointer(source.type), LOC, source),
        lit(24, U64),
    )
    element = load(Index(U8, LOC, ref(b), lit(3)))
    f = function("f", [p], [declare(b), ExprStmt(LOC, copy), ret(Cast(INT, LOC, element))])
    plan = plan_of(f)
    assert isinstance(source, Member)
    assert isinstance(source.base, Deref)
    plan.entries[0].accesses[source.base] = Access.EXTERNAL
    found = compiled(plan)
    assert found.helpers(".bpf.fn.f") == [READ]
    assert found.core() == [("task", "args", 0)]


def test_memcpy_from_an_external_pointer_variable_is_one_read() -> None:
    p, b = param("p", VOID_PTR), local("b", U64)
    source = load(ref(p))
    copy = copy_of(AddrOf(pointer(U64), LOC, ref(b)), source, lit(8, U64))
    body: list[Stmt] = [declare(b), ExprStmt(LOC, copy), ret(Cast(INT, LOC, load(ref(b))))]
    f: FunctionDecl = function("f", [p], body)
    plan = plan_of(f)
    plan.entries[0].accesses[source] = Access.EXTERNAL
    assert compiled(plan).helpers(".bpf.fn.f") == [READ]
