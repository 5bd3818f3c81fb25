"""The object around the code: sections, maps, license, BTF."""

from __future__ import annotations

import pytest

from bpfkit.btf.types import Array as BtfArray
from bpfkit.btf.types import Datasec, Ptr, Struct, Var
from bpfkit.compiler.ctype import CHAR, INT, U32, U64, VOID, Array, Qual, Type
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.tree import (
    Call,
    DeclRef,
    FunctionDecl,
    HelperCall,
    MapAddress,
    MapDecl,
    Storage,
    VarDecl,
)
from tests.unit.compiler.lower.trees import (
    LOC,
    Object,
    compiled,
    function,
    ir_of,
    lit,
    load,
    param,
    plan_of,
    pointer,
    record,
    ref,
    ret,
    typedef,
)


def one() -> FunctionDecl:
    return function("f", [], [ret(lit(1))])


def map_of(name: str, number: int, key: Type | None, leaf: Type | None, **more: object) -> MapDecl:
    var = VarDecl(name, INT, Storage.GLOBAL, LOC)
    decl = MapDecl(name, "any", number, key, leaf, 128, 0, LOC, var)
    for field, value in more.items():
        setattr(decl, field, value)
    return decl


def definition(found: Object, name: str) -> dict[str, object]:
    """A BTF-defined map: numbers as numbers, types by name."""
    btf = found.btf()
    var = next(t for _, t in btf if isinstance(t, Var) and t.name == name)
    struct = btf.type(var.type_id)
    assert isinstance(struct, Struct)
    members: dict[str, object] = {}
    for member in struct.members:
        pointer_type = btf.type(member.type_id)
        assert isinstance(pointer_type, Ptr)
        target = btf.type(pointer_type.type_id)
        members[member.name] = target.count if isinstance(target, BtfArray) else target.name
    return members


def test_a_program_without_a_section_gets_one_of_its_own() -> None:
    found = compiled(plan_of(one()))
    assert found.symbols()["f"] == ".bpf.fn.f"


def test_a_section_of_the_text_is_kept() -> None:
    f = one()
    f.section = "kprobe/vfs_read"
    assert compiled(plan_of(f)).symbols()["f"] == "kprobe/vfs_read"


def test_the_license_stands_in_its_section() -> None:
    found = compiled(plan_of(one()), license="Dual BSD/GPL")
    assert found.data("license") == b"Dual BSD/GPL\0"


def test_a_license_of_the_text_replaces_ours() -> None:
    mine = VarDecl("mine", Array(CHAR, 4), Storage.GLOBAL, LOC, section="license")
    assert "_license" not in compiled(plan_of(one()), variables=[mine]).symbols()


def test_a_void_program_returns_zero() -> None:
    f = function("f", [], [], result=typedef("nothing", VOID))
    assert compiled(plan_of(f)).data(".bpf.fn.f")[:8] == bytes.fromhex("b400000000000000")


def test_a_hash_map_is_defined_by_its_btf() -> None:
    key = typedef("pid_key", record("pid_key", 8, [("pid", U32, 0), ("tid", U32, 32)], align=4))
    found = compiled(plan_of(one()), maps=[map_of("counts", 1, key, U64, flags=1)])
    assert found.symbols()["counts"] == ".maps"
    assert definition(found, "counts") == {
        "type": 1,
        "key": "pid_key",
        "value": "unsigned long long",
        "max_entries": 128,
        "map_flags": 1,
    }
    structs = [t for _, t in found.btf() if isinstance(t, Struct) and t.name == "pid_key"]
    assert [m.name for m in structs[0].members] == ["pid", "tid"]


def test_a_ring_buffer_has_neither_key_nor_value() -> None:
    found = compiled(plan_of(one()), maps=[map_of("ring", 27, None, None)])
    assert definition(found, "ring") == {"type": 27, "max_entries": 128}


def test_a_perf_buffer_has_sizes() -> None:
    found = compiled(plan_of(one()), maps=[map_of("events", 4, None, None)])
    assert definition(found, "events") == {
        "type": 4,
        "key_size": 4,
        "value_size": 4,
        "max_entries": 128,
    }


def test_the_type_of_events_is_found_by_its_data_section() -> None:
    event = record("event", 16, [("pid", U32, 0), ("at", U64, 64)])
    found = compiled(plan_of(one()), maps=[map_of("events", 4, None, None, event=event)])
    btf = found.btf()
    section = next(t for _, t in btf if isinstance(t, Datasec) and t.name == ".bpfkit.events")
    var = btf.type(section.variables[0].type_id)
    assert isinstance(var, Var)
    assert (var.name, btf.name(var.type_id)) == ("events.event", "event")


