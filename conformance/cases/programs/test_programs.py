"""Loaded programs: information, test runs, statistics, pins, ids, tokens."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from pathlib import Path

import pytest

from bpfkit.collection import load
from bpfkit.errors import NotSupportedError, SyscallError
from bpfkit.handles.token import create_token
from bpfkit.programs.opening import open_program_id, open_program_pin
from bpfkit.programs.stats import count_runs
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.bpf import TestRunFlag as RunFlag
from conformance.case import case
from conformance.delegation import in_namespace
from conformance.libbpf import PACKET, load_text, stored

XDP = """
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, u32);
         __type(value, u64); } table SEC(".maps");
__attribute__((noinline)) int count(u32 key) {
    u64 one = 1; bpf_map_update_elem(&table, &key, &one, 0); return 0;
}
SEC("xdp") int program(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    u8 *first = data;
    if (first + 1 > end) return XDP_ABORTED;
    *first += 1;
    OUT(0, out[0] + 1);
    return count(1) ? XDP_DROP : XDP_PASS;
}
"""
CLASSIFIER = """
SEC("tc") int program(struct __sk_buff *skb) {
    OUT(0, skb->mark); OUT(1, bpf_get_smp_processor_id());
    skb->mark = skb->mark + 1;
    return 7;
}
"""
MARK = 8  # offset of mark in struct __sk_buff
SKB_BYTES = 192


@case("programs/info", kernel="5.5", feature="program_type/xdp")
def test_the_kernel_tells_all_about_a_program() -> None:
    """A program's information has its maps, functions, code sizes, load time and types."""
    with load_text(XDP) as c:
        program = c.load_program("program")
        info, code = program.info(), program.code()
        assert info.type == ProgType.XDP
        assert info.name == "program"
        assert c.maps["table"].info().id in info.map_ids
        assert info.gpl_compatible
        assert info.uid == os.getuid()
        assert info.load_time_ns > 0
        assert info.btf_id > 0
        assert len(info.function_tags) == len(info.jited_function_bytes) == info.function_infos == 2
        assert all(map(any, (*info.function_tags, info.tag)))
        assert sum(info.jited_function_bytes) == info.jited_bytes == len(code.jited)
        assert len(code.xlated) == info.xlated_bytes
        assert info.line_infos > 0
        assert info.jited_line_infos >= info.line_infos
        assert all(info.jited_addresses)


@case("programs/test-run/data", kernel="4.12", feature="program_type/xdp")
def test_a_test_run_gives_the_packet_back() -> None:
    """A test run repeats a program on a packet and gives back the packet and the mean time."""
    with load_text(XDP) as c:
        ran = c.load_program("program").test_run(PACKET, repeat=5, data_out=len(PACKET))
        assert ran.retval == 2
        assert ran.data == bytes([5, *PACKET[1:]])
        assert stored(c) == [5]
        with pytest.raises(SyscallError, match=r"ENOSPC.*room for"):
            c.load_program("program").test_run(PACKET, data_out=4)


@case("programs/test-run/context", kernel="5.2", feature="program_type/sched_cls")
def test_a_test_run_takes_and_gives_a_context() -> None:
    """A test run on a packet takes a context, and gives back what the program made of it."""
    with load_text(CLASSIFIER, 2) as c:
        context = bytearray(SKB_BYTES)
        struct.pack_into("=I", context, MARK, 41)
        ran = c.load_program("program").test_run(
            PACKET, context=bytes(context), context_out=SKB_BYTES
        )
        assert ran.retval == 7
        assert stored(c)[0] == 41
        assert struct.unpack_from("=I", ran.context, MARK) == (42,)


@case("programs/test-run/cpu", kernel="5.10", feature="program_type/raw_tracepoint")
def test_a_test_run_happens_on_a_cpu() -> None:
    """A raw tracepoint program runs on the CPU that is named; one that there is not is an error."""
    text = 'SEC("raw_tp/x") int program(u64 *ctx) { OUT(0, bpf_get_smp_processor_id()); return 3; }'
    with load_text(text) as c:
        program = c.load_program("program")
        last = max(System.live().facts.online_cpu_list)
        assert program.test_run(flags=RunFlag.ON_CPU, cpu=last).retval == 3
        assert stored(c) == [last]
        with pytest.raises(SyscallError, match="no such CPU"):
            program.test_run(flags=RunFlag.ON_CPU, cpu=100_000)


