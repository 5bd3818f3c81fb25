"""Arenas: memory that programs and this process share by pointers."""

from __future__ import annotations

import struct

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError, SyscallError
from bpfkit.syscalls.api import MappedMemory
from conformance import values
from conformance.case import case
from conformance.hooks import pinned
from conformance.libbpf import HEAD, load_text, run, stored, trigger

ARENA = """
struct {
    __uint(type, BPF_MAP_TYPE_ARENA);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 16);
} arena SEC(".maps");
void __arena *bpf_arena_alloc_pages(void *map, void __arena *at, __u32 pages, int node,
                                    __u64 flags) __weak __ksym;
void bpf_arena_free_pages(void *map, void __arena *at, __u32 pages) __weak __ksym;
struct node { struct node __arena *next; u32 value; u64 counts[4]; };
"""
LIST = (
    ARENA
    + """
struct node __arena *head;
SEC("syscall") int program(void *ctx) {
    for (int i = 0; i < 3; i++) {
        struct node __arena *n = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
        if (!n)
            return 1;
        n->value = 10 + i;
        for (int j = 0; j < 4; j++)
            n->counts[j] = 100 * i + j;
        n->next = head;
        head = n;
    }
    int steps = 0;
    for (struct node __arena *n = head; n && steps < 5; n = n->next, steps++)
        OUT(0, out[0] + n->value);
    OUT(1, steps);
    return 0;
}
"""
)


def arena_of(collection: Collection) -> MappedMemory:
    return collection.arenas["arena"]


@case("maps/arena/c-list", kernel="6.9", feature="map_type/arena")
def test_pointers_lead_from_page_to_page() -> None:
    """A list in an arena is built and walked through ``__arena`` pointers, and user space follows
    the same pointers.
    """
    with load_text(LIST, 2) as collection:
        assert trigger(collection) == 0
        assert stored(collection) == [33, 3]
        arena = arena_of(collection)
        at, values = collection.globals["head"], []
        while at:
            node = struct.unpack_from("=QI4x4Q", arena.view, int(str(at)) - arena.address)
            at, value, *counts = node
            values.append((value, counts))
    assert values == [(12, [200, 201, 202, 203]), (11, [100, 101, 102, 103]), (10, [0, 1, 2, 3])]


GLOBALS = (
    ARENA
    + """
int __arena counter = 7;
u64 __arena table[5] = {1, 2, 3, 4, 5};
struct node __arena first = {.value = 99};
static u64 __arena hidden;
int __arena *where;
SEC("syscall") int program(void *ctx) {
    counter += 5;
    table[2] *= 10;
    for (int i = 0; i < 5; i++)
        hidden += table[i];
    where = &counter;
    *where += 1;
    first.next = &first;
    first.next->counts[1] = hidden;
    OUT(0, counter);
    OUT(1, first.value);
    OUT(2, first.counts[1]);
    OUT(3, where == &counter);
    return 0;
}
"""
)


@case("maps/arena/c-globals", kernel="6.9", feature="map_type/arena")
def test_globals_live_in_the_arena() -> None:
    """Variables declared ``__arena`` have their first values, and both sides read and write them
    in place.
    """
    with load_text(GLOBALS, 5, globals={"counter": 40}) as collection:
        assert trigger(collection) == 0
        assert stored(collection)[:4] == [46, 99, 42, 1]
        arena = arena_of(collection)
        names = collection.globals
        assert (names["counter"], names["table"]) == (46, (1, 2, 30, 4, 5))
        assert arena.address <= int(str(names["where"])) < arena.address + len(arena.view)
        names["counter"] = 100
        assert trigger(collection) == 0
        assert names["counter"] == 106


