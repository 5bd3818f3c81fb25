"""Iterators: one case for each target, found in what they write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bpfkit.collection import Collection
from bpfkit.features.kernel_types import ITERATORS
from bpfkit.links.iter import CgroupOrder, OverCgroups, OverMap
from bpfkit.syscalls.fd import OwnedFd
from conformance.case import case
from conformance.iterators import load_iterator

UDMABUF_CREATE = 0x40187542
SINCE = {feature.name.partition("/")[2]: feature for feature in ITERATORS}
BY_ID = 'BPF_SEQ_PRINTF(seq, "%u\\n", ctx->{0}->{1});'


@dataclass(frozen=True)
class Walk:
    """A target: what the program does with an object, and what it must have written."""

    members: str
    """The members of the context that are NULL behind the last object."""
    body: str
    expected: Callable[[Collection, contextlib.ExitStack], tuple[object, list[str]]]
    """Makes what shall be found: (parameter of the iterator, lines)."""
    before: str = ""


def walk(target: str, found: Walk) -> Callable[[], None]:
    """Make the case of a target."""

    def test() -> None:
        checks = (f"if (!ctx->{member}) return 0;\n" for member in found.members.split())
        text = "".join(checks) + found.body
        with load_iterator(target, text, found.before) as c, contextlib.ExitStack() as stack:
            over, lines = found.expected(c, stack)
            link = c.load_program("walk").attach_iter(over)  # type: ignore[arg-type]
            stack.enter_context(link)
            written = link.read_text().splitlines()
            missing = [line for line in lines if line not in written]
            assert not missing, f"{missing} not in {written[:20]}"
            again = link.read_text().splitlines()
            assert not lines or set(lines) <= set(again), "a second walk misses some"

    test.__doc__ = f"The iterator {target} comes past what is there."
    feature = SINCE[target]
    return case(
        f"links/iter/{target}", kernel=feature.since, feature=feature.name, config=feature.config
    )(test)


def nothing(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    return None, []


def this_process(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    return None, [f"{os.getpid()} {Path('/proc/self/comm').read_text().strip()}"]


def open_file(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    fd = os.open("/dev/zero", os.O_RDONLY)
    stack.callback(os.close, fd)
    return None, [f"{os.getpid()} {fd} {os.fstat(fd).st_ino}"]


def first_area(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    rows = Path("/proc/self/maps").read_text().splitlines()
    return None, [row.split()[0].replace("-", " ") for row in rows[:1]]


def own_map(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    return None, [str(c.maps["table"].info().id)]


def own_program(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    return None, [str(c.load_program("walk").info().id)]


def own_link(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    link = stack.enter_context(c.load_program("walk").attach_iter())
    return None, [str(link.info().id)]


def elements(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    for number in (3, 5):
        c.maps["table"].raw.update(struct.pack("=I", number), struct.pack("=Q", number * 100))
    return OverMap(c.maps["table"]), ["3 300", "5 500"]


def listener(kind: socket.SocketKind) -> Callable[..., tuple[object, list[str]]]:
    def make(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
        one = stack.enter_context(socket.socket(socket.AF_INET, kind))
        one.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            one.listen()
        return None, [str(one.getsockname()[1])]

    return make


def unix_socket(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    name = f"bpfkit-{os.getpid()}"
    one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    one.bind(f"\0{name}\0")  # the kernel keeps no end of the name
    one.listen()
    return None, [name]


def netlink_socket(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    one = stack.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
    one.bind((0, 0))
    return None, [str(one.getsockname()[0])]


def routes(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    one = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    one.bind(("::1", 0))  # there is no such address without a route
    return None, ["128"]


def sockets_in_a_map(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    client = stack.enter_context(socket.create_connection(server.getsockname()))
    c.maps["sockets"].raw.update(struct.pack("=I", 2), struct.pack("=Q", client.fileno()))
    return OverMap(c.maps["sockets"]), [f"2 {client.getsockname()[1]}"]


def storage(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    one = stack.enter_context(socket.socket())
    c.maps["storage"].raw.update(struct.pack("=i", one.fileno()), struct.pack("=Q", 4711))
    return OverMap(c.maps["storage"]), ["4711"]


def root_cgroup(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    path = unified_hierarchy()
    fd = stack.enter_context(OwnedFd(os.open(path, os.O_RDONLY | os.O_DIRECTORY), "cgroup"))
    return OverCgroups(fd, CgroupOrder.SELF_ONLY), [str(path.stat().st_ino)]


def unified_hierarchy() -> Path:
    """Where cgroup v2 is mounted."""
    rows = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next(Path(row[1]) for row in rows if row[2] == "cgroup2")


def shared_buffer(c: Collection, stack: contextlib.ExitStack) -> tuple[object, list[str]]:
    """A buffer of memory that devices share, from udmabuf where there is such a device."""
    subprocess.run(["modprobe", "udmabuf"], capture_output=True, check=False)
    if not Path("/dev/udmabuf").exists():
        return None, []
    memory = os.memfd_create("buffer", os.MFD_ALLOW_SEALING)
    stack.callback(os.close, memory)
    os.ftruncate(memory, 4096)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    device = os.open("/dev/udmabuf", os.O_RDWR)
    stack.callback(os.close, device)
    # struct udmabuf_create: memfd, flags, offset, size
    request = struct.pack("=IIQQ", memory, 0, 0, 4096)
    stack.callback(os.close, fcntl.ioctl(device, UDMABUF_CREATE, bytearray(request)))
    return None, ["4096"]


SOCKETS = """
struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 4); __type(key, u32);
         __type(value, u64); } sockets SEC(".maps");
