"""Attributes: of layout, of linkage, and the tags that reach the kernel by BTF."""

from __future__ import annotations

import os

from bpfkit.btf.types import DeclTag, TypeTag
from bpfkit.collection import Collection
from conformance.case import case
from conformance.libbpf import RAW_TP_RUN, in_tracepoint, load_text, run, stored, trigger


def tags(collection: Collection) -> set[str]:
    """The BTF tags of an object: of declarations, and of types with a ``*``."""
    assert collection.spec.btf is not None
    found = set()
    for _, kind in collection.spec.btf:
        if isinstance(kind, DeclTag):
            found.add(kind.name)
        elif isinstance(kind, TypeTag):
            found.add(f"{kind.name}*")
    return found


@case("compiler/attributes/layout", kernel=RAW_TP_RUN)
def test_packed_and_aligned_change_layouts() -> None:
    """``packed`` and ``aligned`` of records, members and variables have their layout."""
    before = """
    struct tight { u8 a; u64 b; u16 c; } __attribute__((packed));
    struct wide { u8 a; u32 b __attribute__((aligned(16))); } __attribute__((aligned(32)));
    struct mixed { u8 a; struct tight in; } tight_global = { 1, { 2, 3, 4 } };
    u8 shifted; u32 placed __attribute__((aligned(64))) = 7; u8 after;
    """
    body = """
    struct tight t = { 1, 1ULL << 40, 3 }; u8 local[3] __attribute__((aligned(8))) = { 1, 2, 3 };
    OUT(0, sizeof(struct tight)); OUT(1, sizeof(struct wide)); OUT(2, offsetof(struct wide, b));
    OUT(3, _Alignof(struct wide)); OUT(4, t.b); t.b += 5; OUT(5, t.b); OUT(6, t.c);
    OUT(7, tight_global.in.b); OUT(8, (u64)&placed & 63); OUT(9, (u64)local & 7);
    shifted++; after += placed;
    """
    found = in_tracepoint(body, 10, before)
    assert found == [11, 32, 16, 32, 1 << 40, (1 << 40) + 5, 3, 3, 0, 0]


@case("compiler/attributes/placed-globals", kernel=RAW_TP_RUN)
def test_an_aligned_global_keeps_its_place() -> None:
    """A global's ``aligned`` shows in its offset in the section; user space finds it by name."""
    text = """
    u8 first = 1; u32 placed __attribute__((aligned(64))) = 7; u8 last = 2;
    SEC("raw_tp/sys_enter") int program(void *ctx) { OUT(0, first + placed + last); return 0; }
    """
    with load_text(text) as collection:
        trigger(collection)
        assert stored(collection) == [10]
        assert collection.spec.sections[".data"].offsets["placed"] % 64 == 0
        assert collection.globals["placed"] == 7


@case("compiler/attributes/linkage", kernel=RAW_TP_RUN)
def test_attributes_of_linkage_and_use_are_accepted() -> None:
    """Attributes of inlining, use, weakness and visibility do what they say."""
    before = """
    static __always_inline int inlined(int a) { return a + 1; }
    static __attribute__((noinline, cold)) int called(int a) { return a + 2; }
    static int unused_one(int a) __attribute__((unused));
    static int unused_one(int a) { return a; }
    __attribute__((visibility("hidden"))) int hidden_data = 3;
    __attribute__((weak)) int weak_data = 4;
    static int kept __attribute__((used)) = 5;
    """
    body = """
    int nothing __attribute__((unused)) = 0;
    OUT(0, inlined(1)); OUT(1, called(1)); OUT(2, hidden_data); OUT(3, weak_data);
    """
    assert in_tracepoint(body, 4, before) == [2, 3, 3, 4]


@case("compiler/attributes/preserve-access-index", kernel=RAW_TP_RUN)
def test_records_of_the_text_can_be_relocated() -> None:
    """``preserve_access_index`` on a record of the text makes its accesses find the kernel's."""
    before = """
    struct task_struct___short { int tgid; struct task_struct___short *real_parent; }
        __attribute__((preserve_access_index));
    """
    body = """
    struct task_struct___short *task = (void *)bpf_get_current_task(), *parent = 0; int tgid = 0;
    bpf_probe_read_kernel(&parent, sizeof(parent), &task->real_parent);
    bpf_probe_read_kernel(&tgid, sizeof(tgid), &parent->tgid);
    OUT(0, tgid);
    """
    assert in_tracepoint(body, 1, before) == [os.getppid()]