KINDS_OF_ACCESS = (
    ARENA
    + """
struct bits { u8 low:3; u8 high:5; u16 half; };
struct bits __arena bits;
struct node __arena a, b;
static __noinline u64 total(struct node __arena *n) {
    u64 sum = 0;
    for (int i = 0; i < 4; i++)
        sum += n->counts[i];
    return sum;
}
__weak int doubled(int __arena *n __arg_arena) { return *n * 2; }
int __arena number = 21;
SEC("syscall") int program(void *ctx) {
    OUT(9, (long)&arena);
    struct node local = {.value = 5, .counts = {1, 2, 3, 4}};
    a = local;
    b = a;
    OUT(0, total(&b) + b.value);
    u64 __arena *q = b.counts + 1;
    __sync_fetch_and_add(q, 1000);
    OUT(1, __sync_fetch_and_add(&b.counts[1], 1));
    OUT(2, __sync_val_compare_and_swap(&b.counts[1], 1003, 77));
    OUT(3, b.counts[1]);
    __builtin_memset(&a, 0, sizeof(a));
    __builtin_memcpy(&a.counts, b.counts, sizeof(a.counts));
    OUT(4, total(&a) + a.value);
    bits.low = 5;
    bits.high = 17;
    OUT(5, bits.low * 100 + bits.high);
    OUT(6, doubled(&number));
    struct node copy = b;
    OUT(7, copy.counts[3]);
    int __arena *both[2] = {0, &number};
    OUT(8, both[0] == 0 && *both[1] == 21);
    return 0;
}
"""
)


@case("maps/arena/c-accesses", kernel="6.9", feature="map_type/arena")
def test_every_kind_of_access_reaches_the_arena() -> None:
    """Records, bit-fields, atomics, memset and memcpy, subprograms and pointers to members work in
    an arena as elsewhere.
    """
    values = run(KINDS_OF_ACCESS, 10)
    assert values[:9] == [15, 1002, 1003, 77, 1 + 77 + 3 + 4, 517, 42, 4, 1]


FREED = (
    ARENA
    + """
u64 __arena *page;
SEC("syscall") int program(void *ctx) {
    if (!page) {
        page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
        if (page)
            *page = 5;
        return 0;
    }
    bpf_arena_free_pages(&arena, (void __arena *)page, 1);
    OUT(0, *page);
    return 0;
}
"""
)


@case("maps/arena/c-free", kernel="6.9", feature="map_type/arena")
def test_a_freed_page_reads_as_zero() -> None:
    """Reading a page that was given back yields zero instead of a fault."""
    with load_text(FREED) as collection:
        trigger(collection)
        page = int(str(collection.globals["page"])) - arena_of(collection).address
        assert arena_of(collection).view[page] == 5
        trigger(collection)
        assert stored(collection) == [0]


@case("maps/arena/c-address", kernel="6.9", feature="map_type/arena")
def test_map_extra_tells_the_address() -> None:
    """An arena lies where ``map_extra`` says; an address that is taken is a typed error."""
    text = ARENA.replace("16);", "16); __ulong(map_extra, 0x1ull << 44);") + (
        'int __arena x = 3; SEC("syscall") int program(void *ctx)'
        "{ OUT(1, (long)&arena); OUT(0, x); return 0; }"
    )
    with load_text(text, 2) as collection:
        trigger(collection)
        assert stored(collection)[0] == 3
        assert arena_of(collection).address == 1 << 44
        with pytest.raises(SyscallError, match=r"map 'arena'.*EEXIST.*0x100000000000"):
            load_text(text, 2)


@case("maps/arena/c-too-small")
def test_globals_that_do_not_fit_are_named() -> None:
    """Globals larger than their arena, or without one, are refused where they are declared."""
    big = ARENA.replace("16);", "1);") + "char __arena big[5000];"
    use = 'SEC("syscall") int program(void *ctx) { big[1] = 1; return 0; }'
    with pytest.raises(CompileError, match=r"case\.bpf\.c:\d+.*5000 bytes do not fit in arena 'ar"):
        load_text(big + use)
    with pytest.raises(CompileError, match=r"'big' lies in an arena, and 0 arenas are declared"):
        load_text("char __arena big[50];" + use)


@case("maps/arena/c-initialiser")
def test_addresses_in_an_arena_are_no_constants() -> None:
    """A global that begins with an address in an arena is refused where it is written."""
    text = ARENA + "int __arena x; int __arena *p = &x;"
    with pytest.raises(CompileError, match="initialiser of a global must be constant"):
        load_text(text)


@case("maps/arena/c-old-kernel")
def test_an_old_kernel_is_named_as_the_reason() -> None:
    """Where there are no arenas, creating one says since when there are."""
    with load_text('SEC("syscall") int program(void *ctx) { return 0; }') as collection:
        if collection.system.facts.version >= (6, 9, 0):
            return
    with pytest.raises(SyscallError, match=r"map 'arena'.*EINVAL.*came with Linux 6\.9"):
        load(HEAD.format(results=1) + ARENA, name="case.bpf.c")


