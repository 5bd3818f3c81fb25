"""Offsets into stack objects, and the decision table."""

from __future__ import annotations

import pytest

from bpfkit.compiler.ctype import INT, U64, VOID_PTR, Array, Field, Record, RecordKind
from bpfkit.compiler.diagnostics import Loc, Rejection
from bpfkit.compiler.provenance.decide import ContextKind, check_context, check_store, classify
from bpfkit.compiler.provenance.plan import Access
from bpfkit.compiler.provenance.values import (
    SCALAR,
    UNTYPED,
    VISIBLE,
    ZERO,
    Atom,
    Kind,
    StackObject,
    btf,
    context,
    has_part,
    normal_offset,
    shift,
    shift_elements,
    stack,
)


def record(name: str, *fields: tuple[str, object, int], size: int) -> Record:
    made = Record(RecordKind.STRUCT, name, size=size, align=8, complete=True)
    made.fields = [
        Field(n, t, offset * 8, i, record=made)  # type: ignore[arg-type]
        for i, (n, t, offset) in enumerate(fields)
    ]
    return made


PAIR = record("pair", ("n", INT, 0), ("p", VOID_PTR, 8), size=16)
TABLE = record("table", ("head", U64, 0), ("pairs", Array(PAIR, 4), 8), size=72)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, 0), (8, 8), (16, 16), (24, 8), (32, 16), (64, 16), (72, None), (-1, None), (None, None)],
)
def test_array_elements_are_one(offset: int | None, expected: int | None) -> None:
    assert normal_offset(TABLE, offset) == expected


def test_offsets_outside_an_object_are_unknown() -> None:
    atoms = shift({stack(StackObject(U64, "x"))}, 8)
    assert {a.offset for a in atoms} == {None}


def test_a_variable_step_inside_an_array_stays_on_its_elements() -> None:
    obj = StackObject(Array(PAIR, 4), "pairs")
    assert shift_elements({stack(obj, 8)}, None, 16) == {stack(obj, 8)}
    assert shift_elements({stack(obj, 8)}, None, 8) == {stack(obj, None)}


def test_a_variable_step_loses_the_type_of_a_kernel_object() -> None:
    assert {a.offset for a in shift_elements({btf(TABLE)}, None, 16)} == {None}


def test_a_part_is_found_through_members_and_array_elements() -> None:
    assert has_part(TABLE, 8, PAIR)
    assert has_part(TABLE, 40, PAIR)
    assert not has_part(TABLE, 0, PAIR)
    assert not has_part(TABLE, 12, PAIR)


LOCAL = stack(StackObject(PAIR, "l"))
TYPED = btf(PAIR)
CTX = context(PAIR)

TABLE_OF_DECISIONS = [
    ((), Access.MIXED),
    ((ZERO,), Access.MIXED),
    ((SCALAR,), Access.EXTERNAL),
    ((SCALAR, ZERO), Access.EXTERNAL),
    ((LOCAL,), Access.DIRECT),
    ((LOCAL, VISIBLE, ZERO), Access.DIRECT),
    ((CTX,), Access.DIRECT),
    ((TYPED,), Access.BTF),
    ((TYPED, ZERO), Access.BTF),
    ((UNTYPED,), Access.EXTERNAL),
    ((TYPED, TYPED._replace(offset=None)), Access.EXTERNAL),
    ((TYPED._replace(offset=16),), Access.EXTERNAL),
    ((SCALAR, LOCAL), Access.MIXED),
    ((SCALAR, VISIBLE), Access.MIXED),
    ((SCALAR, TYPED), Access.MIXED),
    ((TYPED, LOCAL), Access.MIXED),
    ((CTX, SCALAR), Access.MIXED),
]


@pytest.mark.parametrize(("atoms", "access"), TABLE_OF_DECISIONS)
def test_decision(atoms: tuple[Atom, ...], access: Access) -> None:
    assert classify(atoms) is access


def test_a_device_context_must_not_mix() -> None:
    with pytest.raises(Rejection, match="program context or an external address"):
        check_context({CTX, SCALAR}, ContextKind.DEVICE, Loc())
    check_context({CTX, SCALAR}, ContextKind.MEMORY, Loc())
    check_context({CTX, ZERO}, ContextKind.DEVICE, Loc())


@pytest.mark.parametrize("access", [Access.EXTERNAL, Access.BTF])
def test_a_store_that_no_helper_does_is_refused(access: Access) -> None:
    with pytest.raises(Rejection, match="cannot write"):
        check_store(access, Loc())


@pytest.mark.parametrize("access", [Access.DIRECT, Access.MIXED])
def test_a_store_that_may_be_right_is_left_to_the_verifier(access: Access) -> None:
    check_store(access, Loc())


def test_kinds_are_told_apart_in_sets() -> None:
    assert len({Atom(Kind.CONTEXT, offset=0), Atom(Kind.BTF, offset=0)}) == 2
