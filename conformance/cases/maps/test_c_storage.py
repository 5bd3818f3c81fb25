"""Storage local to sockets, tasks, inodes and cgroups, from C in both dialects."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError
from bpfkit.uapi.bpf import AttachType, ProgType
from conformance import values
from conformance.case import case
from conformance.hooks import in_cgroup, own_cgroup, read_iterator, traced
from conformance.libbpf import load_text, stored, trigger
from conformance.values import in_task

CREATE = "BPF_LOCAL_STORAGE_GET_F_CREATE"


def send_to_myself(times: int) -> socket.socket:
    """Send datagrams from one socket over the loopback device; the socket, still open."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(times):
            sender.sendto(b"x", receiver.getsockname())
    return sender


def of_descriptor(collection: Collection, name: str, fd: int) -> bytes | None:
    """The value that a map keeps for the object behind a descriptor."""
    return collection.maps[name].raw.lookup(struct.pack("=i", fd))


SOCKETS_BCC = """
struct seen { u64 packets, bytes; };
BPF_SK_STORAGE(sockets, struct seen);
BPF_ARRAY(out, s64, 2);
int count(struct __sk_buff *skb) {
    struct bpf_sock *sk = skb->sk;
    if (!sk)
        return 1;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return 1;
    struct seen fresh = {.packets = 100};
    struct seen *seen = sockets.sk_storage_get(sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
    if (!seen)
        return 1;
    seen->packets++;
    seen->bytes += skb->len;
    if (seen->packets == 103) {
        int zero = 0, one = 1;
        s64 first = sockets.sk_storage_delete(sk), second = sockets.sk_storage_delete(sk);
        out.update(&zero, &first);
        out.update(&one, &second);
    }
    return 1;
}
"""


@case("maps/sk_storage/c-bcc", kernel="5.2", feature="map_type/sk_storage")
def test_bcc_sockets_keep_values() -> None:
    """``sk_storage_get`` creates a socket's value from the initial one, and finds it again;
    ``sk_storage_delete`` removes it once.
    """
    macro = "BPF_SK_STORAGE(sockets, struct seen)"
    table = 'BPF_F_TABLE("sk_storage", int, struct seen, sockets, 0, BPF_F_NO_PREALLOC)'
    assert macro in SOCKETS_BCC
    count_sockets(SOCKETS_BCC)
    count_sockets(SOCKETS_BCC.replace(macro, table))


def count_sockets(text: str) -> None:
    with load(text) as collection:
        program = collection.load_program(
            "count", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_EGRESS
        )
        with in_cgroup(collection, program, AttachType.CGROUP_INET_EGRESS):
            with send_to_myself(2) as sender:
                found = of_descriptor(collection, "sockets", sender.fileno())
                assert struct.unpack("=QQ", found or b"") == (102, 2 * 29)
            with send_to_myself(3) as sender:
                assert of_descriptor(collection, "sockets", sender.fileno()) is None
        assert values.stored(collection) == [0, -2]


SOCKETS_LIBBPF = """
struct seen { u64 packets, bytes; };
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct seen);
} sockets SEC(".maps");
SEC("cgroup_skb/egress") int count(struct __sk_buff *skb) {
    struct bpf_sock *sk = skb->sk;
    struct seen *seen;
    if (!sk || !(sk = bpf_sk_fullsock(sk)))
        return 1;
    seen = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (seen)
        OUT(0, ++seen->packets);
    if (seen && seen->packets == 4)
        OUT(1, bpf_sk_storage_delete(&sockets, sk) == 0);
    return 1;
}
"""


@case("maps/sk_storage/c-libbpf", kernel="5.2", feature="map_type/sk_storage")
def test_sockets_keep_values() -> None:
    """bpf_sk_storage_get and _delete work on a BTF-defined map."""
    with load_text(SOCKETS_LIBBPF, 2) as collection:
        program = collection.load_program("count")
        with (
            in_cgroup(collection, program, AttachType.CGROUP_INET_EGRESS),
            send_to_myself(3) as sender,
        ):
            found = of_descriptor(collection, "sockets", sender.fileno())
            assert struct.unpack("=QQ", found or b"") == (3, 0)
            assert stored(collection) == [3, 0]
        with (
            in_cgroup(collection, program, AttachType.CGROUP_INET_EGRESS),
            send_to_myself(4) as sender,
        ):
            assert of_descriptor(collection, "sockets", sender.fileno()) is None
        assert stored(collection) == [4, 1]


