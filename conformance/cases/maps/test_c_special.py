"""Values with fields that the kernel runs: locks, timers, work queues, references.

The kernel finds them by the BTF of the value.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import time

import pytest

from bpfkit.collection import load
from bpfkit.errors import LoadError, SyscallError, VerifierError
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.btf import BtfKind
from conformance import values
from conformance.case import case
from conformance.hooks import traced
from conformance.libbpf import PACKET, load_text, run, stored, trigger
from conformance.triggers import until

SLOT = """
struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, 4); __type(key, u32);
         __type(value, struct slot); }} slots SEC(".maps");
"""
LOCKED = """
    u32 key = 1;
    struct slot fresh = {};
    bpf_map_update_elem(&slots, &key, &fresh, BPF_ANY);
    struct slot *slot = bpf_map_lookup_elem(&slots, &key);
    if (!slot) return 1;
    bpf_spin_lock(&slot->lock);
    slot->a += 5;
    slot->b -= slot->a;
    bpf_spin_unlock(&slot->lock);
    OUT(0, slot->a);
    OUT(1, slot->b);
"""
LOCK = "struct slot { u64 before; struct bpf_spin_lock lock; s32 a; s64 b; };"


@case("maps/spin_lock/c-bcc", kernel="5.1", feature="helper/bpf_spin_lock")
def test_bcc_locks_in_values() -> None:
    """Values of a bcc hash or array that hold a lock are locked one by one."""
    for kind in ("hash", "array"):
        before = LOCK + f'BPF_TABLE("{kind}", u32, struct slot, slots, 4);'
        text = LOCKED.replace(
            "bpf_map_update_elem(&slots, &key, &fresh, BPF_ANY)", "slots.update(&key, &fresh)"
        )
        text = text.replace("bpf_map_lookup_elem(&slots, &key)", "slots.lookup(&key)")
        assert bcc_tc(text, 2, before) == [5, -5], kind


def bcc_tc(body: str, results: int, before: str) -> list[int]:
    text = f"""
    BPF_ARRAY(out, s64, {results});
    #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
    {before}
    int program(struct __sk_buff *skb) {{ {body} return 0; }}
    """
    with load(text) as collection:
        collection.load_program("program", ProgType.SCHED_CLS).test_run(PACKET)
        return values.stored(collection)


@case("maps/spin_lock/c-libbpf", kernel="5.1", feature="helper/bpf_spin_lock")
def test_locks_in_values() -> None:
    """The same in BTF-defined hashes and arrays; the lock may stand anywhere in the value."""
    for kind in ("HASH", "ARRAY"):
        text = LOCK + SLOT.format(kind=kind)
        text += 'SEC("tc") int program(struct __sk_buff *skb) {' + LOCKED + "return 0; }"
        assert run(text, 2) == [5, -5], kind


@case("maps/spin_lock/c-global", kernel="5.15")
def test_a_lock_among_globals() -> None:
    """A lock may be a global variable in a section of its own."""
    text = """
    struct bpf_spin_lock lock SEC(".bss.guarded");
    long guarded SEC(".bss.guarded");
    SEC("tc") int program(struct __sk_buff *skb) {
        bpf_spin_lock(&lock);
        guarded += 3;
        bpf_spin_unlock(&lock);
        OUT(0, guarded);
        return 0;
    }
    """
    assert run(text, 1) == [3]


@case("maps/spin_lock/c-two")
def test_two_locks_are_refused() -> None:
    """A value with two locks is refused before its map is created, with what to do about it."""
    text = "struct slot { struct bpf_spin_lock one, two; };" + SLOT.format(kind="ARRAY")
    with pytest.raises(LoadError, match=r"map 'slots'.*more than one bpf_spin_lock"):
        load_text(text)


@case("maps/spin_lock/c-percpu", kernel="5.1", feature="helper/bpf_spin_lock")
def test_a_lock_in_a_percpu_map_is_refused() -> None:
    """A per-CPU map cannot hold locks; the error says which maps can."""
    text = LOCK + SLOT.format(kind="PERCPU_ARRAY")
    with pytest.raises(SyscallError, match=r"map 'slots'.*PERCPU_ARRAY.*bpf_spin_lock"):
        load_text(text)


TIMER = """
struct slot { u64 fired; struct bpf_timer timer; };
static int fire(void *map, u32 *key, struct slot *slot) {
    slot->fired = *key + 1;
    return 0;
}
"""
START = """
    u32 key = 2;
    struct slot fresh = {};
    bpf_map_update_elem(&slots, &key, &fresh, BPF_NOEXIST);
    struct slot *slot = bpf_map_lookup_elem(&slots, &key);
    if (!slot) return 1;
    OUT(0, bpf_timer_init(&slot->timer, &slots, 1 /* CLOCK_MONOTONIC */));
    OUT(1, bpf_timer_set_callback(&slot->timer, fire));
    OUT(2, bpf_timer_start(&slot->timer, 1000, 0));
    OUT(3, bpf_timer_init(&slot->timer, &slots, 1));
