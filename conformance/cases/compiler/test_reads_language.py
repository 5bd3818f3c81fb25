"""Pointers that the verifier does not know, through every construct of C: each is read by helper.

The memory is this process's own, so that every value is known.
"""

from __future__ import annotations

import pytest

from bpfkit import BPF
from bpfkit.errors import CompileError
from conformance.case import case
from conformance.memory import NODE, Ring
from conformance.values import in_task

START = "struct node *n = (struct node *)ADDRESS;"


def read(body: str, results: int, before: str = "") -> list[int]:
    """Run statements in which ``n`` points to the first of three nodes."""
    ring = Ring()
    return in_task(START + body, results, NODE + before, cflags=ring.cflags)


@case("compiler/reads/macro-arguments", kernel="4.7")
def test_accesses_in_macro_arguments_are_read() -> None:
    """An access in the argument of a macro is read: ``ntohs(p->port)``, ``MAX(p->a, p->b)``."""
    before = "#define MAX(a, b) ((a) > (b) ? (a) : (b))\n#define TWICE(x) ((x) + (x))\n"
    body = """
    OUT(0, ntohs(n->port)); OUT(1, MAX(n->value, n->next->value)); OUT(2, TWICE(n->table[5]));
    """
    assert read(body, 3, before) == [0x3412, 1000, 10]


@case("compiler/reads/macro-bodies", kernel="4.7")
def test_accesses_in_macro_bodies_are_read() -> None:
    """An access that the body of a macro makes is read, however macros nest."""
    before = "#define NEXT(p) ((p)->next)\n#define VALUE(p) (*&(p)->value)\n"
    assert read("OUT(0, VALUE(NEXT(NEXT(n)))); OUT(1, VALUE(n));", 2, before) == [3000, 1000]


@case("compiler/reads/read-once", kernel="4.7")
def test_volatile_accesses_are_read() -> None:
    """READ_ONCE of an external field is read."""
    before = "#define ONCE(x) (*(const volatile typeof(x) *)&(x))\n"
    body = "OUT(0, ONCE(n->value)); OUT(1, ONCE(n->next)->small);"
    assert read(body, 2, before) == [1000, -8]


@case("compiler/reads/call-sites", kernel="4.7")
def test_a_helper_reads_as_each_call_needs() -> None:
    """An inlined function reads local and external arguments alike, and mixtures of both."""
    before = """
    static s64 sum(struct node *a, struct node *b) { return a->value + b->value; }
    static struct node *after(struct node *a) { return a->next; }
    """
    body = """
    struct node l = { .value = 5, .next = n };
    OUT(0, sum(&l, &l)); OUT(1, sum(&l, n)); OUT(2, sum(n, &l)); OUT(3, sum(n, n->next));
    OUT(4, after(&l)->value); OUT(5, after(after(n))->value); OUT(6, after(after(&l))->value);
    """
    assert read(body, 7, before) == [10, 1005, 1005, -1000, 1000, 3000, -2000]


@case("compiler/reads/initialiser-lists", kernel="4.7")
def test_pointers_in_initialiser_lists_are_followed() -> None:
    """Pointers put into structs and arrays by initialisers are external when they come out."""
    before = "struct pair { int k; struct node *p; };"
    body = """
    struct pair a[2] = { { .p = n }, { 1, n->next } }, *q = &a[1];
    struct pair *lit = &(struct pair){ .p = n->next->next };
    OUT(0, a[0].p->value); OUT(1, q->p->value); OUT(2, lit->p->value); OUT(3, q[-1].p->small);
    """
    assert read(body, 4, before) == [1000, -2000, 3000, -7]


@case("compiler/reads/struct-copies", kernel="4.7")
def test_pointers_survive_struct_copies() -> None:
    """Pointers inside structs that are copied, assigned and copied by memcpy stay external."""
    before = "struct in { struct node *p; }; struct out { int k; struct in in[2]; };"
    body = """
    struct out a = {}, b, c; a.in[1].p = n->next; b = a; struct in i = b.in[1];
    __builtin_memcpy(&c, &b, sizeof(c)); struct out *d = &c;
    OUT(0, i.p->value); OUT(1, c.in[1].p->small); OUT(2, d->in[1].p->next->value);
    """
    assert read(body, 3, before) == [-2000, -8, 3000]


