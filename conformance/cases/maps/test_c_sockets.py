"""Maps of sockets from C: filled by sockops programs, and redirected to."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError
from bpfkit.uapi.bpf import AttachType, ProgType
from conformance import values
from conformance.case import case
from conformance.hooks import in_cgroup, on_map, tcp_pair
from conformance.libbpf import load_text, stored

# What both dialects write differently.
BCC = {
    "SOCKMAP": "BPF_SOCKMAP(socks, 8);",
    "SOCKHASH": "BPF_SOCKHASH(socks, u32, 8);",
    "update": {"SOCKMAP": "socks.sock_map_update", "SOCKHASH": "socks.sock_hash_update"},
}
ADD = """
int add(struct bpf_sock_ops *ops) {{
    if (ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
        return 0;
    u32 key = 3;
    OUT(0, {update});
    OUT(1, {again});
    return 0;
}}
"""
OUT = """
BPF_ARRAY(out, s64, 4);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
"""


def defined(kind: str) -> str:
    return f"""
    struct {{ __uint(type, BPF_MAP_TYPE_{kind}); __uint(max_entries, 8); __type(key, u32);
             __type(value, u32); }} socks SEC(".maps");
    """


def bcc_adding(kind: str) -> Collection:
    word = "map" if kind == "SOCKMAP" else "hash"
    update = f"socks.sock_{word}_update(ops, &key, %s)"
    text = (
        OUT + str(BCC[kind]) + ADD.format(update=update % "BPF_ANY", again=update % "BPF_NOEXIST")
    )
    return load(text)


def libbpf_adding(kind: str) -> Collection:
    word = "map" if kind == "SOCKMAP" else "hash"
    update = f"bpf_sock_{word}_update(ops, &socks, &key, %s)"
    text = defined(kind) + 'SEC("sockops") '
    return load_text(text + ADD.format(update=update % "BPF_ANY", again=update % "BPF_NOEXIST"), 4)


@contextlib.contextmanager
def adding(collection: Collection) -> Iterator[None]:
    program = collection.load_program("add", ProgType.SOCK_OPS, AttachType.CGROUP_SOCK_OPS)
    with in_cgroup(collection, program, AttachType.CGROUP_SOCK_OPS):
        yield


def check_adding(kind: str) -> None:
    for make, read in ((bcc_adding, values.stored), (libbpf_adding, stored)):
        with make(kind) as collection, adding(collection), tcp_pair() as (client, accepted):
            client.sendall(b"hello")
            assert accepted.recv(10) == b"hello"
            assert read(collection)[:2] == [0, -17]  # EEXIST
            assert collection.maps["socks"].raw.delete(struct.pack("=I", 3))


@case("maps/sockmap/c-update", kernel="4.14", feature="map_type/sockmap")
def test_sockops_programs_fill_sockmaps() -> None:
    """``sock_map_update`` puts the socket of a sockops program into a slot, flags respected."""
    check_adding("SOCKMAP")


@case("maps/sockhash/c-update", kernel="4.18", feature="map_type/sockhash")
def test_sockops_programs_fill_sockhashes() -> None:
    """``sock_hash_update`` puts it under a key."""
    check_adding("SOCKHASH")


MESSAGE = """
int verdict(struct sk_msg_md *msg) {{
    u32 key = 5;
    return {redirect};
}}
"""
PACKET = """
int verdict(struct __sk_buff *skb) {{
    u32 key = 5;
    return {redirect};
}}
"""


def check_redirect(text: str, kind: ProgType, hook: AttachType, *, bcc: bool) -> None:
    """What is sent over one connection arrives at the end of another one."""
    collection = load(text) if bcc else load_text(text)
    with collection, tcp_pair() as (client, accepted), tcp_pair() as (other, end):
        program = collection.load_program("verdict", kind, hook)
        socks = collection.maps["socks"].raw
        message = kind is ProgType.SK_MSG
        source, target = (client, end) if message else (accepted, other)
        with on_map(collection, program, socks, hook):
            for key, member in ((1, source), (5, target)):
                socks.update(struct.pack("=I", key), struct.pack("=I", member.fileno()))
            client.sendall(b"over there")
            # A message goes into the queue of its target, a packet out of it.
            end.settimeout(5)
            assert end.recv(100) == b"over there"
            accepted.setblocking(False)
            with pytest.raises(BlockingIOError):
                accepted.recv(1)


@case("maps/sockhash/c-bcc-message", kernel="4.18", feature="map_type/sockhash")
def test_bcc_messages_are_redirected_by_key() -> None:
    """``msg_redirect_hash`` with BPF_F_INGRESS puts a message into another socket's queue."""
    redirect = "socks.msg_redirect_hash(msg, &key, BPF_F_INGRESS)"
    text = "BPF_SOCKHASH(socks, u32, 8);" + MESSAGE.format(redirect=redirect)
    check_redirect(text, ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, bcc=True)


@case("maps/sockhash/c-libbpf-message", kernel="4.18", feature="map_type/sockhash")
def test_messages_are_redirected_by_key() -> None:
    """bpf_msg_redirect_hash does on a BTF-defined sockhash."""
    redirect = "bpf_msg_redirect_hash(msg, &socks, &key, BPF_F_INGRESS)"
    text = defined("SOCKHASH") + 'SEC("sk_msg") ' + MESSAGE.format(redirect=redirect)
    check_redirect(text, ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, bcc=False)


@case("maps/sockmap/c-message", kernel="4.17", feature="map_type/sockmap")
def test_messages_are_redirected_by_slot() -> None:
    """bpf_msg_redirect_map does on a sockmap, in both dialects."""
    redirect = "bpf_msg_redirect_map(msg, &socks, key, BPF_F_INGRESS)"
    for head, bcc in (
        ("BPF_SOCKMAP(socks, 8);", True),
        (defined("SOCKMAP") + 'SEC("sk_msg") ', False),
    ):
        text = head + MESSAGE.format(redirect=redirect)
        check_redirect(text, ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, bcc=bcc)


@case("maps/sockmap/c-bcc-message", kernel="5.10", feature="map_type/sockmap")
def test_bcc_messages_are_redirected_by_slot() -> None:
    """``msg_redirect_map`` and ``sk_redirect_map``, which bcc has no methods for."""
    text = "BPF_SOCKMAP(socks, 8);"
    message = MESSAGE.format(redirect="socks.msg_redirect_map(msg, key, BPF_F_INGRESS)")
    check_redirect(text + message, ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, bcc=True)
    packet = PACKET.format(redirect="socks.sk_redirect_map(skb, key, 0)")
    hook = AttachType.SK_SKB_STREAM_VERDICT
    check_redirect(text + packet, ProgType.SK_SKB, hook, bcc=True)


@case("maps/sockhash/c-bcc-packet", kernel="5.10", feature="map_type/sockhash")
def test_bcc_packets_are_redirected_by_key() -> None:
    """``sk_redirect_hash`` sends what a socket received out of another one."""
    text = "BPF_SOCKHASH(socks, u32, 8);" + PACKET.format(
        redirect="socks.sk_redirect_hash(skb, &key, 0)"
    )
    check_redirect(text, ProgType.SK_SKB, AttachType.SK_SKB_STREAM_VERDICT, bcc=True)


@case("maps/sockhash/c-libbpf-packet", kernel="5.10", feature="map_type/sockhash")
def test_packets_are_redirected_by_key() -> None:
    """bpf_sk_redirect_hash and bpf_sk_redirect_map do on BTF-defined maps."""
    for kind, call in (
        ("SOCKHASH", "bpf_sk_redirect_hash(skb, &socks, &key, 0)"),
        ("SOCKMAP", "bpf_sk_redirect_map(skb, &socks, key, 0)"),
    ):
        text = defined(kind) + 'SEC("sk_skb/stream_verdict") ' + PACKET.format(redirect=call)
        check_redirect(text, ProgType.SK_SKB, AttachType.SK_SKB_STREAM_VERDICT, bcc=False)


@case("maps/sockmap/c-lookup", kernel="5.10", feature="map_type/sockmap")
def test_sockets_are_looked_up_and_released() -> None:
    """A lookup in a sockmap gives a referenced socket; one that is not released is refused."""
    text = (
        defined("SOCKMAP")
        + """
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 2;
        struct bpf_sock *sk = bpf_map_lookup_elem(&socks, &key);
        if (!sk) { OUT(0, -1); return 0; }
        OUT(0, sk->family);
        bpf_sk_release(sk);
        return 0;
    }
    """
    )
    with load_text(text) as collection, tcp_pair() as (client, _):
        program = collection.load_program("program")
        program.test_run(bytes(64))
        assert stored(collection) == [-1]
        collection.maps["socks"].raw.update(
            struct.pack("=I", 2), struct.pack("=I", client.fileno())
        )
        program.test_run(bytes(64))
        assert stored(collection) == [socket.AF_INET]


SELECT = """
int choose(struct sk_reuseport_md *md) {{
    u32 slot = 1;
    return {select} == 0 ? SK_PASS : SK_DROP;
}}
"""
SO_ATTACH_REUSEPORT_EBPF = 52


def check_chosen(collection: Collection) -> None:
    program = collection.load_program("choose", ProgType.SK_REUSEPORT)
    with contextlib.ExitStack() as stack:
        group = []
        port = 0
        for _ in range(2):
            member = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            member.bind(("127.0.0.1", port))
            member.settimeout(5)
            port = member.getsockname()[1]
            group.append(member)
        for slot, member in enumerate(group):
            collection.maps["group"].raw.update(
                struct.pack("=I", slot), struct.pack("=Q", member.fileno())
            )
        group[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, program.fileno())
        sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for n in range(8):
            sender.sendto(bytes([n]), ("127.0.0.1", port))
        assert [group[1].recv(10)[0] for _ in range(8)] == list(range(8))


@case("maps/reuseport_sockarray/c-select", kernel="4.19", feature="map_type/reuseport_sockarray")
def test_the_socket_of_a_slot_gets_the_packet() -> None:
    """bpf_sk_select_reuseport gives every packet to the socket in one slot, in both dialects."""
    select = "bpf_sk_select_reuseport(md, &group, &slot, 0)"
    with load(
        'BPF_TABLE("reuseport_sockarray", u32, u64, group, 2);' + SELECT.format(select=select)
    ) as collection:
        check_chosen(collection)
    text = """
    struct { __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY); __uint(max_entries, 2);
             __type(key, u32); __type(value, u64); } group SEC(".maps");
    SEC("sk_reuseport")
    """
    with load_text(text + SELECT.format(select=select)) as collection:
        check_chosen(collection)


@case("maps/sockmap/c-wrong-method")
def test_methods_of_sockhashes_are_not_those_of_sockmaps() -> None:
    """A sockmap has no method of a sockhash, and no lookup."""
    for method in ("sock_hash_update(c, &k, 0)", "msg_redirect_hash(c, &k, 0)", "lookup(&k)"):
        name = method.split("(")[0]
        with pytest.raises(
            CompileError, match=rf"program\.c:1:\d+: error: no member named '{name}'"
        ):
            load(f"BPF_SOCKMAP(m, 1); int f(void *c) {{ u32 k = 0; m.{method}; return 0; }}")