"""


@case("maps/timer/c-libbpf", kernel="5.15", feature="helper/bpf_timer_init")
def test_timers_in_values() -> None:
    """A timer in a value calls a static function with its map, key and value."""
    for kind in ("ARRAY", "HASH", "LRU_HASH"):
        text = TIMER + SLOT.format(kind=kind)
        text += 'SEC("tc") int program(struct __sk_buff *skb) {' + START + "return 0; }"
        with load_text(text, 4) as collection:
            trigger(collection)
            assert stored(collection) == [0, 0, 0, -16], kind
            assert fired(collection.maps["slots"].raw) == 3, kind


def fired(slots: object) -> int:
    def look() -> int:
        value = slots.lookup((2).to_bytes(4, "little"))  # type: ignore[attr-defined]
        return int.from_bytes(value[:8], "little")

    until(lambda: look() != 0, lambda: time.sleep(0.01), 5)
    return look()


@case("maps/timer/c-bcc", kernel="5.15", feature="helper/bpf_timer_init")
def test_bcc_timers_in_values() -> None:
    """The same in bcc's dialect: its tables go to helpers by address, its functions too."""
    text = f"""
    BPF_ARRAY(out, s64, 4);
    #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
    {TIMER}
    BPF_HASH(slots, u32, struct slot, 4);
    int program(struct __sk_buff *skb) {{ {START} return 0; }}
    """
    with load(text) as collection:
        collection.load_program("program", ProgType.SCHED_CLS).test_run(PACKET)
        assert values.stored(collection) == [0, 0, 0, -16]
        assert fired(collection.maps["slots"].raw) == 3


def set_callback() -> str:
    """SET_CALLBACK(work queue, function), as this kernel has it.

    Its argument for the kernel's own use is gone from the name without "_impl" (in v7.0).
    """
    function = "int (callback)(void *map, int *key, void *value), unsigned int flags"
    if System.live().facts.btf.by_name("bpf_wq_set_callback", (BtfKind.FUNC,)):
        name, more, last = "bpf_wq_set_callback", "", ""
    else:
        name, more, last = "bpf_wq_set_callback_impl", ", void *aux", ", 0"
    return f"""
    extern int {name}(struct bpf_wq *wq, {function}{more}) __attribute__((section(".ksyms")));
    #define SET_CALLBACK(wq, callback) {name}(wq, callback, 0{last})
    """


@case("maps/wq/c-libbpf", kernel="6.10")
def test_work_queues_in_values() -> None:
    """A bpf_wq in a value runs a static function later, where it may sleep."""
    text = (
        "struct slot { u64 fired; struct bpf_wq work; };"
        + set_callback()
        + SLOT.format(kind="ARRAY")
        + """
    extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
    extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
    static int work(void *map, int *key, void *value) {
        struct slot *slot = value;
        slot->fired = *key + 1;
        return 0;
    }
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 2;
        struct slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (!slot) return 1;
        OUT(0, bpf_wq_init(&slot->work, &slots, 0));
        OUT(1, SET_CALLBACK(&slot->work, work));
        OUT(2, bpf_wq_start(&slot->work, 0));
        return 0;
    }
    """
    )
    with load_text(text, 3) as collection:
        trigger(collection)
        assert stored(collection) == [0, 0, 0]
        assert fired(collection.maps["slots"].raw) == 3