@case("compiler/reads/structs-by-value", kernel="4.7")
def test_pointers_in_structs_passed_by_value_are_followed() -> None:
    """Struct parameters and results carry external pointers."""
    before = """
    struct box { int k; struct node *p; };
    static struct box wrap(struct node *p) { struct box b = { 1, p }; return b; }
    static s64 open_box(struct box b) { return b.p->value; }
    """
    body = """
    OUT(0, open_box(wrap(n->next))); OUT(1, wrap(n).p->small);
    struct box b = wrap(n); OUT(2, b.p->port);
    """
    assert read(body, 3, before) == [-2000, -7, 0x1234]


@case("compiler/reads/integer-round-trips", kernel="4.7")
def test_addresses_survive_as_integers() -> None:
    """An address kept in an integer and moved by arithmetic is read when it is used again."""
    body = """
    u64 x = (u64)n; x += offsetof(struct node, next); struct node *m = *(struct node **)x;
    unsigned long y = (unsigned long)m | 0; OUT(0, ((struct node *)y)->value);
    u64 off = offsetof(struct node, table) + 2 * sizeof(u32); OUT(1, *(u32 *)((u64)n + off));
    OUT(2, *(s8 *)((char *)n + offsetof(struct node, small)));
    """
    assert read(body, 3) == [-2000, 2, -7]


@case("compiler/reads/arrays", kernel="4.7")
def test_array_members_are_read_at_every_index() -> None:
    """``p->arr[i]`` reads the element, for constant and variable indices and two dimensions."""
    body = """
    int i = n->next->table[0] & 3, k = n->table[1] & 1;
    OUT(0, n->table[4]); OUT(1, n->next->table[i]); OUT(2, n->next->grid[1][2]);
    OUT(3, n->next->grid[k][i]); u32 *t = n->next->table; OUT(4, t[3]); OUT(5, *(t + i + 1));
    OUT(6, sizeof(n->table)); OUT(7, n->ways[i]->value);
    """
    # i = 10 & 3 = 2, k = 1
    assert read(body, 8) == [4, 12, -112, -112, 13, 13, 24, 3000]


@case("compiler/reads/walking", kernel="4.7")
def test_pointers_walk_over_external_arrays() -> None:
    """``*p++`` over an external array reads each element."""
    body = """
    u32 *p = n->next->table; u32 a = *p++, b = *p++, c = *++p; struct node **w = &n->ways[1];
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, p[-3]); OUT(4, (*w)->value); OUT(5, (*++w)->value);
    OUT(6, p - n->next->table);
    """
    assert read(body, 7) == [10, 11, 13, 10, -2000, 3000, 3]


@case("compiler/reads/bit-fields", kernel="4.7")
def test_bit_fields_are_read() -> None:
    """Bit-fields of external structs have their width and their sign."""
    body = "OUT(0, n->bits); OUT(1, n->more); OUT(2, n->next->next->bits); OUT(3, n->next->more);"
    assert read(body, 4) == [21, -300, 23, -301]


@case("compiler/reads/unions", kernel="4.7")
def test_pointers_in_unions_are_followed() -> None:
    """A pointer that goes through a union, as an integer too, is read."""
    before = "union either { struct node *p; u64 number; struct { u64 first; } in; };"
    body = """
    union either u = { .number = (u64)n->next }, v; v.in.first = (u64)u.p;
    struct { int k; union { struct node *q; u64 a; }; } w = { .q = v.p };
    OUT(0, u.p->value); OUT(1, v.p->small); OUT(2, w.q->next->value); w.a = (u64)n;
    OUT(3, w.q->value);
    """
    assert read(body, 4, before) == [-2000, -8, 3000, 1000]


@case("compiler/reads/container-of", kernel="4.7")
def test_container_of_leads_back() -> None:
    """container_of of an external member gives the record around it."""
    before = "#define AROUND(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))\n"
    body = """
    struct node **inner = &n->next->next; u32 *third = &n->table[2];
    OUT(0, AROUND(inner, struct node, next)->value);
    OUT(1, AROUND(third - 2, struct node, table)->small);
    """
    assert read(body, 2, before) == [-2000, -7]