@case("programs/test-run/live-frames", kernel="5.18")
def test_xdp_runs_with_live_frames_in_batches() -> None:
    """XDP test runs with live frames take a batch size."""
    with load_text('SEC("xdp") int program(struct xdp_md *ctx) { OUT(0, 1); return 1; }') as c:
        ran = c.load_program("program").test_run(
            PACKET, repeat=32, flags=RunFlag.XDP_LIVE_FRAMES, batch=8
        )
        assert ran.retval == 0
        assert stored(c) == [1]


@case("programs/statistics", kernel="5.8", feature="map_type/ringbuf")
def test_runs_are_counted_while_somebody_asks() -> None:
    """While run statistics are on, a program's runs and their time are counted, and not after."""
    with load_text('SEC("tp_btf/sys_enter") int program(u64 *ctx) { OUT(0, 1); return 0; }') as c:
        program = c.load_program("program")
        with program.attach():
            with count_runs(System.live()):
                before = program.stats()
                for _ in range(50):
                    os.getpgid(0)
                counted = program.stats()
            os.getpgid(0)
            rest = program.stats()
            for _ in range(50):
                os.getpgid(0)
            assert counted.count - before.count >= 50
            assert counted.time_ns > before.time_ns
            assert counted.mean_ns > 0
            assert program.stats() == rest


@case("programs/pin", kernel="4.4", feature="program_type/xdp")
def test_a_pinned_program_is_opened_again() -> None:
    """A pinned program outlives its collection and runs when it is opened by its name, or id."""
    path = Path("/sys/fs/bpf/bpfkit_case/program")
    system = System.live()
    with load_text(XDP) as c:
        program = c.load_program("program")
        program.pin(path)
        id_ = program.info().id
        with pytest.raises(SyscallError, match="EEXIST"):
            program.pin(path)
    try:
        with open_program_pin(system, path) as pinned, open_program_id(system, id_) as known:
            assert pinned.info().id == known.info().id == id_
            assert (pinned.name, pinned.type) == ("program", ProgType.XDP)
            assert pinned.test_run(PACKET).retval == 2
            assert pinned.unpin(path)
            assert not pinned.unpin(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.parent.rmdir()
    with pytest.raises(SyscallError) as gone:
        open_program_pin(system, path)
    assert gone.value.errno == errno.ENOENT


@case("programs/log-levels", kernel="4.12", feature="program_type/xdp")
def test_the_verifiers_log_of_a_good_program_is_kept_when_asked_for() -> None:
    """With a log level the verifier's log of a program that loads is kept; level 2 tells more."""
    with load_text(XDP) as c:
        with c.load_another("program") as quiet:
            assert quiet.log == ""
        with c.load_another("program", log_level=1) as told:
            assert "processed" in told.log
        with c.load_another("program", log_level=2) as states:
            assert len(states.log) > len(told.log)
            assert "R10=fp0" in states.log


@case("programs/token/refused", kernel="5.10")
def test_why_there_is_no_token_is_told() -> None:
    """Outside of a user namespace there is no BPF token, and the error says why."""
    system = System.live()
    if system.facts.version < (6, 9):
        with pytest.raises(NotSupportedError, match=r"Linux 6\.9"):
            create_token(system)
        return
    with pytest.raises(SyscallError, match="user namespaces other than the first"):
        create_token(system)
    with pytest.raises(SyscallError, match="not the root of a BPF file system"):
        create_token(system, "/proc")


@case("programs/token/delegated", kernel="6.9", config="USER_NS")
def test_a_token_gives_rights_to_a_user_namespace() -> None:
    """In a user namespace a program is loaded by a token from a delegating BPF file system."""
    with load_text(XDP) as c:
        spec = c.spec

    def inside(path: str) -> None:
        with pytest.raises(SyscallError, match="EPERM"):
            load(spec)
        with create_token(System.live(), path) as token:
            system = System.live(token=token)
            with load(spec, system=system) as collection:
                assert collection.load_program("program").test_run(PACKET).retval == 2

    assert in_namespace(inside) == ""