KPTR = """
    struct slot { struct task_struct __kptr *task; u64 seen; };
    extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
    extern void bpf_task_release(struct task_struct *p) __ksym;
"""
KEEP = """
    u32 key = 0;
    struct slot fresh = {};
    bpf_map_update_elem(&slots, &key, &fresh, BPF_NOEXIST);
    struct slot *slot = bpf_map_lookup_elem(&slots, &key);
    if (!slot) return 0;
    struct task_struct *task = bpf_task_acquire(bpf_get_current_task_btf());
    if (!task) return 0;
    task = bpf_kptr_xchg(&slot->task, task);
    if (task) {
        OUT(1, task->tgid);
        bpf_task_release(task);
    }
    OUT(0, ++slot->seen);
"""


@case("maps/kptr/c-libbpf", kernel="6.2")
def test_references_in_values() -> None:
    """A ``__kptr`` in values of a hash keeps a task; an exchange gives the one kept before."""
    for kind in ("HASH", "ARRAY", "LRU_HASH"):
        text = (
            KPTR
            + SLOT.format(kind=kind)
            + """
        const volatile int wanted;
        SEC("tp_btf/sys_enter") int BPF_PROG(program, struct pt_regs *regs, long id) {
            if (bpf_get_current_pid_tgid() >> 32 != wanted) return 0;
        """
            + KEEP
            + "return 0; }"
        )
        with load_text(text, 2, globals={"wanted": os.getpid()}) as collection:
            with traced(collection, collection.load_program("program")):
                os.getpgid(0)
                os.getpgid(0)
            seen, kept = stored(collection)
            assert seen >= 2
            assert kept == os.getpid()


@case("maps/kptr/c-bcc", kernel="6.2")
def test_bcc_references_in_values() -> None:
    """The same in bcc's dialect, with the kernel's type tag written out and a section."""
    text = f"""
    #define __kptr __attribute__((btf_type_tag("kptr")))
    #define __ksym __attribute__((section(".ksyms")))
    BPF_ARRAY(out, s64, 2);
    #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
    {KPTR}
    BPF_HASH(slots, u32, struct slot, 4);
    __attribute__((section("tp_btf/sys_enter"))) int program(u64 *ctx) {{
        if (bpf_get_current_pid_tgid() >> 32 != {os.getpid()}) return 0;
        {KEEP}
        return 0;
    }}
    """
    with load(text) as collection:
        with traced(collection, collection.load_program("program")):
            os.getpgid(0)
            os.getpgid(0)
        seen, kept = values.stored(collection)
    assert seen >= 2
    assert kept == os.getpid()


@case("maps/kptr/c-unreferenced-store", kernel="6.2")
def test_a_reference_is_not_stored_by_assignment() -> None:
    """Assigning to a ``__kptr`` is refused by the verifier, with the line."""
    text = (
        KPTR
        + SLOT.format(kind="ARRAY")
        + """
    SEC("tp_btf/sys_enter") int BPF_PROG(program, struct pt_regs *regs, long id) {
        u32 key = 0;
        struct slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (slot) slot->task = bpf_get_current_task_btf();
        return 0;
    }
    """
    )
    with load_text(text) as collection, pytest.raises(VerifierError, match="slot->task = bpf_get"):
        collection.load_program("program")


@case("maps/spin_lock/c-resilient", kernel="6.15")
def test_resilient_locks_in_values() -> None:
    """bpf_res_spin_lock locks a value and gives an error instead of a deadlock."""
    text = (
        "struct slot { struct bpf_res_spin_lock lock; u64 n; };"
        + SLOT.format(kind="ARRAY")
        + """
    extern int bpf_res_spin_lock(struct bpf_res_spin_lock *lock) __weak __ksym;
    extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock) __weak __ksym;
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 0;
        struct slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (!slot || bpf_res_spin_lock(&slot->lock)) return 0;
        slot->n += 8;
        bpf_res_spin_unlock(&slot->lock);
        OUT(0, slot->n);
        return 0;
    }
    """
    )
    assert run(text, 1) == [8]


