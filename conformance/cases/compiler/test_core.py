"""CO-RE: reads and questions that are answered by the kernel the program is loaded on."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from conformance.case import case
from conformance.libbpf import RAW_TP_RUN, in_tracepoint, load_text, stored

TASK = "struct task_struct *task = (void *)bpf_get_current_task();"


@case("compiler/core/chain", kernel=RAW_TP_RUN)
def test_a_chain_follows_pointers_of_the_kernel() -> None:
    """BPF_CORE_READ follows one to nine pointers and gives the last member's value."""
    body = f"""{TASK}
    OUT(0, BPF_CORE_READ(task, tgid));
    OUT(1, BPF_CORE_READ(task, real_parent, tgid));
    OUT(2, BPF_CORE_READ(task, group_leader, group_leader, group_leader, real_parent, tgid));
    OUT(3, BPF_CORE_READ(task, group_leader, group_leader, group_leader, group_leader,
                         group_leader, group_leader, group_leader, real_parent, tgid));
    OUT(4, BPF_CORE_READ(task, cred, uid.val));
    """
    parent = os.getppid()
    assert in_tracepoint(body, 5) == [os.getpid(), parent, parent, parent, os.getuid()]


@case("compiler/core/read-into", kernel=RAW_TP_RUN)
def test_the_last_member_can_be_read_into_an_object() -> None:
    """BPF_CORE_READ_INTO fills an object with the chain's last member and gives 0."""
    body = f"""{TASK}
    pid_t parent = 0; char comm[16] = {{}};
    OUT(0, BPF_CORE_READ_INTO(&parent, task, real_parent, tgid)); OUT(1, parent);
    OUT(2, BPF_CORE_READ_INTO(&comm, task, group_leader, comm)); OUT(3, comm[0]); OUT(4, comm[1]);
    """
    comm = Path(f"/proc/{os.getpid()}/comm").read_bytes()
    assert in_tracepoint(body, 5) == [0, os.getppid(), 0, comm[0], comm[1]]


@case("compiler/core/read-string-into", kernel=RAW_TP_RUN)
def test_a_string_can_be_read_into_a_buffer() -> None:
    """BPF_CORE_READ_STR_INTO copies a string with its NUL and gives its length."""
    body = f"""{TASK}
    char comm[16] = {{}};
    OUT(0, BPF_CORE_READ_STR_INTO(&comm, task, group_leader, comm)); OUT(1, comm[0]);
    OUT(2, bpf_core_read_str(comm, sizeof(comm), &task->group_leader->comm));
    """
    comm = Path(f"/proc/{os.getpid()}/comm").read_bytes().rstrip(b"\n")
    found = in_tracepoint(body, 3)
    assert found[:2] == [len(comm) + 1, comm[0]]


@case("compiler/core/single-reads", kernel=RAW_TP_RUN)
def test_single_reads_are_relocated() -> None:
    """bpf_core_read and explicit helper calls with preserved accesses read the kernel's members."""
    body = f"""{TASK}
    pid_t pid = 0; struct task_struct *parent = 0; pid_t ppid = 0;
    OUT(0, bpf_core_read(&pid, sizeof(pid), &task->tgid)); OUT(1, pid);
    bpf_probe_read_kernel(&parent, sizeof(parent), &task->real_parent);
    bpf_probe_read_kernel(&ppid, sizeof(ppid), __builtin_preserve_access_index(&parent->tgid));
    OUT(2, ppid); OUT(3, BPF_PROBE_READ(task, real_parent, tgid));
    """
    assert in_tracepoint(body, 4) == [0, os.getpid(), os.getppid(), os.getppid()]