TASKS_BCC = f"""
    struct task_struct *task = bpf_get_current_task_btf();
    u64 start = 40;
    u64 *n = tasks.task_storage_get(task, &start, {CREATE});
    if (!n) return 0;
    (*n)++;
    n = tasks.task_storage_get(task, 0, 0);
    if (!n) return 0;
    (*n)++;
    OUT(0, *n);
    OUT(1, tasks.task_storage_delete(task));
    OUT(2, tasks.task_storage_get(task, 0, 0) == 0);
    OUT(3, tasks.task_storage_delete(task));
"""


@case("maps/task_storage/c-bcc", kernel="5.12", feature="map_type/task_storage")
def test_bcc_tasks_keep_values() -> None:
    """``task_storage_get`` creates, finds and, without the flag, does not create; ``_delete``
    removes.
    """
    assert in_task(TASKS_BCC, 4, "BPF_TASK_STORAGE(tasks, u64);") == [42, 0, 1, -2]


@case("maps/task_storage/c-table", kernel="5.12", feature="map_type/task_storage")
def test_bcc_general_table_of_tasks() -> None:
    """BPF_F_TABLE("task_storage", …) offers the same methods."""
    before = 'BPF_F_TABLE("task_storage", int, u64, tasks, 0, BPF_F_NO_PREALLOC);'
    assert in_task(TASKS_BCC, 4, before) == [42, 0, 1, -2]


TASKS_LIBBPF = f"""
struct {{
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, u64);
}} tasks SEC(".maps");
const volatile int wanted;
SEC("tp_btf/sys_enter") int BPF_PROG(on_enter, struct pt_regs *regs, long id) {{
    struct task_struct *task = bpf_get_current_task_btf();
    if (task->tgid != wanted)
        return 0;
    u64 *n = bpf_task_storage_get(&tasks, task, 0, {CREATE});
    if (n)
        OUT(0, ++*n);
    return 0;
}}
SEC("iter/task") int each(struct bpf_iter__task *ctx) {{
    struct task_struct *task = ctx->task;
    if (!task || task->pid != wanted)
        return 0;
    u64 *n = bpf_task_storage_get(&tasks, task, 0, 0);
    OUT(1, n ? *n : -1);
    OUT(2, bpf_task_storage_delete(&tasks, task));
    return 0;
}}
"""


@case("maps/task_storage/c-libbpf", kernel="5.12", feature="map_type/task_storage")
def test_tasks_keep_values() -> None:
    """A tracing program counts in its task's storage; an iterator and user space see the same."""
    with load_text(TASKS_LIBBPF, 3, globals={"wanted": os.getpid()}) as collection:
        with traced(collection, collection.load_program("on_enter")):
            os.getpgid(0)
            os.getpgid(0)
        pidfd = os.pidfd_open(os.getpid())
        try:
            kept = of_descriptor(collection, "tasks", pidfd)
            read_iterator(collection, collection.load_program("each"))
            gone = of_descriptor(collection, "tasks", pidfd)
        finally:
            os.close(pidfd)
        counted = stored(collection)
    assert counted[0] >= 2
    assert (int.from_bytes(kept or b"", "little"), gone) == (counted[0], None)
    assert counted[1:] == [counted[0], 0]


ITERATED = """
BPF_TASK_STORAGE(tasks, u64);
BPF_ARRAY(out, s64, 2);
BPF_ITER(task) {
    struct task_struct *task = ctx->task;
    if (!task || task->pid != WANTED)
        return 0;
    u64 start = 7, *n = tasks.task_storage_get(task, &start, BPF_LOCAL_STORAGE_GET_F_CREATE);
    int zero = 0, one = 1;
    s64 found = n ? *n : -1;
    out.update(&zero, &found);
    found = tasks.task_storage_delete(task);
    out.update(&one, &found);
    return 0;
}
"""


@case("maps/task_storage/c-bcc-iterator", kernel="5.12", feature="map_type/task_storage")
def test_bcc_iterators_use_the_storage_of_the_task_they_visit() -> None:
    """In BPF_ITER(task) the storage of ``ctx->task`` is at hand."""
    with load(ITERATED, cflags=[f"-DWANTED={os.getpid()}"]) as collection:
        read_iterator(collection, collection.load_program("bpf_iter__task"))
        assert values.stored(collection) == [7, 0]