@case("maps/kptr/c-percpu", kernel="6.7")
def test_percpu_objects_in_values() -> None:
    """A ``__percpu_kptr`` keeps an object that has a copy for each CPU."""
    text = (
        """
    extern void *bpf_percpu_obj_new_impl(__u64 local_type_id__k, void *meta) __ksym;
    extern void bpf_percpu_obj_drop_impl(void *kptr, void *meta) __ksym;
    extern void bpf_rcu_read_lock(void) __ksym;
    extern void bpf_rcu_read_unlock(void) __ksym;
    struct counts { u64 n; };
    struct slot { struct counts __percpu_kptr *counts; };
    """
        + SLOT.format(kind="ARRAY")
        + """
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 0;
        struct slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (!slot) return 0;
        struct counts __percpu_kptr *fresh =
            bpf_percpu_obj_new_impl(bpf_core_type_id_local(struct counts), 0);
        if (!fresh) return 0;
        fresh = bpf_kptr_xchg(&slot->counts, fresh);
        if (fresh) bpf_percpu_obj_drop_impl(fresh, 0);
        bpf_rcu_read_lock();
        struct counts __percpu_kptr *kept = slot->counts;
        if (kept) {
            struct counts *mine = bpf_this_cpu_ptr(kept);
            mine->n += 5;
            OUT(0, mine->n);
        }
        bpf_rcu_read_unlock();
        return 0;
    }
    """
    )
    assert run(text, 1) == [5]


@case("maps/kptr/c-user-memory", kernel="6.13")
def test_user_memory_in_task_storage() -> None:
    """A ``__uptr`` in task storage leads to memory of the process that set it."""
    text = """
    struct shared { u64 from_user, from_kernel; };
    struct slot { struct shared __uptr *shared; };
    struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC);
             __type(key, int); __type(value, struct slot); } slots SEC(".maps");
    const volatile int wanted;
    SEC("tp_btf/sys_enter") int BPF_PROG(program, struct pt_regs *regs, long id) {
        struct task_struct *task = bpf_get_current_task_btf();
        if (task->pid != wanted) return 0;
        struct slot *slot = bpf_task_storage_get(&slots, task, 0, 0);
        if (!slot) return 0;
        struct shared *shared = slot->shared;
        if (!shared) return 0;
        OUT(0, shared->from_user);
        shared->from_kernel = 77;
        return 0;
    }
    """
    page = mmap.mmap(-1, mmap.PAGESIZE)
    memory = (ctypes.c_uint64 * 2).from_buffer(page)
    memory[0] = 55
    pidfd = os.pidfd_open(os.getpid())
    try:
        with load_text(text, globals={"wanted": os.getpid()}) as collection:
            address = struct.pack("=Q", ctypes.addressof(memory))
            collection.maps["slots"].raw.update(struct.pack("=i", pidfd), address)
            with traced(collection, collection.load_program("program")):
                os.getpgid(0)
            assert stored(collection) == [55]
            assert memory[1] == 77
            collection.maps["slots"].raw.delete(struct.pack("=i", pidfd))
    finally:
        os.close(pidfd)
        del memory
        page.close()


@case("maps/wq/c-bcc", kernel="6.10")
def test_bcc_work_queues_in_values() -> None:
    """Work queues in bcc's dialect: kernel functions are declared with their section."""
    text = (
        set_callback()
        + """
    #define __ksym __attribute__((section(".ksyms")))
    BPF_ARRAY(out, s64, 3);
    #define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
    struct slot { u64 fired; struct bpf_wq work; };
    BPF_ARRAY(slots, struct slot, 4);
    extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
    extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
    static int work(void *map, int *key, void *value) {
        struct slot *slot = value;
        slot->fired = *key + 1;
        return 0;
    }
    int program(struct __sk_buff *skb) {
        int key = 2;
        struct slot *slot = slots.lookup(&key);
        if (!slot) return 1;
        OUT(0, bpf_wq_init(&slot->work, &slots, 0));
        OUT(1, SET_CALLBACK(&slot->work, work));
        OUT(2, bpf_wq_start(&slot->work, 0));
        return 0;
    }
    """
    )
    with load(text) as collection:
        collection.load_program("program", ProgType.SCHED_CLS).test_run(PACKET)
        assert values.stored(collection) == [0, 0, 0]
        assert fired(collection.maps["slots"].raw) == 3
