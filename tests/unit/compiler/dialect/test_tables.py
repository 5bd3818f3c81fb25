"""Map macros: what each declares, and what is refused."""

from __future__ import annotations

import pytest

from bpfkit.compiler.ctype import Int, Record, bare, size_of
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.tree import MapDecl
from tests.unit.compiler.bcc_chain import chain

BEFORE = "struct k { u32 a; u32 b; }; BPF_HASH(inner, u32);\n"

# macro, kernel type, size of key, size of leaf, max_entries, flags
MACROS = [
    ("BPF_HASH(m);", 1, 8, 8, 10240, 0),
    ("BPF_HASH(m, struct k);", 1, 8, 8, 10240, 0),
    ("BPF_HASH(m, u32, struct k);", 1, 4, 8, 10240, 0),
    ("BPF_HASH(m, u32, u16, 3 * 5);", 1, 4, 2, 15, 0),
    ('BPF_TABLE("lru_hash", u32, u64, m, 7);', 9, 4, 8, 7, 0),
    ('BPF_TABLE("lru_percpu_hash", u32, u64, m, 7);', 10, 4, 8, 7, 0),
    ('BPF_F_TABLE("hash", u32, u64, m, 7, 1);', 1, 4, 8, 7, 1),
    ("BPF_ARRAY(m);", 2, 4, 8, 10240, 0),
    ("BPF_ARRAY(m, u32, 1);", 2, 4, 4, 1, 0),
    ("BPF_HISTOGRAM(m);", 2, 4, 8, 64, 0),
    ("BPF_HISTOGRAM(m, int, 32);", 2, 4, 8, 32, 0),
    ("BPF_HISTOGRAM(m, u32);", 1, 4, 8, 64, 0),
    ("BPF_HISTOGRAM(m, struct k, 99);", 1, 8, 8, 99, 0),
    ("BPF_PERCPU_HASH(m, u32);", 5, 4, 8, 10240, 0),
    ("BPF_PERCPU_ARRAY(m, u64, 3);", 6, 4, 8, 3, 0),
    ("BPF_STACK_TRACE(m, 1000);", 7, 4, 8 * 127, 1024, 0),
    ("BPF_STACK_TRACE(m, 1024);", 7, 4, 8 * 127, 1024, 0),
    ("BPF_STACK_TRACE_BUILDID(m, 16);", 7, 4, 32 * 127, 16, 32),
    ("BPF_PERF_OUTPUT(m);", 4, 4, 4, 8, 0),
    ("BPF_PERF_ARRAY(m, 4);", 4, 4, 4, 4, 0),
    ("BPF_PROG_ARRAY(m, 4);", 3, 4, 4, 4, 0),
    ("BPF_CGROUP_ARRAY(m, 1);", 8, 4, 4, 1, 0),
    ("BPF_LPM_TRIE(m, struct k, u32, 9);", 11, 8, 4, 9, 1),
    ('BPF_ARRAY_OF_MAPS(m, "inner", 4);', 12, 4, 4, 4, 0),
    ('BPF_HASH_OF_MAPS(m, "inner");', 13, 4, 4, 10240, 0),
    ('BPF_HASH_OF_MAPS(m, u64, "inner");', 13, 8, 4, 10240, 0),
    ('BPF_HASH_OF_MAPS(m, u64, "inner", 2);', 13, 8, 4, 2, 0),
    ("BPF_DEVMAP(m, 6);", 14, 4, 4, 6, 0),
    ("BPF_SOCKMAP(m, 6);", 15, 4, 4, 6, 0),
    ("BPF_CPUMAP(m, 6);", 16, 4, 4, 6, 0),
    ("BPF_XSKMAP(m, 6);", 17, 4, 4, 6, 0),
    ("BPF_SOCKHASH(m);", 18, 4, 4, 10240, 0),
    ("BPF_SOCKHASH(m, struct k, 3);", 18, 8, 4, 3, 0),
    ("BPF_CGROUP_STORAGE(m, u64);", 19, 16, 8, 0, 0),
    ("BPF_PERCPU_CGROUP_STORAGE(m, u64);", 21, 16, 8, 0, 0),
    ("BPF_QUEUE(m, u32, 5);", 22, 0, 4, 5, 0),
    ("BPF_STACK(m, u32, 5, 1);", 23, 0, 4, 5, 1),
    ("BPF_SK_STORAGE(m, u32);", 24, 4, 4, 0, 1),
    ("BPF_RINGBUF_OUTPUT(m, 16);", 27, 0, 0, 16 * 4096, 0),
    ("BPF_INODE_STORAGE(m, u32);", 28, 4, 4, 0, 1),
    ("BPF_TASK_STORAGE(m, u32);", 29, 4, 4, 0, 1),
]