IN_BCC = """
#define __ksym __attribute__((section(".ksyms")))
BPF_ARENA(arena, 16);
BPF_ARRAY(out, s64, 3);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *at, u32 pages, int node,
                                           u64 flags) __ksym;
struct node { struct node __arena *next; u64 value; };
struct node __arena first = {.value = 30};
u64 __arena visits;
__attribute__((section("syscall"))) int program(void *ctx) {
    struct node __arena *n = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
    if (!n)
        return 1;
    n->value = 12;
    first.next = n;
    visits += first.value + first.next->value;
    OUT(0, visits);
    struct node copy = *n;
    OUT(1, copy.value);
    return 0;
}
"""


@case("maps/arena/c-bcc", kernel="6.9", feature="map_type/arena")
def test_bcc_arenas() -> None:
    """BPF_ARENA, which bcc has no macro for: pointers into the arena are read directly, globals
    live in it.
    """
    with load(IN_BCC) as collection:
        assert collection.load_program("program").test_run(repeat=0).retval == 0
        assert values.stored(collection)[:2] == [42, 12]
        assert collection.globals["visits"] == 42


def sum_with_newest_instructions(sign: str) -> int:
    text = (
        HEAD.format(results=1)
        + ARENA
        + f"""
    {sign}16 __arena narrow = 5;
    {sign}32 __arena wide[3] = {{-1, 2, 3}};
    SEC("syscall") int program(void *ctx) {{
        long sum = narrow;
        for (int i = 0; i < 3; i++)
            sum += wide[i];
        OUT(0, sum);
        return 0;
    }}
    """
    )
    with load(text, name="case.bpf.c", cflags=["-mcpu=v4"]) as collection:
        trigger(collection)
        return stored(collection)[0]


@case("maps/arena/c-cpu-v4", kernel="6.9", feature="map_type/arena")
def test_arenas_with_the_newest_instructions() -> None:
    """Programs of CPU level v4 reach an arena too."""
    assert sum_with_newest_instructions("u") == 5 + (1 << 32) - 1 + 2 + 3


@case("maps/arena/c-cpu-v4-signed", kernel="6.18")
def test_sign_extending_loads_from_arenas() -> None:
    """Loads of CPU level v4 that extend the sign read arenas; kernels before refuse them there."""
    assert sum_with_newest_instructions("s") == 5 - 1 + 2 + 3


CASTS = (
    ARENA
    + """
struct node __arena nodes[3];
#define arena_of(p) ((struct node __arena *)(p))
SEC("syscall") int program(void *ctx) {
    struct node __arena *first = &nodes[0];
    struct node *near = (struct node *)first;
    near->value = 4;
    struct node __arena *second = arena_of((char *)near + sizeof(struct node));
    second->counts[2] = 5;
    second->next = arena_of(near);
    u64 *inside = (u64 *)&second->counts[1];
    struct node *outer = container_of(inside, struct node, counts[1]);
    arena_of(outer + 1)->counts[3] = 6;
    OUT(0, nodes[0].value);
    OUT(1, nodes[1].counts[2]);
    OUT(2, nodes[2].counts[3]);
    OUT(3, nodes[1].next == &nodes[0]);
    OUT(4, arena_of((void *)0) == 0);
    OUT(5, (struct node __arena *)0 == first);
    return 0;
}
"""
)


@case("maps/arena/c-casts", kernel="6.9", feature="map_type/arena")
def test_pointers_are_cast_to_the_arena_and_back() -> None:
    """Explicit casts between ``__arena`` and plain pointers lead to the same memory, as often as
    a text casts; null stays null.
    """
    assert run(CASTS, 6) == [4, 5, 6, 1, 1, 0]


@case("maps/arena/c-pinned", kernel="6.9", feature="map_type/arena")
def test_a_pinned_arena_keeps_what_it_holds() -> None:
    """An arena that is pinned by its name outlives its object; the next one finds its variables as
    they were.
    """
    extra = (
        "16); __ulong(map_extra, 0x2ull << 44); __uint(pinning, LIBBPF_PIN_BY_NAME); } "
        "bk_case_arena"
    )
    text = ARENA.replace("16);\n} arena", extra) + (
        'u64 __arena runs = 5;SEC("syscall") int program(void *ctx) { OUT(0, ++runs); return 0; }'
    )
    assert "bk_case_arena" in text
    with pinned("bk_case_arena"):
        for expected in (6, 7):
            with load_text(text) as collection:
                trigger(collection)
                assert stored(collection) == [expected]
                assert collection.globals["runs"] == expected