@case("compiler/reads/conditional", kernel="4.7")
def test_a_pointer_may_be_local_or_external() -> None:
    """What may be local or external is read right on both ways, and a local one can be written."""
    body = """
    struct node l = { .value = 7, .next = n };
    struct node *p = n->port == 0x1234 ? &l : n, *q = n->port == 1 ? &l : n, *r = &l;
    OUT(0, p->value); OUT(1, q->value); OUT(2, p->next->value); OUT(3, q->next->value);
    r = n->small < 0 ? n->next : r; OUT(4, r->value); OUT(5, (n ?: &l)->value);
    l.value++; OUT(6, p->value);
    """
    assert read(body, 7) == [7, 1000, 1000, -2000, -2000, 1000, 8]


@case("compiler/reads/memcpy", kernel="4.7")
def test_external_memory_is_copied() -> None:
    """memcpy, memmove and memcmp take external sources."""
    body = """
    u32 t[6] = {}; char text[16]; struct node m; char same[4] = "text";
    __builtin_memcpy(t, n->next->table, sizeof(t)); __builtin_memmove(text, n->text, 16);
    __builtin_memcpy(&m, n->next, sizeof(m));
    OUT(0, t[5]); OUT(1, text[8]); OUT(2, m.value); OUT(3, m.next->value);
    OUT(4, __builtin_memcmp(n->text, same, 4)); OUT(5, __builtin_memcmp(n->table, t, 8) < 0);
    """
    assert read(body, 6) == [15, ord("0"), -2000, 3000, 0, 1]


@case("compiler/reads/records", kernel="4.7")
def test_whole_records_are_read() -> None:
    """``struct x y = *p`` and ``y = p->member`` read the record at once."""
    before = "struct head { s64 value; u16 port; s8 small; };"
    body = """
    struct node m = *n->next; struct head h = *(struct head *)n; struct head k;
    k = *(struct head *)&m;
    OUT(0, m.table[2]); OUT(1, m.next->value); OUT(2, h.port); OUT(3, k.value); OUT(4, (*n).small);
    """
    assert read(body, 5, before) == [12, 3000, 0x1234, -2000, -7]


@case("compiler/reads/strings", kernel="4.7")
def test_characters_of_strings_are_read() -> None:
    """Characters behind a ``char *`` and in a ``char []`` are read; the array is an address."""
    body = """
    char *s = n->next->name; char c[8] = {};
    OUT(0, s[0]); OUT(1, *(s + 5)); OUT(2, n->text[8]); OUT(3, n->next->text[8]);
    bpf_probe_read_str(c, sizeof(c), n->name); OUT(4, c[5]);
    bpf_probe_read(c, 4, n->text); OUT(5, c[2]);
    """
    assert read(body, 6) == [ord("n"), ord("1"), ord("0"), ord("1"), ord("0"), ord("x")]


@case("compiler/reads/pointers-to-pointers", kernel="4.7")
def test_pointers_to_pointers_are_followed() -> None:
    """``**pp``, ``pp[i]->x`` and ``&p`` of local and external pointers."""
    body = """
    struct node *l = n->next, **pp = &l, ***ppp = &pp; struct node **e = n->ways;
    OUT(0, (*pp)->value); OUT(1, (**ppp)->small); *pp = n; OUT(2, l->value);
    OUT(3, e[2]->value); OUT(4, (*(e + 1))->value); OUT(5, (*&n->next->next)->value);
    """
    assert read(body, 6) == [-2000, -8, 1000, 3000, -2000, 3000]


@case("compiler/reads/loops", kernel="4.7")
def test_lists_are_walked() -> None:
    """A loop over ``p = p->next`` reads each node."""
    body = """
    s64 sum = 0; struct node *p = n; int i;
    #pragma unroll
    for (i = 0; i < 4; i++) { sum += p->value; p = p->next; }
    OUT(0, sum); OUT(1, p == n->next);
    """
    assert read(body, 2) == [1000 - 2000 + 3000 + 1000, 1]