def test_a_pinned_map_carries_its_path() -> None:
    found = compiled(plan_of(one()), maps=[map_of("shared", 2, INT, INT, pin_path="/sys/fs/bpf/s")])
    assert found.symbols()["shared.pin"] == ".bpfkit.pin"
    assert found.data(".bpfkit.pin") == b"/sys/fs/bpf/s\0"


def test_a_map_in_a_map_shows_the_inner_definition() -> None:
    maps = [map_of("inner", 1, INT, INT), map_of("outer", 12, INT, None, inner="inner")]
    found = compiled(plan_of(one()), maps=maps)
    btf = found.btf()
    var = next(t for _, t in btf if isinstance(t, Var) and t.name == "outer")
    struct = btf.type(var.type_id)
    assert isinstance(struct, Struct)
    assert [m.name for m in struct.members] == [
        "type", "key", "value_size", "max_entries", "values",
    ]  # fmt: skip


def test_a_helper_gets_the_address_of_a_map() -> None:
    counts = map_of("counts", 2, INT, INT)
    call = HelperCall(INT, LOC, 25, "x", [MapAddress(pointer(INT), LOC, counts), lit(0)])
    found = compiled(plan_of(function("f", [], [ret(call)])), maps=[counts])
    assert found.helpers(".bpf.fn.f") == [25]
    table = found.elf.get_section_by_name(".symtab")
    relocations = found.elf.get_section_by_name(".rel.bpf.fn.f").iter_relocations()
    assert [table.get_symbol(r["r_info_sym"]).name for r in relocations] == ["counts"]


def test_pointers_declare_records_and_do_not_define_them() -> None:
    big = record("big", 8, [("x", U64, 0)])
    f = function("f", [param("p", pointer(big))], [ret(lit(1))])
    assert "big" not in {t.name for _, t in compiled(plan_of(f)).btf() if isinstance(t, Struct)}


@pytest.mark.parametrize(
    ("type_", "section"),
    [
        pytest.param(INT, ".bss", id="zero"),
        pytest.param(Qual(INT, const=True, volatile=True), ".rodata", id="const volatile"),
    ],
)
def test_a_global_lands_where_c_says(type_: Type, section: str) -> None:
    found = compiled(plan_of(one()), variables=[VarDecl("g", type_, Storage.GLOBAL, LOC)])
    assert found.symbols()["g"] == section


def test_an_initialised_global_is_data() -> None:
    g = VarDecl("g", INT, Storage.GLOBAL, LOC, lit(7))
    found = compiled(plan_of(one()), variables=[g])
    assert found.data(".data") == bytes([7, 0, 0, 0])


def test_big_endian_is_said_in_the_triple() -> None:
    assert 'target triple = "bpfeb"' in ir_of(plan_of(one()), arch="s390x")


# ------------------------------------------------------------ refusals


def test_too_many_arguments_of_a_helper_are_refused() -> None:
    call = HelperCall(INT, LOC, 6, "bpf_trace_printk", [lit(n) for n in range(6)])
    with pytest.raises(Rejection, match="at most 5") as caught:
        ir_of(plan_of(function("f", [], [ret(call)])))
    assert caught.value.loc == LOC


def test_an_undefined_function_is_refused() -> None:
    other = FunctionDecl("other", one().type, [], LOC)
    call = Call(INT, LOC, DeclRef(other.type, LOC, other), [])
    with pytest.raises(Rejection, match="nowhere defined"):
        ir_of(plan_of(function("f", [], [ret(call)])))


def test_a_kernel_function_stays_undefined_for_the_loader() -> None:
    other = FunctionDecl("bpf_kfunc", one().type, [], LOC, section=".ksyms")
    call = Call(INT, LOC, DeclRef(other.type, LOC, other), [])
    found = compiled(plan_of(function("f", [], [ret(call)])))
    assert found.symbols()["bpf_kfunc"] == "SHN_UNDEF"
    assert ".ksyms" in {t.name for _, t in found.btf() if isinstance(t, Datasec)}


def test_a_kernel_variable_stays_undefined_for_the_loader() -> None:
    jiffies = VarDecl("CONFIG_HZ", INT, Storage.EXTERN, LOC, section=".kconfig")
    found = compiled(plan_of(function("f", [], [ret(load(ref(jiffies)))])), variables=[jiffies])
    assert found.symbols()["CONFIG_HZ"] == "SHN_UNDEF"
    assert ".kconfig" in {t.name for _, t in found.btf() if isinstance(t, Datasec)}


def test_a_record_returned_by_a_program_is_refused() -> None:
    big = record("big", 16, [("x", U64, 0)])
    with pytest.raises(Rejection, match="by value"):
        ir_of(plan_of(function("f", [], [], result=big)))