@case("compiler/core/user-chain", kernel=RAW_TP_RUN)
def test_a_chain_follows_pointers_of_this_process() -> None:
    """BPF_CORE_READ_USER and BPF_PROBE_READ_USER follow pointers in user memory."""
    import ctypes

    class Leaf(ctypes.Structure):
        _fields_ = (("pad", ctypes.c_int), ("value", ctypes.c_int))

    class Root(ctypes.Structure):
        _fields_ = (("leaf", ctypes.POINTER(Leaf)),)

    leaf = Leaf(1, 4711)
    root = Root(ctypes.pointer(leaf))
    name = ctypes.create_string_buffer(b"user text")
    before = """
    struct leaf { int pad; int value; }; struct root { struct leaf *leaf; };
    const volatile u64 address, text;
    """
    body = """
    struct root *root = (void *)address; struct leaf leaf = {}; char buffer[16] = {};
    OUT(0, BPF_PROBE_READ_USER(root, leaf, value));
    OUT(1, BPF_PROBE_READ_USER_INTO(&leaf.value, root, leaf, value)); OUT(2, leaf.value);
    OUT(3, bpf_probe_read_user_str(buffer, sizeof(buffer), (void *)text)); OUT(4, buffer[5]);
    """
    places = {"address": ctypes.addressof(root), "text": ctypes.addressof(name)}
    assert in_tracepoint(body, 5, before, globals=places) == [4711, 0, 4711, 10, ord("t")]


@case("compiler/core/field-exists", kernel=RAW_TP_RUN)
def test_a_program_can_ask_whether_a_member_exists() -> None:
    """bpf_core_field_exists is true for a member of the kernel and false for an invented one."""
    before = """
    struct task_struct___mine { int tgid; long no_such_member; struct { int x; } nor_this; }
        __attribute__((preserve_access_index));
    """
    body = f"""{TASK}
    struct task_struct___mine *mine = (void *)task;
    OUT(0, bpf_core_field_exists(task->tgid)); OUT(1, bpf_core_field_exists(mine->tgid));
    OUT(2, bpf_core_field_exists(mine->no_such_member));
    OUT(3, bpf_core_field_exists(mine->nor_this));
    OUT(4, bpf_core_field_exists(struct task_struct, real_parent));
    OUT(5, bpf_core_field_exists(struct task_struct___mine, no_such_member));
    if (bpf_core_field_exists(mine->no_such_member))
        OUT(6, BPF_CORE_READ(mine, no_such_member));
    else
        OUT(6, BPF_CORE_READ(mine, tgid));
    """
    assert in_tracepoint(body, 7, before) == [1, 1, 0, 0, 1, 0, os.getpid()]


@case("compiler/core/field-size-and-offset", kernel=RAW_TP_RUN)
def test_a_program_can_ask_for_size_and_place_of_a_member() -> None:
    """bpf_core_field_size and _offset give what the kernel has, whatever the text declares."""
    before = """
    struct task_struct___small { char comm[4]; int tgid; } __attribute__((preserve_access_index));
    """
    body = f"""{TASK}
    struct task_struct___small *small = (void *)task;
    int here = 0;
    OUT(0, bpf_core_field_size(task->comm)); OUT(1, bpf_core_field_size(small->comm));
    OUT(2, bpf_core_field_offset(task->tgid) == bpf_core_field_offset(small->tgid));
    OUT(3, bpf_core_field_offset(struct task_struct, tgid) > 8);
    bpf_probe_read_kernel(&here, sizeof(here), (char *)task + bpf_core_field_offset(task->tgid));
    OUT(4, here);
    """
    assert in_tracepoint(body, 5, before) == [16, 16, 1, 1, os.getpid()]


@case("compiler/core/type-exists", kernel=RAW_TP_RUN)
def test_a_program_can_ask_whether_a_type_exists() -> None:
    """bpf_core_type_exists knows structs, unions, enums and typedefs of the kernel."""
    before = (
        "struct no_such_struct { int a; }; typedef int no_such_typedef; union no_such { int a; };"
    )
    body = """
    OUT(0, bpf_core_type_exists(struct task_struct));
    OUT(1, bpf_core_type_exists(struct no_such_struct));
    OUT(2, bpf_core_type_exists(pid_t)); OUT(3, bpf_core_type_exists(no_such_typedef));
    OUT(4, bpf_core_type_exists(enum bpf_map_type)); OUT(5, bpf_core_type_exists(union no_such));
    OUT(6, bpf_core_type_exists(union bpf_attr));
    """
    found = in_tracepoint(body, 7, before)
    assert found == [1, 0, 1, 0, 1, 0, 1]