@case("compiler/reads/operators", kernel="4.7")
def test_reads_are_operands_of_everything() -> None:
    """Reads stand in conditions, assignments, switches, comma and statement expressions."""
    body = """
    s64 x = 1; x += n->value; x -= n->next->table[1]; int a[8] = {}; a[n->table[3] & 7] += n->small;
    OUT(0, x); OUT(1, a[3]); OUT(2, n->next && n->next->value < 0 && !n->table[0]);
    switch (n->port) { case 0x1234: x = 5; break; default: x = 6; } OUT(3, x);
    OUT(4, (x++, n->small)); OUT(5, ({ struct node *m = n->next; m->value; })); OUT(6, -n->value);
    OUT(7, ~n->table[1]); OUT(8, n->next->value % 7);
    """
    assert read(body, 9) == [990, -7, 1, 5, -7, -2000, -1000, 0xFFFFFFFE, -5]


@case("compiler/reads/faults", kernel="4.7")
def test_a_chain_that_faults_gives_zero() -> None:
    """A pointer that leads nowhere reads as zero, and the program goes on."""
    body = """
    struct node *bad = (struct node *)16; OUT(0, bad->value); OUT(1, bad->next->next->small);
    struct node m = *bad; OUT(2, m.value); OUT(3, n->value);
    """
    assert read(body, 4) == [0, 0, 0, 1000]


@case("compiler/reads/map-values", kernel="4.7")
def test_pointers_kept_in_maps_are_read() -> None:
    """Pointers in map values, alone and in structs, are read; the values themselves are direct."""
    before = """
    struct entry { u64 hits; struct node *p; };
    BPF_HASH(plain, u32, struct node *); BPF_HASH(entries, u32, struct entry);
    BPF_PERCPU_ARRAY(scratch, struct entry, 1);
    """
    body = """
    u32 k = 0; struct entry init = { .p = n->next };
    plain.update(&k, &n); entries.update(&k, &init);
    struct node **pp = plain.lookup(&k); struct entry *e = entries.lookup(&k);
    struct entry *s = scratch.lookup(&k);
    if (!pp || !e || !s) return 0;
    s->p = e->p->next; e->hits++; e->hits += (*pp)->table[2]; struct node *q = *pp;
    OUT(0, (*pp)->value); OUT(1, e->p->value); OUT(2, e->hits); OUT(3, s->p->value);
    OUT(4, q->small);
    """
    assert read(body, 5, before) == [1000, -2000, 3, 3000, -7]


@case("compiler/reads/static-variables", kernel="5.2")
def test_pointers_kept_in_static_variables_are_read() -> None:
    """A pointer that a static variable keeps is read when it is followed."""
    before = "static struct node *kept; static struct { int k; struct node *p; } keeps;"
    body = "kept = n->next; keeps.p = n; OUT(0, kept->value); OUT(1, keeps.p->small);"
    assert read(body, 2, before) == [-2000, -7]


@case("compiler/reads/subprograms", kernel="4.16")
def test_functions_that_are_not_inlined_read() -> None:
    """A noinline function has one body for each way it is called: direct, or by helper."""
    before = """
    static __attribute__((noinline)) s64 value_of(struct node *p) { return p->value + p->small; }
    static __attribute__((noinline)) int grow(struct node *p) { p->value++; return 0; }
    """
    body = """
    struct node l = { .value = 5 }; OUT(0, value_of(&l)); OUT(1, value_of(n));
    OUT(2, value_of(n->next)); grow(&l); OUT(3, l.value);
    """
    assert read(body, 4, before) == [5, 993, -2008, 6]


WRITES = (
    "n->value = 1;",
    "n->table[2]++;",
    "*n = (struct node){};",
    "__builtin_memset(n, 0, 8);",
    "n->bits = 3;",
)


@case("compiler/reads/writes-are-refused", kernel="4.7")
def test_writing_through_an_external_pointer_is_a_located_error() -> None:
    """Writes through external pointers are compile errors with line, caret and a hint."""
    for statement in WRITES:
        text = f"{NODE}\nint kprobe__f(void *ctx) {{\n  {START}\n  {statement}\n  return 0;\n}}"
        with pytest.raises(CompileError) as refused:
            BPF(text=text, cflags=["-DADDRESS=4096"])
        (said,) = refused.value.diagnostics
        assert "kernel or user memory" in said.message
        assert said.source_line.strip() == statement
        assert said.loc.column > len("  ")
        assert "bpf_probe_write_user" in said.hint
