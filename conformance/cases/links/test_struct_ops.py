"""struct_ops: the kernel runs programs as its own operations."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import AttachError, LoadError
from bpfkit.links.base import Method
from bpfkit.links.struct_ops import StructOpsLink
from bpfkit.system import System
from bpfkit.uapi.bpf import LinkType
from conformance.case import case
from conformance.libbpf import load_text, stored
from conformance.triggers import veth_pair

CONGESTION = """
SEC("struct_ops/mine_ssthresh") __u32 BPF_PROG(mine_ssthresh, struct sock *sk) {
    struct tcp_sock *tp = (struct tcp_sock *)sk;
    __sync_fetch_and_add(&out[0], 1);
    return tp->snd_cwnd > 4 ? tp->snd_cwnd >> 1 : 2;
}
SEC("struct_ops/mine_avoid")
void BPF_PROG(mine_avoid, struct sock *sk, __u32 ack, __u32 acked) {
    struct tcp_sock *tp = (struct tcp_sock *)sk;
    __sync_fetch_and_add(&out[1], 1);
    tp->snd_cwnd = tp->snd_cwnd + 1;
}
SEC("struct_ops/mine_undo") __u32 BPF_PROG(mine_undo, struct sock *sk) {
    return ((struct tcp_sock *)sk)->snd_cwnd;
}
SEC("SECTION") struct tcp_congestion_ops mine = {
    .ssthresh = (void *)mine_ssthresh, .cong_avoid = (void *)mine_avoid,
    .undo_cwnd = (void *)mine_undo, .name = "bpf_mine",
};
"""


def send_with(algorithm: bytes, count: int = 4 << 20) -> None:
    """Send bytes over the loopback with a congestion control of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm)
        sender.connect(server.getsockname())
        receiver, _ = server.accept()
        with receiver:
            thread = threading.Thread(target=_receive, args=(receiver, count))
            thread.start()
            sender.sendall(bytes(count))
            thread.join()


def _receive(receiver: socket.socket, count: int) -> None:
    while count > 0:
        count -= len(receiver.recv(1 << 16))


def available() -> list[str]:
    path = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
    return path.read_text().split()


@case("links/struct_ops/tcp", kernel="5.6", feature="struct_ops/tcp_congestion_ops")
def test_tcp_sends_with_a_congestion_control_of_programs() -> None:
    """A TCP connection uses a congestion control whose operations are programs."""
    with load_text(CONGESTION.replace("SECTION", ".struct_ops"), 2) as c:
        with c.attach_struct_ops("mine") as link:
            assert "bpf_mine" in available()
            send_with(b"bpf_mine")
            assert stored(c)[1] > 0
            assert link.method is Method.MAP
            assert link.target == "struct tcp_congestion_ops"
        assert "bpf_mine" not in available()


@case("links/struct_ops/link", kernel="5.6", feature="struct_ops/tcp_congestion_ops")
def test_a_link_registers_where_the_kernel_has_them() -> None:
    """In .struct_ops.link the structure is registered by a bpf_link, before 6.4 by its map."""
    with load_text(CONGESTION.replace("SECTION", ".struct_ops.link"), 2) as c:
        with c.attach_struct_ops("mine") as link:
            send_with(b"bpf_mine", 1 << 16)
            if link.method is Method.LINK:
                assert link.info().type == LinkType.STRUCT_OPS
            assert (link.method is Method.LINK) == (System.live().facts.version >= (6, 4))
            with pytest.raises((AttachError, OSError), match="EEXIST"):
                c.attach_struct_ops("mine")
        assert "bpf_mine" not in available()


@case("links/struct_ops/replace", kernel="6.4", feature="link/struct_ops")
def test_a_link_takes_another_structure_in_place() -> None:
    """A registered congestion control is replaced by another one with no moment in between."""
    text = CONGESTION.replace("SECTION", ".struct_ops.link")
    with (
        load_text(text, 2) as first,
        load_text(text, 2) as second,
        first.attach_struct_ops("mine") as link,
    ):
        assert isinstance(link, StructOpsLink)
        with contextlib.closing(second.make_struct_ops("mine")) as other:
            link.replace(other)
        send_with(b"bpf_mine")
        assert stored(first)[1] == 0
        assert stored(second)[1] > 0