@case("compiler/core/type-size", kernel=RAW_TP_RUN)
def test_a_program_can_ask_for_the_size_of_a_type() -> None:
    """bpf_core_type_size gives the kernel's size, 0 for a type it does not have."""
    before = """
    struct list_head___mine { void *next; }; struct no_such_struct { int a; };
    """
    body = """
    OUT(0, bpf_core_type_size(struct list_head));
    OUT(1, bpf_core_type_size(struct list_head___mine));
    OUT(2, sizeof(struct list_head___mine)); OUT(3, bpf_core_type_size(struct no_such_struct));
    """
    assert in_tracepoint(body, 4, before) == [16, 16, 8, 0]


@case("compiler/core/type-matches", kernel=RAW_TP_RUN)
def test_a_program_can_ask_whether_a_type_matches() -> None:
    """bpf_core_type_matches compares the members that the program declares."""
    before = """
    struct list_head___like { struct list_head___like *next, *prev; };
    struct list_head___other { int next; };
    """
    body = """
    OUT(0, bpf_core_type_matches(struct list_head___like));
    OUT(1, bpf_core_type_matches(struct list_head___other));
    """
    assert in_tracepoint(body, 2, before) == [1, 0]


@case("compiler/core/type-id", kernel=RAW_TP_RUN)
def test_a_program_can_ask_for_type_ids() -> None:
    """bpf_core_type_id_local and _kernel give ids of the object's and the kernel's BTF."""
    before = "struct no_such_struct { int a; };"
    body = """
    OUT(0, bpf_core_type_id_local(struct no_such_struct) > 0);
    OUT(1, bpf_core_type_id_kernel(struct task_struct));
    OUT(2, bpf_core_type_id_kernel(struct no_such_struct));
    """
    from bpfkit.system import System
    from bpfkit.uapi.btf import BtfKind

    kernel = System.live().facts.btf.by_name("task_struct", (BtfKind.STRUCT,))
    assert in_tracepoint(body, 3, before) == [1, kernel[0], 0]


@case("compiler/core/enum-values", kernel=RAW_TP_RUN)
def test_a_program_can_ask_for_enumerators() -> None:
    """bpf_core_enum_value gives the kernel's value where the text has another one."""
    before = """
    enum bpf_map_type___mine { BPF_MAP_TYPE_RINGBUF___mine = 1000, BPF_MAP_TYPE_INVENTED = 7 };
    """
    body = """
    OUT(0, bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_LRU_HASH));
    OUT(1, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___mine));
    OUT(2, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_INVENTED));
    OUT(3, bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_HASH));
    """
    assert in_tracepoint(body, 4, before) == [9, 27, 0, 1]


@case("compiler/core/bit-fields-probed", kernel=RAW_TP_RUN)
def test_bit_fields_of_the_kernel_are_read() -> None:
    """BPF_CORE_READ_BITFIELD_PROBED reads bit-fields of kernel records, wherever they lie."""
    before = """
    struct task_struct___bits { unsigned long long sched_reset_on_fork:1; int no_new_bits; }
        __attribute__((preserve_access_index));
    """
    body = f"""{TASK}
    struct task_struct___bits *bits = (void *)task;
    OUT(0, BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork));
    OUT(1, BPF_CORE_READ_BITFIELD_PROBED(bits, sched_reset_on_fork));
    OUT(2, BPF_CORE_READ_BITFIELD_PROBED(task, in_execve));
    OUT(3, BPF_CORE_READ_BITFIELD_PROBED(task, tgid));
    """
    before_policy = os.sched_getscheduler(0)
    os.sched_setscheduler(0, before_policy | os.SCHED_RESET_ON_FORK, os.sched_getparam(0))
    found = in_tracepoint(body, 4, before)
    assert found == [1, 1, 0, os.getpid()]