@case("compiler/attributes/declaration-tags", kernel=RAW_TP_RUN)
def test_declaration_tags_reach_the_object() -> None:
    """``btf_decl_tag`` of functions, parameters, globals, members, records and typedefs is kept."""
    text = """
    #define TAG(x) __attribute__((btf_decl_tag(x)))
    struct tagged { int a TAG("member"); } TAG("record");
    typedef struct tagged named TAG("typedef");
    named kept TAG("global") = { 4 };
    static __noinline TAG("function") int take(named *p TAG("parameter")) { return p->a; }
    SEC("raw_tp/sys_enter") int program(void *ctx) {
        OUT(0, take(&kept)); return 0; }
    """
    with load_text(text) as collection:
        trigger(collection)
        assert stored(collection) == [4]
        assert tags(collection) >= {
            "member", "record", "typedef", "global", "function", "parameter",
        }  # fmt: skip


@case("compiler/attributes/type-tags", kernel="6.2")
def test_type_tags_make_kernel_pointers() -> None:
    """``__kptr`` in a map's value: the kernel keeps a reference, found by its type tag."""
    text = """
    struct kept { struct task_struct __kptr *task; int seen; };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
             __type(value, struct kept); } slot SEC(".maps");
    extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
    extern void bpf_task_release(struct task_struct *p) __ksym;
    const volatile int wanted;
    SEC("tp_btf/sys_enter") int BPF_PROG(on_enter, struct pt_regs *regs, long id) {
        u32 key = 0; struct task_struct *found, *old; struct kept *kept;
        if (bpf_get_current_pid_tgid() >> 32 != wanted) return 0;
        kept = bpf_map_lookup_elem(&slot, &key);
        if (!kept) return 0;
        found = bpf_task_from_pid(wanted);
        if (!found) return 0;
        old = bpf_kptr_xchg(&kept->task, found);
        if (old) { OUT(1, old->tgid); bpf_task_release(old); }
        OUT(0, ++kept->seen);
        return 0;
    }
    """
    with load_text(text, 2, globals={"wanted": os.getpid()}) as collection:
        program = collection.load_program("on_enter")
        with collection.system.syscalls.raw_tracepoint_open(None, program.fileno()):
            os.getpgid(0)
            os.getpgid(0)
        assert stored(collection)[1] == os.getpid()
        assert "kptr*" in tags(collection)


@case("compiler/attributes/spin-lock", kernel="5.1")
def test_a_spin_lock_in_a_map_is_found_by_btf() -> None:
    """A ``struct bpf_spin_lock`` in a map's value is what the kernel locks."""
    text = """
    struct locked { struct bpf_spin_lock lock; int a, b; };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
             __type(value, struct locked); } slot SEC(".maps");
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 0; struct locked *l = bpf_map_lookup_elem(&slot, &key);
        if (!l) return 1;
        bpf_spin_lock(&l->lock); l->a += 2; l->b -= 2; bpf_spin_unlock(&l->lock);
        OUT(0, l->a); OUT(1, l->b);
        return 0;
    }
    """
    assert run(text, 2) == [2, -2]


@case("compiler/attributes/argument-tags", kernel="6.8")
def test_argument_tags_tell_the_verifier_what_a_global_function_gets() -> None:
    """``__arg_nonnull`` and ``__arg_ctx`` let a global function use what it is given unchecked."""
    text = """
    __noinline int unchecked(int *value __arg_nonnull) { return *value + 1; }
    __noinline int length(void *ctx __arg_ctx) { return ((struct __sk_buff *)ctx)->len; }
    SEC("tc") int program(struct __sk_buff *skb) {
        int here = 41; OUT(0, unchecked(&here)); OUT(1, length(skb)); return 0; }
    """
    assert run(text, 2) == [42, 64]


@case("compiler/attributes/cleanup", kernel=RAW_TP_RUN)
def test_cleanup_runs_wherever_the_block_is_left() -> None:
    """``cleanup(f)`` calls f at the end of the block and at break, continue, return and goto."""
    before = """
    static int order;
    static void note(int *p) { order = order * 10 + *p; }
    #define NOTED __attribute__((cleanup(note)))
    static __noinline int returns(int early) {
        int a NOTED = 1; int b NOTED = 2;
        if (early) return order + a;
        { int c NOTED = 3; }
        return b;
    }
    static __noinline int loops(void) {
        for (int i = 0; i < 4; i++) { int n NOTED = i; if (i == 1) continue; if (i == 3) break; }
        return 7;
    }
    static __noinline int jumps(void) {
        { int a NOTED = 4; { int b NOTED = 5; goto out; } }
        order = -1;
    out:
        return 8;
    }
    """
    body = """
    OUT(0, returns(1)); OUT(1, order); order = 0; OUT(2, returns(0)); OUT(3, order); order = 9;
    OUT(4, loops()); OUT(5, order); order = 0; OUT(6, jumps()); OUT(7, order);
    """
    assert in_tracepoint(body, 8, before) == [1, 21, 2, 321, 7, 90123, 8, 54]