@case("links/struct_ops/unknown", kernel="5.6", feature="program_type/struct_ops")
def test_a_structure_that_programs_cannot_implement_is_named() -> None:
    """A structure that is not open to programs is refused, with a list of those that are."""
    text = """
    SEC("struct_ops/mine") int BPF_PROG(mine_open) { return 0; }
    SEC(".struct_ops") struct file_operations files = { .open = (void *)mine_open };
    """
    with load_text(text) as c, pytest.raises(LoadError, match="struct file_operations") as refused:
        c.attach_struct_ops("files")
    assert "tcp_congestion_ops" in str(refused.value)


SCHEDULER = """
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 flags) __ksym __weak;
void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 flags) __ksym __weak;
SEC("struct_ops/mine_enqueue")
void BPF_PROG(mine_enqueue, struct task_struct *p, u64 flags) {
    __sync_fetch_and_add(&out[0], 1);
    if (scx_bpf_dsq_insert) scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, flags);
    else scx_bpf_dispatch(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, flags);
}
SEC(".struct_ops.link") struct sched_ext_ops mine = {
    .enqueue = (void *)mine_enqueue, .name = "bpf_mine",
};
"""


@case(
    "links/struct_ops/sched_ext",
    kernel="6.12",
    feature="struct_ops/sched_ext_ops",
    config="SCHED_CLASS_EXT",
)
def test_the_machine_runs_under_a_scheduler_of_programs() -> None:
    """Every task is scheduled by a sched_ext scheduler, and by the kernel's own after closing."""
    state = Path("/sys/kernel/sched_ext/state")
    with load_text(SCHEDULER) as c:
        with c.attach_struct_ops("mine"):
            assert state.read_text().strip() == "enabled"
            for _ in range(20):
                time.sleep(0.005)
            assert stored(c)[0] > 0
        deadline = time.monotonic() + 10
        while state.read_text().strip() != "disabled" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert state.read_text().strip() == "disabled"


QDISC = """
void bpf_qdisc_skb_drop(struct sk_buff *p, struct bpf_sk_buff_ptr *to_free_list) __ksym;
SEC("struct_ops/mine_enqueue")
int BPF_PROG(mine_enqueue, struct sk_buff *skb, struct Qdisc *sch,
             struct bpf_sk_buff_ptr *to_free) {
    __sync_fetch_and_add(&out[0], 1);
    bpf_qdisc_skb_drop(skb, to_free);
    return NET_XMIT_DROP;
}
SEC("struct_ops/mine_dequeue") struct sk_buff *BPF_PROG(mine_dequeue, struct Qdisc *sch) {
    return NULL;
}
SEC("struct_ops/mine_init")
int BPF_PROG(mine_init, struct Qdisc *sch, struct nlattr *opt,
             struct netlink_ext_ack *extack) { return 0; }
SEC("struct_ops/mine_reset") void BPF_PROG(mine_reset, struct Qdisc *sch) { }
SEC("struct_ops/mine_destroy") void BPF_PROG(mine_destroy, struct Qdisc *sch) { }
SEC(".struct_ops") struct Qdisc_ops mine = {
    .enqueue = (void *)mine_enqueue, .dequeue = (void *)mine_dequeue, .init = (void *)mine_init,
    .reset = (void *)mine_reset, .destroy = (void *)mine_destroy, .id = "bpf_mine",
};
"""


@contextlib.contextmanager
def qdisc(device: str, kind: str) -> Iterator[None]:
    subprocess.run(["tc", "qdisc", "add", "dev", device, "root", kind], check=True)
    try:
        yield
    finally:
        subprocess.run(["tc", "qdisc", "del", "dev", device, "root"], check=True)


@case("links/struct_ops/qdisc", kernel="6.16", feature="struct_ops/qdisc_ops", config="NET_SCH_BPF")
def test_packets_pass_a_queueing_discipline_of_programs() -> None:
    """A device's packets are queued, here dropped, by a queueing discipline of programs."""
    with (
        veth_pair() as (near, _),
        load_text(QDISC) as c,
        c.attach_struct_ops("mine"),
        qdisc(near, "bpf_mine"),
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw,
    ):
        raw.bind((near, 0))
        with contextlib.suppress(OSError):  # what is dropped may be told to the sender
            raw.send(b"\xff" * 12 + b"\x08\x00" + bytes(46))
        assert stored(c)[0] > 0
