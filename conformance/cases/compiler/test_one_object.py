"""One object, compiled once, loaded by every kernel: CO-RE finds the members where they are.

The texts are in conformance/one_object. In the lab they are compiled for its oldest kernel, on
another machine; each case is given the same bytes on every kernel and compares with what /proc and
system calls say.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import signal
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bpfkit.btf.types import Struct
from bpfkit.collection import Collection, load
from bpfkit.links.raw_tracepoint import attach_raw_tracepoint
from bpfkit.maps.array import ArrayMap
from bpfkit.uapi.bpf import MapType
from bpfkit.uapi.btf import BtfKind
from conformance.case import case
from conformance.layout import MEMBERS, offsets
from conformance.objects import compiled_layout, object_of
from conformance.plugin import live_system
from conformance.texts import ONE_OBJECT, read_text
from conformance.triggers import GETPGID, getpid_calls
from conformance.values import stored

PID, SYSCALL, FD, MARK = range(4)


@pytest.fixture
def config(pytestconfig: pytest.Config) -> pytest.Config:
    """The suite's configuration, which has its system."""
    return pytestconfig


@contextlib.contextmanager
def attached(
    name: str, config: pytest.Config, wanted: Mapping[int, int], event: str = "sys_enter"
) -> Iterator[Collection]:
    """Load the object of a text and attach its one program, told whom to watch."""
    system = live_system(config)
    with load(object_of(read_text(ONE_OBJECT, name), system), system=system) as collection:
        keys = collection.maps["wanted"]
        assert isinstance(keys, ArrayMap)
        for key, value in wanted.items():
            keys[key] = value
        (program,) = collection.spec.programs
        loaded = collection.load_program(program)
        with attach_raw_tracepoint(system, loaded, event):
            yield collection


def answers(name: str, config: pytest.Config, fd: int = -1) -> list[int]:
    """What the program of a text read for a system call of this process."""
    wanted = {PID: os.getpid(), SYSCALL: GETPGID[platform.machine()], FD: max(fd, 0)}
    with attached(name, config, wanted) as collection:
        getpid_calls(1)
        return stored(collection)


def words(text: bytes) -> list[int]:
    """A text of up to 16 bytes as the two numbers the program stored it in."""
    return list(struct.unpack("=2q", text.ljust(16, b"\0")))


@case("compiler/co-re/one-object/layouts", kernel="5.10")
def test_the_layouts_are_not_those_it_was_compiled_for(config: pytest.Config) -> None:
    """Five records at least differ from the kernel the object was compiled for, but on that."""
    facts = live_system(config).facts
    here, there = offsets(facts.btf), compiled_layout(live_system(config))
    moved = {name.partition(".")[0] for name in here if here[name] != there.get(name)}
    assert len(moved) >= 5 if here != there else not moved
    assert {name.partition(".")[0] for name in here} == MEMBERS.keys()


@case("compiler/co-re/one-object/task", kernel="5.10")
def test_a_task_is_read(config: pytest.Config) -> None:
    """task_struct, signal_struct, nsproxy and cred are read where this kernel has them."""
    comm = Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 7, hard))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + 1)
    try:
        found = answers("task", config)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.setpriority(os.PRIO_PROCESS, 0, before)
    namespace = Path("/proc/self/ns/uts").stat().st_ino
    # Priorities of ordinary tasks stand 120 above their niceness.
    numbers = [os.getpid(), os.getppid(), 120 + before + 1, soft - 7, namespace]
    assert found[:8] == [*numbers, os.getresuid()[2], *words(comm)]


@contextlib.contextmanager
def child_that_calls_when_we_wait() -> Iterator[tuple[int, int]]:
    """A process that enters getpgid(2) once we sleep in a system call; it starts when the
    descriptor is written to. Gives its process id and the descriptor.
    """
    start, tell = os.pipe()
    child = os.fork()
    if not child:
        os.read(start, 1)
        status = Path(f"/proc/{os.getppid()}/stat")
        while status.read_text().rpartition(")")[2].split()[0] != "S":
            pass
        getpid_calls(1)
        os._exit(0)
    try:
        yield child, tell
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(start)
        os.close(tell)


@case("compiler/co-re/one-object/renamed", kernel="5.10")
def test_a_renamed_member_is_read(config: pytest.Config) -> None:
    """task_struct's state is read under the name it has here, __state since Linux 5.14."""
    wanted = {SYSCALL: GETPGID[platform.machine()]}
    with (
        child_that_calls_when_we_wait() as (child, tell),
        attached("renamed", config, {PID: child, **wanted}) as collection,
    ):
        os.write(tell, b"x")
        assert os.waitpid(child, 0)[1] == 0
        found = stored(collection)
    # TASK_INTERRUPTIBLE and not TASK_UNINTERRUPTIBLE; TASK_FREEZABLE came with v6.1.
    assert [found[0] & 3, found[1]] == [1, os.getpid()]