@case("compiler/core/bit-fields-seen", kernel=RAW_TP_RUN)
def test_bit_fields_of_seen_memory_are_read_and_written() -> None:
    """BPF_CORE_READ_BITFIELD and _WRITE_BITFIELD work on memory the verifier sees."""
    body = """
    struct iphdr ip = { .ihl = 5, .version = 4, .tos = 0xff };
    struct tcphdr tcp = { .doff = 9, .syn = 1, .window = 0x1234 };
    struct iphdr *i = &ip; struct tcphdr *t = &tcp;
    OUT(0, BPF_CORE_READ_BITFIELD(i, version)); OUT(1, BPF_CORE_READ_BITFIELD(t, doff));
    BPF_CORE_WRITE_BITFIELD(i, version, 6); BPF_CORE_WRITE_BITFIELD(t, ack, 1);
    OUT(2, ip.version); OUT(3, ip.ihl); OUT(4, ip.tos);
    OUT(5, tcp.ack); OUT(6, tcp.syn); OUT(7, tcp.doff); OUT(8, tcp.window);
    """
    assert in_tracepoint(body, 9) == [4, 9, 6, 5, 0xFF, 1, 1, 9, 0x1234]


@case("compiler/core/flavours", kernel=RAW_TP_RUN)
def test_flavours_stand_for_other_kernels() -> None:
    """A record called NAME___x is matched with the kernel's NAME; what it lacks is asked for."""
    before = """
    struct task_struct___old { long state; } __attribute__((preserve_access_index));
    struct task_struct___new { unsigned int __state; } __attribute__((preserve_access_index));
    """
    body = f"""{TASK}
    struct task_struct___old *old = (void *)task; struct task_struct___new *new = (void *)task;
    OUT(0, bpf_core_field_exists(old->state) + bpf_core_field_exists(new->__state));
    if (bpf_core_field_exists(new->__state))
        OUT(1, BPF_CORE_READ(new, __state));
    else
        OUT(1, BPF_CORE_READ(old, state));
    """
    assert in_tracepoint(body, 2, before) == [1, 0]


@case("compiler/core/arrays-and-anonymous-members", kernel=RAW_TP_RUN)
def test_paths_go_through_arrays_and_anonymous_members() -> None:
    """A relocated path may lead through array elements, unions and anonymous structs."""
    body = f"""{TASK}
    OUT(0, BPF_CORE_READ(task, signal, rlim[7].rlim_cur));
    OUT(1, BPF_CORE_READ(task, mm, arg_start) < BPF_CORE_READ(task, mm, env_start));
    OUT(2, BPF_CORE_READ(task, comm[0]));
    """
    comm = Path(f"/proc/{os.getpid()}/comm").read_bytes()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert in_tracepoint(body, 3) == [soft, 1, comm[0]]


def on_system_call(statements: str) -> list[int]:
    """Run statements in a tp_btf program when this process enters a system call."""
    text = f"""
    const volatile int wanted;
    SEC("tp_btf/sys_enter") int BPF_PROG(on_enter, struct pt_regs *regs, long id) {{
        if (bpf_get_current_pid_tgid() >> 32 != wanted)
            return 0;
        {statements}
        return 0;
    }}
    """
    with load_text(text, 2, globals={"wanted": os.getpid()}) as collection:
        program = collection.load_program("on_enter")
        with collection.system.syscalls.raw_tracepoint_open(None, program.fileno()):
            os.getpgid(0)
        return stored(collection)


@case("compiler/core/typed-pointers", kernel="5.11")
def test_a_typed_program_reads_the_kernels_members_directly() -> None:
    """A tp_btf program follows pointers of the kernel's types without helpers, relocated."""
    statements = """
    struct task_struct *task = bpf_get_current_task_btf();
    OUT(0, task->real_parent->tgid); OUT(1, task->tgid);
    """
    assert on_system_call(statements) == [os.getppid(), os.getpid()]


@case("compiler/core/casts", kernel="6.2")
def test_a_cast_pointer_is_read_without_helpers() -> None:
    """bpf_core_cast makes any pointer one that the verifier lets programs read through."""
    statements = """
    void *any = (void *)bpf_get_current_task();
    OUT(0, bpf_core_cast(any, struct task_struct)->real_parent->tgid); OUT(1, 1);
    """
    assert on_system_call(statements) == [os.getppid(), 1]