"""
STORAGE = """
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC);
         __type(key, int); __type(value, u64); } storage SEC(".maps");
"""
WALKS = {
    "task": Walk(
        "task",
        "if (ctx->task->pid == wanted)"
        ' BPF_SEQ_PRINTF(seq, "%d %s\\n", ctx->task->pid, ctx->task->comm);',
        this_process,
    ),
    "task_file": Walk(
        "task file",
        "if (ctx->task->tgid == wanted && ctx->task->pid == wanted)"
        ' BPF_SEQ_PRINTF(seq, "%d %u %lu\\n", ctx->task->tgid, ctx->fd,'
        " ctx->file->f_inode->i_ino);",
        open_file,
    ),
    "task_vma": Walk(
        "task vma",
        "if (ctx->task->pid == wanted)"
        ' BPF_SEQ_PRINTF(seq, "%lx %lx\\n", ctx->vma->vm_start, ctx->vma->vm_end);',
        first_area,
    ),
    "bpf_map": Walk("map", BY_ID.format("map", "id"), own_map),
    "bpf_prog": Walk("prog", BY_ID.format("prog", "aux->id"), own_program),
    "bpf_link": Walk("link", BY_ID.format("link", "id"), own_link),
    "bpf_map_elem": Walk(
        "key value",
        'BPF_SEQ_PRINTF(seq, "%u %lu\\n", *(u32 *)ctx->key, *(u64 *)ctx->value);',
        elements,
    ),
    "tcp": Walk("sk_common", BY_ID.format("sk_common", "skc_num"), listener(socket.SOCK_STREAM)),
    "udp": Walk(
        "udp_sk",
        BY_ID.format("udp_sk", "inet.sk.__sk_common.skc_num"),
        listener(socket.SOCK_DGRAM),
    ),
    "unix": Walk(
        "unix_sk",
        'if (ctx->unix_sk->addr) BPF_SEQ_PRINTF(seq, "%s\\n",'
        " ctx->unix_sk->addr->name[0].sun_path + 1);",
        unix_socket,
    ),
    "netlink": Walk("sk", BY_ID.format("sk", "portid"), netlink_socket),
    "ipv6_route": Walk("rt", BY_ID.format("rt", "fib6_dst.plen"), routes),
    "sockmap": Walk(
        "key sk",
        'BPF_SEQ_PRINTF(seq, "%u %u\\n", *(u32 *)ctx->key, ctx->sk->__sk_common.skc_num);',
        sockets_in_a_map,
        SOCKETS,
    ),
    "bpf_sk_storage_map": Walk(
        "value", 'BPF_SEQ_PRINTF(seq, "%lu\\n", *(u64 *)ctx->value);', storage, STORAGE
    ),
    "cgroup": Walk("cgroup", 'BPF_SEQ_PRINTF(seq, "%lu\\n", ctx->cgroup->kn->id);', root_cgroup),
    "ksym": Walk(
        "ksym",
        'BPF_SEQ_PRINTF(seq, "%s\\n", ctx->ksym->name);',
        lambda c, stack: (None, ["vfs_read"]),
    ),
    "kmem_cache": Walk(
        "s",
        'BPF_SEQ_PRINTF(seq, "%s\\n", ctx->s->name);',
        lambda c, stack: (None, ["task_struct", "kmalloc-64"]),
    ),
    "dmabuf": Walk("dmabuf", BY_ID.format("dmabuf", "size"), shared_buffer),
}
for _target, _walk in WALKS.items():
    globals()[f"test_{_target}"] = walk(_target, _walk)


@contextlib.contextmanager
def sleeping_child() -> Iterator[int]:
    """A child process that sleeps."""
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
