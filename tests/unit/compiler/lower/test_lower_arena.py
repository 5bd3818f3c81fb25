"""Arenas: pointers of address space 1, and variables that lie in it."""

from __future__ import annotations

import re

import pytest

from bpfkit.compiler.ctype import INT, U64, Array, Pointer
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.tree import AddrOf, Assign, Decay, ExprStmt, MapDecl, Storage, VarDecl
from bpfkit.obj.read import read_object
from bpfkit.uapi.bpf import MapType
from tests.unit.compiler.lower.plain import build
from tests.unit.compiler.lower.trees import (
    LOC,
    compiled,
    deref,
    function,
    ir_of,
    lit,
    load,
    member,
    param,
    plan_of,
    record,
    ref,
    ret,
)

NODE = record("node", 40, [("next", U64, 0), ("counts", Array(U64, 4), 64)])
FAR = Pointer(NODE, 1)


def arena(pages: int = 4) -> MapDecl:
    var = VarDecl("arena", INT, Storage.GLOBAL, LOC)
    return MapDecl("arena", "arena", 33, None, None, pages, 1024, LOC, var)


def variable(name: str, space: int = 1, size: int = 1) -> VarDecl:
    return VarDecl(name, Array(U64, size), Storage.GLOBAL, LOC, address_space=space)


def test_an_address_is_taken_to_space_0_only_where_it_is_read() -> None:
    n = param("n", FAR)
    counts = member(deref(load(ref(n))), "counts")
    first = deref(Decay(Pointer(U64, 1), LOC, counts))
    ir = ir_of(plan_of(function("f", [n], [ret(load(first))])))
    body = ir[ir.index("define") :]
    assert "getelementptr i8, ptr addrspace(1)" in body
    assert len(re.findall(r"addrspacecast ptr addrspace\(1\) \S+ to ptr\b", body)) == 1
    assert "to ptr addrspace(1)" not in body


def test_the_address_of_a_member_stays_in_its_space() -> None:
    n = param("n", FAR)
    place = AddrOf(Pointer(U64, 1), LOC, member(deref(load(ref(n))), "next"))
    decl = function("f", [n], [ret(place)], Pointer(U64, 1))
    ir = ir_of(plan_of(decl))
    assert "addrspacecast" not in ir
    assert "define dso_local ptr addrspace(1) @f(" in ir


def test_globals_get_their_space_and_section() -> None:
    inside = VarDecl("inside", INT, Storage.GLOBAL, LOC, lit(7), address_space=1)
    write = ExprStmt(LOC, Assign(INT, LOC, ref(inside), lit(8)))
    main = function("f", [], [write, ret(load(ref(inside)))])
    ir = ir_of(plan_of(main), variables=[inside], maps=[arena()])
    assert "@inside = dso_local addrspace(1) global i32 7" in ir
    found = compiled(plan_of(main), variables=[inside], maps=[arena()])
    assert found.symbols()["inside"] == ".addr_space.1"


@pytest.mark.parametrize(
    ("variables", "maps", "message"),
    [
        ([variable("x")], [], "lies in an arena, and 0 arenas are declared"),
        ([variable("x")], [arena(), arena()], "and 2 arenas are declared"),
        ([variable("x", 5)], [arena()], "is in address space 5"),
        ([variable("x", 1, 600)], [arena(1)], "4800 bytes do not fit in arena 'arena' of 4096"),
    ],
)
def test_globals_that_lie_nowhere_are_refused(
    variables: list[VarDecl], maps: list[MapDecl], message: str
) -> None:
    with pytest.raises(Rejection, match=message) as refused:
        ir_of(plan_of(function("f", [], [ret(lit(0))])), variables=variables, maps=maps)
    assert refused.value.loc == LOC


TEXT = """
struct { int (*type)[33]; int (*map_flags)[1024]; int (*max_entries)[8]; }
    arena __attribute__((section(".maps")));
#define __arena __attribute__((address_space(1)))
struct node { struct node __arena *next; long counts[4]; };
long __arena first = 5, second;
struct node __arena *head;
int f(void *ctx) {
    second = first;
    long __arena *where = &second;
    __sync_fetch_and_add(where, 3);
    __sync_fetch_and_add(&head->counts[1], 4);
    __builtin_memset(head->counts, 0, 16);
    struct node copy = *head;
    *head->next = copy;
    return copy.counts[2] + (long)&arena;
}
"""


def test_an_object_has_its_arena_with_what_is_in_it() -> None:
    spec = read_object(build(TEXT))
    found = spec.maps["arena"]
    assert found.type is MapType.ARENA
    assert found.initial == (5).to_bytes(8, "little") + bytes(8)
    assert found.initial_offset == 7 * 4096
    relocs = {(r.kind, r.symbol, r.addend) for r in spec.programs["f"].relocs}
    assert ("data", "arena", 7 * 4096) in relocs
    assert ("data", "arena", 7 * 4096 + 8) in relocs


CASTS = """
struct { int (*type)[33]; int (*map_flags)[1024]; int (*max_entries)[8]; }
    arena __attribute__((section(".maps")));
#define __arena __attribute__((address_space(1)))
long __arena *head;
int f(void *ctx) {
    char *near = (char *)head;
    long __arena *far = (long __arena *)(near + 8);
    far[1] = 3;
    return (long)&arena;
}
"""


def test_casts_to_and_fro_do_not_end_the_backend() -> None:
    # LLVM 22.1 dies of a full stack where nothing stands between the casts.
    assert read_object(build(CASTS)).programs["f"].insns
