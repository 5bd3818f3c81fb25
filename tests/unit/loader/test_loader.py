from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from bpfkit.errors import LoadError, SyscallError, VerifierError
from bpfkit.loader import load_object
from bpfkit.obj.spec import MapSpec, ObjectSpec, ProgramSpec, Reloc, RelocKind
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType, MapType, ProgType
from bpfkit.uapi.insn import CALL, EXIT, LD_IMM64, MOV64_IMM, Insn
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

RETURN = Insn(MOV64_IMM).encode() + Insn(EXIT).encode()
WITH_MAP = Insn(LD_IMM64, 1).encode() + bytes(8) + RETURN
COUNTS = MapSpec("counts", MapType.HASH, 4, 8, 10)


def object_of(*programs: ProgramSpec, **maps: MapSpec) -> ObjectSpec:
    return ObjectSpec("GPL", {p.name: p for p in programs}, maps)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return fake_system(tmp_path, "5.10.262")[0]


@pytest.fixture
def calls(system: System) -> FakeSyscalls:
    assert isinstance(system.syscalls, FakeSyscalls)
    return system.syscalls


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_program_gets_the_descriptor_of_its_map(system: System, calls: FakeSyscalls) -> None:
    hello = ProgramSpec(
        "hello", "xdp", WITH_MAP, ProgType.XDP, relocs=(Reloc(0, RelocKind.MAP, "counts"),)
    )
    with load_object(object_of(hello, counts=COUNTS), system) as loaded:
        loaded.load_program("hello").close()
        fd = loaded.maps["counts"].fileno()
    _, registers, _, imm = struct.unpack_from("<BBhi", calls.programs[0].insns)
    assert (registers, imm) == (0x11, fd)


def test_what_a_program_is_may_be_told_when_it_is_loaded(
    system: System, calls: FakeSyscalls
) -> None:
    spec = object_of(ProgramSpec("kprobe__vfs_read", ".bpf.fn.kprobe__vfs_read", RETURN))
    with load_object(spec, system) as loaded:
        with pytest.raises(LoadError, match="does not tell what program"):
            loaded.load_program("kprobe__vfs_read")
        with loaded.load_program("kprobe__vfs_read", ProgType.KPROBE) as program:
            assert program.type is ProgType.KPROBE
            assert program.name == "kprobe__vfs_read"
    request = calls.programs[0]
    assert (request.type, request.name) == (ProgType.KPROBE, "vfs_read")
    assert request.kern_version == 5 << 16 | 10 << 8 | 255


def test_an_attach_type_of_number_zero_is_kept(system: System, calls: FakeSyscalls) -> None:
    spec = object_of(
        ProgramSpec("f", "cgroup_skb/egress", RETURN, ProgType.CGROUP_SKB,
                    AttachType.CGROUP_INET_EGRESS)
    )  # fmt: skip
    with load_object(spec, system) as loaded:
        loaded.load_program("f", attach_type=AttachType.CGROUP_INET_INGRESS).close()
    assert calls.programs[0].expected_attach_type == AttachType.CGROUP_INET_INGRESS


def test_maps_that_were_made_are_closed_when_one_fails(system: System, calls: FakeSyscalls) -> None:
    calls.refuse_map = lambda request: errno.EINVAL if request.value_size == 9 else 0
    before = open_descriptors()
    bad = MapSpec("bad", MapType.HASH, 4, 9, 10)
    with pytest.raises(SyscallError, match="map 'bad': EINVAL"):
        load_object(object_of(counts=COUNTS, bad=bad), system)
    assert open_descriptors() == before


def test_closing_an_object_leaves_nothing_open(system: System) -> None:
    before = open_descriptors()
    loaded = load_object(object_of(counts=COUNTS), system)
    loaded.close()
    loaded.close()
    assert open_descriptors() == before


def test_a_refused_program_brings_its_log(system: System, calls: FakeSyscalls) -> None:
    calls.refuse_program = lambda request: errno.EACCES
    calls.verifier_log = "; *v += 1; @ a.c:3\n3: (79) r1 = *(u64 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'\nprocessed 4 insns\n"  # noqa: E501
    spec = object_of(ProgramSpec("f", "xdp", RETURN, ProgType.XDP))
    with load_object(spec, system) as loaded, pytest.raises(VerifierError) as caught:
        loaded.load_program("f")
    error = caught.value
    assert error.errno == errno.EACCES
    assert error.log == calls.verifier_log
    assert "NULL" in error.hint
    assert "invalid mem access" in str(error)


def test_a_log_that_does_not_fit_is_asked_for_again(system: System, calls: FakeSyscalls) -> None:
    calls.refuse_program = lambda request: errno.EACCES
    calls.verifier_log = "R0 !read_ok\n" * 100_000
    spec = object_of(ProgramSpec("f", "xdp", RETURN, ProgType.XDP))
    with load_object(spec, system) as loaded, pytest.raises(VerifierError) as caught:
        loaded.load_program("f")
    assert caught.value.log == calls.verifier_log
    assert calls.log_sizes == sorted(set(calls.log_sizes))


def test_without_a_log_the_kernels_errno_is_the_answer(system: System, calls: FakeSyscalls) -> None:
    calls.refuse_program = lambda request: errno.EPERM
    spec = object_of(ProgramSpec("f", "xdp", RETURN, ProgType.XDP))
    with load_object(spec, system) as loaded:
        with pytest.raises(SyscallError, match="program 'f': EPERM") as caught:
            loaded.load_program("f")
        assert not isinstance(caught.value, VerifierError)


def test_a_function_of_the_kernel_is_not_there_without_its_types(system: System) -> None:
    call = Insn(CALL, src_reg=1, imm=-1).encode() + RETURN
    reloc = Reloc(0, RelocKind.EXTERN, "bpf_rcu_read_lock")
    spec = object_of(ProgramSpec("f", "xdp", call, ProgType.XDP, relocs=(reloc,)))
    with load_object(spec, system) as loaded, pytest.raises(Exception, match="BTF"):
        loaded.load_program("f")


def test_an_unknown_program_is_a_key_error(system: System) -> None:
    with load_object(object_of(), system) as loaded, pytest.raises(KeyError):
        loaded.load_program("nothing")
