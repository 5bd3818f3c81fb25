"""Packet headers: fields in network order become packet loads and stores."""

from __future__ import annotations

import pytest

from bpfkit.compiler.constants import fold
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.dialect.walk import expressions
from bpfkit.compiler.tree import Binary, Call, DeclRef, FunctionDecl
from tests.unit.compiler.bcc_chain import Result, chain

START = """#include <bcc/proto.h>
int filter(struct __sk_buff *skb) { u8 *cursor = 0;
struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
struct ethernet_t *eth = cursor_advance(cursor, sizeof(*eth));
"""


def program(body: str) -> Result:
    return chain(START + body + "\nreturn 0; }")


def loads(result: Result) -> list[str]:
    found = []
    for node in expressions(result.function("filter")):
        match node:
            case Call(callee=DeclRef(decl=FunctionDecl(name=name, asm_label=label))):
                assert label == f"llvm.bpf.load.{name.removeprefix('load_')}"
                found.append(name)
    return found


def numbers(result: Result, op: str) -> list[int]:
    nodes = expressions(result.function("filter"))
    found = [fold(n.right) for n in nodes if isinstance(n, Binary) and n.op == op]
    return [n for n in found if n is not None]


# field, loads, offset, shift right, mask
FIELDS = [
    ("ip->ver", ["load_byte"], 0, 4, 0xF),
    ("ip->hlen", ["load_byte"], 0, 0, 0xF),
    ("ip->ttl", ["load_byte"], 8, 0, 0xFF),
    ("ip->tlen", ["load_half"], 2, 0, 0xFFFF),
    ("ip->df", ["load_byte"], 6, 6, 1),
    ("ip->foffset", ["load_half"], 6, 0, 0x1FFF),
    ("ip->src", ["load_word"], 12, 0, 0xFFFFFFFF),
    ("eth->src", ["load_word", "load_word"], 6, 16, (1 << 48) - 1),
    ("eth->type", ["load_half"], 12, 0, 0xFFFF),
]


@pytest.mark.parametrize(
    ("field", "expected", "offset", "shift", "mask"), FIELDS, ids=[row[0] for row in FIELDS]
)
def test_a_field_is_read_by_packet_loads(
    field: str, expected: list[str], offset: int, shift: int, mask: int
) -> None:
    result = program(f"return {field};")
    assert loads(result) == expected
    assert (offset in numbers(result, "+")) == (offset != 0)
    assert (shift in numbers(result, ">>")) == (shift != 0)
    assert mask in numbers(result, "&")


def test_a_whole_field_is_stored_without_a_load() -> None:
    result = program("ip->tlen = 40;")
    assert loads(result) == []
    (store,) = result.helpers("filter")
    assert store.number == 9
    assert fold(store.args[3]) == 2


def test_a_part_of_a_byte_is_stored_after_a_load() -> None:
    result = program("ip->ver = 4;")
    assert loads(result) == ["load_byte"]
    assert 0x0F in numbers(result, "&")
    (store,) = result.helpers("filter")
    assert fold(store.args[3]) == 1


def test_a_field_cannot_be_changed_in_place() -> None:
    with pytest.raises(Rejection, match="can only be read or assigned"):
        program("ip->ttl -= 1;")


def test_the_address_of_a_field_is_its_offset() -> None:
    result = program("return incr_cksum_l3(&ip->hchecksum, 1, (u16)2);")
    (call,) = result.helpers("filter")
    assert call.number == 10
    assert fold(call.args[4]) == 2