@case("compiler/co-re/one-object/libbpf", kernel="5.10")
def test_a_program_of_libbpfs_dialect_asks_this_kernel(config: pytest.Config) -> None:
    """BPF_CORE_READ and CO-RE's questions get the answers of the kernel that loads the object."""
    found = answers("portable.bpf", config)
    btf = live_system(config).facts.btf
    sizes = {}
    for name in ("task_struct", "sock"):
        record = btf.type(btf.by_name(name, {BtfKind.STRUCT})[0])
        assert isinstance(record, Struct)
        sizes[name] = record.size
    state_is_new = live_system(config).facts.version >= (5, 14, 0)
    assert found[:9] == [
        os.getppid(),
        Path("/proc/self/exe").stat().st_ino,
        sizes["task_struct"],
        offsets(btf)["file.f_pos"] // 8,
        sizes["sock"],
        state_is_new,
        not state_is_new,
        MapType.RINGBUF,
        False,
    ]


@case("compiler/co-re/one-object/memory", kernel="5.10")
def test_memory_is_read(config: pytest.Config) -> None:
    """mm_struct is read where this kernel has it: addresses, sizes, the executable's inode."""

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[0])

    before = pages()
    found = answers("memory", config)
    # After the last parenthesis come the fields from the third on (proc_pid_stat(5)).
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start_code, start_stack, arg_start, arg_end, env_start = (
        int(fields[number - 3]) for number in (26, 28, 48, 49, 50)
    )
    assert found[:5] == [start_code, start_stack, arg_start, arg_end, env_start]
    # Python may take and give back memory while the object is loaded.
    assert abs(found[5] - before) < before // 2
    assert found[6] == Path("/proc/self/exe").stat().st_ino


@case("compiler/co-re/one-object/file", kernel="5.10")
def test_an_open_file_is_read(config: pytest.Config, tmp_path: Path) -> None:
    """file, inode, dentry and super_block are read where this kernel has them."""
    path = tmp_path / "one_file"
    path.write_bytes(b"x" * 1234)
    path.chmod(0o640)
    (tmp_path / "second").hardlink_to(path)
    with path.open("rb+") as file:
        file.seek(77)
        found = answers("file", config, file.fileno())
        status = os.fstat(file.fileno())
    # The kernel keeps devices as 12 bits of major number and 20 of minor number.
    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    numbers = [77, os.O_RDWR, status.st_ino, 1234, status.st_mode, 2]
    assert found[:6] == numbers
    # An overlay shows its own device, and inode numbers of the file system below.
    if Path("/proc/self/mounts").read_text().find(" / overlay ") < 0:
        assert found[6] == device
    assert found[7:11] == [tmp_path.stat().st_ino, len("one_file"), *words(b"one_file")]


@case("compiler/co-re/one-object/moved", kernel="5.10")
def test_members_that_moved_are_read(config: pytest.Config) -> None:
    """``state``, ``cpu``, ``parent`` and ``d_iname`` are read where this kernel moved them to."""
    with contextlib.chdir("/sys/kernel"):
        found = answers("moved", config)
    assert found[:6] == [1, 1, 1, 1, 1, int.from_bytes(b"kernel", "little")]


@case("compiler/co-re/one-object/socket", kernel="5.10")
def test_a_socket_is_read(config: pytest.Config) -> None:
    """socket and sock are read where this kernel has them, bit-fields too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 30_000)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x1234)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 5)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        end.connect(("127.0.0.1", 4321))
        found = answers("socket", config, end.fileno())
        sizes = [
            end.getsockopt(socket.SOL_SOCKET, option)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF)
        ]
        port = end.getsockname()[1]
    kind = [socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP]
    assert found[:11] == [port, 4321, *kind, *sizes, 0x1234, 5, 1, 1]


@case("compiler/co-re/one-object/packet", kernel="5.10")
def test_a_packet_is_read(config: pytest.Config) -> None:
    """sk_buff, net_device and a header in the packet are read where this kernel has them."""
    mark = 0x5000_0000 | os.getpid()
    with (
        attached("packet", config, {MARK: mark}, "netif_receive_skb") as collection,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
    ):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
        end.sendto(b"y" * 100, ("127.0.0.1", 9))
        found = stored(collection)
    mtu = int(Path("/sys/class/net/lo/mtu").read_text())
    assert found[:5] == [100 + 8 + 20, 0x0800, 6, socket.if_nametoindex("lo"), mtu]
    assert found[5:9] == [0x7F000001, socket.IPPROTO_UDP, 5, 0]
