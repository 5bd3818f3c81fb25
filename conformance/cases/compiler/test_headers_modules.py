"""Types that only a loaded module has."""

from __future__ import annotations

from bpfkit.btf.layout import find_member
from bpfkit.btf.types import Btf, Int, Struct
from bpfkit.host.facts import LiveFacts
from conformance.case import case
from conformance.values import in_xdp


def _only_in_module(facts: LiveFacts) -> tuple[str, str, int, int]:
    """A record of a module with an integer member: tag, member, byte offset, size in bytes."""
    for module in facts.modules_with_btf():
        types = facts.module_btf(module)
        for type_id, found in types or ():
            if isinstance(found, Struct) and found.name and not facts.btf.by_name(found.name):
                member = _integer_member(types, type_id, found)
                if member:
                    return found.name, *member
    raise AssertionError("no loaded module brings a record of its own")


def _integer_member(types: Btf | None, type_id: int, found: Struct) -> tuple[str, int, int] | None:
    assert types is not None
    for member in found.members[1:]:
        inner = types.resolve(member.type_id)[1]
        place = find_member(types, type_id, member.name) if member.name else None
        if isinstance(inner, Int) and place is not None and not member.bits:
            return member.name, member.bit_offset // 8, inner.size
    return None


@case("compiler/headers/modules", kernel="5.11", config="DEBUG_INFO_BTF_MODULES")
def test_a_type_of_a_module_is_relocated_to_the_modules_types() -> None:
    """A record that only a module's BTF has compiles, and its members are where the module has
    them.
    """
    tag, member, offset, size = _only_in_module(LiveFacts())
    body = f"""
    struct {tag} *p = 0;
    OUT(0, __builtin_preserve_field_info(p->{member}, 0));
    OUT(1, __builtin_preserve_field_info(p->{member}, 1));
    OUT(2, __builtin_preserve_field_info(p->{member}, 2));
    """
    assert in_xdp(body, 3) == [offset, size, 1]