CGROUPS = f"""
    struct task_struct *task = bpf_get_current_task_btf();
    struct cgroup *group = task->cgroups->dfl_cgrp;
    u64 *n = GET(group, 0, {CREATE});
    if (!n) return 0;
    *n += 5;
    n = GET(group, 0, 0);
    OUT(0, n ? *n : -1);
    OUT(1, DELETE(group));
    OUT(2, GET(group, 0, 0) == 0);
"""


@case("maps/cgrp_storage/c-libbpf", kernel="6.2", feature="map_type/cgrp_storage")
def test_cgroups_keep_values() -> None:
    """bpf_cgrp_storage_get and _delete keep a value for the cgroup of the current task."""
    text = f"""
    #define GET(group, init, flags) bpf_cgrp_storage_get(&groups, group, init, flags)
    #define DELETE(group) bpf_cgrp_storage_delete(&groups, group)
    struct {{
        __uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, u64);
    }} groups SEC(".maps");
    const volatile int wanted;
    SEC("tp_btf/sys_enter") int BPF_PROG(program, struct pt_regs *regs, long id) {{
        if (bpf_get_current_pid_tgid() >> 32 != wanted)
            return 0;
        {CGROUPS}
        return 0;
    }}
    """
    with load_text(text, 3, globals={"wanted": os.getpid()}) as collection:
        with traced(collection, collection.load_program("program")):
            os.getpgid(0)
        assert stored(collection) == [5, 0, 1]


@case("maps/cgrp_storage/c-bcc", kernel="6.2", feature="map_type/cgrp_storage")
def test_bcc_cgroups_keep_values() -> None:
    """BPF_CGRP_STORAGE, which bcc has no macro for, works as the other storages do."""
    before = """
    #define GET groups.cgrp_storage_get
    #define DELETE groups.cgrp_storage_delete
    BPF_CGRP_STORAGE(groups, u64);
    """
    assert in_task(CGROUPS, 3, before) == [5, 0, 1]


INODES = """
struct seen { u64 opens; };
BPF_INODE_STORAGE(inodes, struct seen);
BPF_ARRAY(out, s64, 3);
LSM_PROBE(file_open, struct file *file) {
    if (bpf_get_current_pid_tgid() >> 32 != WANTED)
        return 0;
    struct seen fresh = {.opens = 10};
    struct inode *inode = file->f_inode;
    struct seen *seen = inodes.inode_storage_get(inode, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!seen)
        return 0;
    seen->opens++;
    int zero = 0, one = 1;
    s64 opens = seen->opens;
    out.update(&zero, &opens);
    if (opens == 13) {
        s64 result = inodes.inode_storage_delete(inode);
        out.update(&one, &result);
    }
    return 0;
}
"""


@case("maps/inode_storage/c-bcc", kernel="5.10", feature="program_type/lsm", config="BPF_LSM")
def test_bcc_inodes_keep_values() -> None:
    """``inode_storage_get`` and ``_delete`` keep a value for an open file's inode."""
    here = Path(__file__)
    with load(INODES, cflags=[f"-DWANTED={os.getpid()}"]) as collection:
        program = collection.load_program("lsm__file_open")
        with traced(collection, program), here.open() as one:
            first = of_descriptor(collection, "inodes", one.fileno())
            with here.open(), here.open():
                gone = of_descriptor(collection, "inodes", one.fileno())
        assert struct.unpack("=Q", first or b"") == (11,)
        assert gone is None
        assert values.stored(collection)[:2] == [13, 0]


OF_THE_CGROUP = """
BPF_{kind}(kept, u64);
BPF_ARRAY(out, s64, 1);
int count(struct __sk_buff *skb) {{
    u64 *n = kept.get_local_storage(0);
    int zero = 0;
    s64 now = ++*n;
    out.update(&zero, &now);
    return 1;
}}
"""


def counted_in_cgroup(kind: str) -> tuple[list[int], list[bytes]]:
    with load(OF_THE_CGROUP.format(kind=kind)) as collection:
        program = collection.load_program(
            "count", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_EGRESS
        )
        with in_cgroup(collection, program, AttachType.CGROUP_INET_EGRESS):
            send_to_myself(3).close()
            found = [value for _, value in collection.maps["kept"].raw.items()]
        return values.stored(collection), found