def declared(text: str, name: str = "m") -> MapDecl:
    return chain(BEFORE + text).map(name)


@pytest.mark.parametrize("row", MACROS, ids=[row[0] for row in MACROS])
def test_a_macro_declares_its_map(row: tuple[str, int, int, int, int, int]) -> None:
    text, type_, key, leaf, entries, flags = row
    found = declared(text)
    sizes = tuple(0 if t is None else size_of(t) for t in (found.key, found.leaf))
    assert (found.type, *sizes, found.max_entries, found.flags) == (
        type_,
        key,
        leaf,
        entries,
        flags,
    )


def test_the_default_types_are_64_bit_numbers() -> None:
    found = declared("BPF_HASH(m);")
    assert found.key is not None
    assert found.leaf is not None
    for type_ in (bare(found.key), bare(found.leaf)):
        assert isinstance(type_, Int)
        assert not type_.signed


def test_key_and_leaf_keep_their_names() -> None:
    found = declared("BPF_HASH(m, u32, struct k);")
    assert isinstance(found.leaf, Record)
    assert found.leaf.name == "k"


def test_the_objects_of_maps_are_gone() -> None:
    result = chain(BEFORE + "BPF_HASH(m); int counter;")
    assert [v.name for v in result.unit.globals] == ["counter"]
    assert [m.name for m in result.unit.maps] == ["inner", "m"]


@pytest.mark.parametrize(
    "text",
    [
        'BPF_TABLE_PINNED("hash", u32, u64, m, 4, "/sys/fs/bpf/a:b");',
        'BPF_TABLE_PINNED("hash", u32, u64, m, 4, "/sys/fs/bpf/a:b", 1);',
        'BPF_XSKMAP(m, 4, "/sys/fs/bpf/a:b");',
        'BPF_QUEUESTACK_PINNED("queue", m, u32, 4, 0, "/sys/fs/bpf/a:b");',
    ],
)
def test_a_pinned_map_knows_its_path(text: str) -> None:
    assert declared(text).pin_path == "/sys/fs/bpf/a:b"


def test_a_map_of_maps_names_its_inner_map() -> None:
    assert declared('BPF_ARRAY_OF_MAPS(m, "inner", 4);').inner == "inner"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ('BPF_TABLE_PUBLIC("hash", u32, u64, m, 4);', "export"),
        ('BPF_TABLE_SHARED("hash", u32, u64, m, 4);', "shared"),
        ('BPF_TABLE("extern", u32, u64, m, 4);', "extern"),
        ('BPF_TABLE("hash", u32, u64, m, 4);', ""),
    ],
)
def test_maps_may_be_shared_between_objects(text: str, scope: str) -> None:
    result = chain(BEFORE + text)
    assert result.map("m").scope == scope
    assert len(result.unit.maps) == 2


REFUSED = [
    ('BPF_TABLE("hashx", u32, u64, m, 4);', "unsupported map type: hashx"),
    ("struct none {}; BPF_HASH(m, u32, struct none);", "invalid zero-sized leaf"),
    ('BPF_ARRAY_OF_MAPS(m, "nobody", 4);', "inner map 'nobody'"),
    (
        'BPF_ARRAY_OF_MAPS(a, "inner", 4); BPF_ARRAY_OF_MAPS(m, "a", 4);',
        "is itself a map of maps",
    ),
    ('BPF_TABLE("histogram", int, u32, m, 4);', "histogram leaf type must be u64"),
    (
        'int m __attribute__((annotate("sec:maps/hash")));',
        "invalid type for bpf_table, expect struct",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_bad_declaration_is_refused(text: str, message: str) -> None:
    with pytest.raises(Rejection) as caught:
        chain(BEFORE + text)
    assert message in caught.value.message
    assert caught.value.loc.line == 2