@case("maps/cgroup_storage/c-bcc", kernel="4.19", feature="map_type/cgroup_storage")
def test_bcc_cgroup_storage() -> None:
    """``get_local_storage`` gives the value of the cgroup a program is attached to."""
    out, found = counted_in_cgroup("CGROUP_STORAGE")
    assert out == [3]
    assert [int.from_bytes(value, "little") for value in found] == [3]


@case("maps/cgroup_storage/c-bcc-percpu", kernel="4.20", feature="map_type/percpu_cgroup_storage")
def test_bcc_percpu_cgroup_storage() -> None:
    """The per-CPU form keeps a value for each CPU; they add up."""
    _, found = counted_in_cgroup("PERCPU_CGROUP_STORAGE")
    (value,) = found
    assert sum(n for (n,) in struct.iter_unpack("=Q", value)) == 3


@case("maps/cgroup_storage/c-libbpf", kernel="4.19", feature="map_type/cgroup_storage")
def test_cgroup_storage() -> None:
    """bpf_get_local_storage on a BTF-defined map with a whole key, or the cgroup's id alone."""
    for key in ("struct bpf_cgroup_storage_key", "__u64"):
        text = f"""
        struct {{ __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE); __type(key, {key});
                 __type(value, u64); }} kept SEC(".maps");
        SEC("cgroup_skb/egress") int count(struct __sk_buff *skb) {{
            u64 *n = bpf_get_local_storage(&kept, 0);
            __sync_fetch_and_add(n, 1);
            OUT(0, *n);
            return 1;
        }}
        """
        with load_text(text) as collection:
            program = collection.load_program("count")
            with in_cgroup(collection, program, AttachType.CGROUP_INET_EGRESS):
                send_to_myself(2).close()
            assert stored(collection) == [2]


@case("maps/task_storage/c-wrong-map")
def test_storage_methods_of_another_kind_are_refused() -> None:
    """A storage method on a map of another kind is an error at the call."""
    text = 'BPF_TABLE("hash", int, u64, t, 1); int f(void *ctx) {{ {} return 0; }}'
    for call in (
        "t.task_storage_get(ctx, 0, 0);",
        "t.sk_storage_delete(ctx);",
        "t.inode_storage_get(ctx, 0, 0);",
    ):
        method = call.split(".")[1].split("(")[0]
        with pytest.raises(CompileError, match=rf"program\.c:1.*{method} only available on"):
            load(text.format(call))


@case("maps/cgroup_array/c-bcc", kernel="4.9", feature="map_type/cgroup_array")
def test_bcc_cgroup_membership() -> None:
    """``check_current_task`` tells whether the task is in the cgroup of a slot, or below it."""
    text = """
    BPF_CGROUP_ARRAY(groups, 2);
    BPF_ARRAY(out, s64, 2);
    RAW_TRACEPOINT_PROBE(sys_enter) {
        int zero = 0, one = 1;
        s64 in = groups.check_current_task(0), empty = groups.check_current_task(1);
        out.update(&zero, &in);
        out.update(&one, &empty);
        return 0;
    }
    """
    with load(text) as collection, own_cgroup() as mine:
        program = collection.load_program("raw_tracepoint__sys_enter", ProgType.RAW_TRACEPOINT)
        collection.maps["groups"].raw.update(struct.pack("=I", 0), struct.pack("=i", mine))
        program.test_run(context=bytes(16), repeat=0)
        assert values.stored(collection) == [1, -11]  # EAGAIN: no cgroup in the slot
        with own_cgroup("bk-other"):
            program.test_run(context=bytes(16), repeat=0)
            assert values.stored(collection) == [0, -11]


@case("maps/cgroup_array/c-libbpf", kernel="5.10", feature="map_type/cgroup_array")
def test_cgroup_membership() -> None:
    """bpf_current_task_under_cgroup does on a BTF-defined array."""
    text = """
    struct { __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY); __uint(max_entries, 1); __uint(key_size, 4);
             __uint(value_size, 4); } groups SEC(".maps");
    SEC("raw_tp/sys_enter") int program(void *ctx) {
        OUT(0, bpf_current_task_under_cgroup(&groups, 0));
        return 0;
    }
    """
    with load_text(text) as collection, own_cgroup() as mine:
        collection.maps["groups"].raw.update(struct.pack("=I", 0), struct.pack("=i", mine))
        trigger(collection)
        assert stored(collection) == [1]
