"""Loading objects and running programs on the kernel of this machine."""

from __future__ import annotations

import pytest

from bpfkit.compiler.api import compile_c
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.errors import LoadError, SyscallError, VerifierError
from bpfkit.features.helpers import probe_helper
from bpfkit.features.probe import Support
from bpfkit.handles.ids import programs
from bpfkit.loader import LoadedObject, load_object
from bpfkit.obj.read import read_object
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.insn import EXIT, LD_IMM64, MOV64_IMM, Insn

pytestmark = pytest.mark.kernel
PACKET = bytes(64)


def load(system: System, text: str) -> LoadedObject:
    compiled = compile_c(Source(text, "test.c"), Target(kernel=system.facts))
    return load_object(read_object(compiled.elf), system)


def test_a_hand_made_program_runs(system: System) -> None:
    insns = Insn(MOV64_IMM, imm=2).encode() + Insn(EXIT).encode()
    with system.syscalls.prog_load(ProgLoad(ProgType.XDP, insns, name="pass")) as fd:
        info = system.syscalls.prog_info(fd.fileno())
        assert (info.type, info.name) == (ProgType.XDP, "pass")
        assert info.id in {found.id for found in programs(system)}


def test_a_program_counts_and_calls_and_reads_its_data(system: System) -> None:
    text = """
    BPF_ARRAY(counts, u64, 4);
    static volatile const int step = 3;
    static volatile int total = 5;
    static __attribute__((__noinline__)) int more(int x) { return x + step + total; }
    int count(struct xdp_md *ctx) {
        int key = 1;
        u64 *value = counts.lookup(&key);
        if (value) *value += more(1);
        total += 1;
        return XDP_PASS;
    }
    """
    with load(system, text) as loaded:
        assert loaded.btf_refusal == ""
        with loaded.load_program("count", ProgType.XDP) as program:
            assert program.test_run(PACKET, repeat=3).retval == 2
            assert program.info().type == ProgType.XDP
        counts = loaded.maps["counts"]
        found = counts.lookup((1).to_bytes(4, "little")) or b""
        assert int.from_bytes(found, "little") == 9 + 10 + 11


def test_types_of_maps_reach_the_kernel(system: System) -> None:
    text = """
    struct key { u32 a; u32 b; };
    BPF_HASH(seen, struct key, u64);
    int f(struct xdp_md *ctx) {
        struct key k = {}; u64 one = 1; seen.update(&k, &one); return XDP_PASS;
    }
    """
    with load(system, text) as loaded:
        info = loaded.maps["seen"].info()
        assert info.btf_id
        assert info.key_type_id
        with loaded.load_program("f", ProgType.XDP) as program:
            assert program.info().btf_id == info.btf_id


def test_a_refused_program_names_the_line_and_says_what_to_do(system: System) -> None:
    text = """
    BPF_HASH(seen, u32, u64);
    int careless(struct xdp_md *ctx) {
        u32 key = 1;
        u64 *value = seen.lookup(&key);
        *value += 1;
        return XDP_PASS;
    }
    """
    with load(system, text) as loaded, pytest.raises(VerifierError) as caught:
        loaded.load_program("careless", ProgType.XDP)
    error = caught.value
    assert error.program == "careless"
    assert "NULL" in error.hint
    assert "value" in error.summary
    assert "map_value_or_null" in error.log


def test_functions_of_the_kernel_are_called(system: System) -> None:
    if not system.facts.btf.by_name("bpf_rcu_read_lock"):
        pytest.skip("bpf_rcu_read_lock came with Linux 6.2")
    text = """
    extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));
    extern void bpf_rcu_read_unlock(void) __attribute__((section(".ksyms")));
    extern int not_in_any_kernel(int) __attribute__((section(".ksyms"), weak));
    int f(struct xdp_md *ctx) {
        bpf_rcu_read_lock();
        bpf_rcu_read_unlock();
        if (not_in_any_kernel)
            return not_in_any_kernel(1);
        return XDP_TX;
    }
    """
    with load(system, text) as loaded, loaded.load_program("f", ProgType.XDP) as program:
        assert program.test_run(PACKET).retval == 3


def test_a_function_no_kernel_has_is_named(system: System) -> None:
    text = """
    extern int not_in_any_kernel(int) __attribute__((section(".ksyms")));
    int f(struct xdp_md *ctx) { return not_in_any_kernel(1); }
    """
    with load(system, text) as loaded, pytest.raises(LoadError, match="not_in_any_kernel"):
        loaded.load_program("f", ProgType.XDP)


def test_a_function_is_called_back(system: System) -> None:
    if system.features.get("helper/bpf_loop") is not Support.YES:
        pytest.skip("bpf_loop came with Linux 5.17")
    text = """
    BPF_ARRAY(sum, u64, 1);
    static int add(u32 i, void *context) {
        int key = 0;
        u64 *value = sum.lookup(&key);
        if (value) *value += i;
        return 0;
    }
    int f(struct xdp_md *ctx) { bpf_loop(10, add, (void *)0, 0); return XDP_PASS; }
    """
    with load(system, text) as loaded, loaded.load_program("f", ProgType.XDP) as program:
        program.test_run(PACKET)
        assert loaded.maps["sum"].lookup(bytes(4)) == (45).to_bytes(8, "little")


def test_the_same_object_is_loaded_as_what_it_is_attached_as(system: System) -> None:
    text = "int f(void *ctx) { return 0; }"
    with load(system, text) as loaded:
        for kind in (ProgType.KPROBE, ProgType.TRACEPOINT, ProgType.RAW_TRACEPOINT):
            with loaded.load_program("f", kind) as program:
                assert program.info().type == kind
        with pytest.raises(LoadError, match="does not tell"):
            loaded.load_program("f")


def test_a_program_that_is_no_code_is_refused_without_an_explanation(system: System) -> None:
    with pytest.raises(SyscallError, match="program 'bad': EINVAL"):
        system.syscalls.prog_load(ProgLoad(ProgType.XDP, Insn(LD_IMM64).encode(), name="bad"))


def test_helpers_are_told_apart(system: System) -> None:
    ask = system.syscalls, system.facts
    assert probe_helper(*ask, 1) is Support.YES
    assert probe_helper(*ask, 100_000) is Support.NO
    assert probe_helper(*ask, 51, ProgType.XDP) is Support.YES  # bpf_redirect_map
    assert probe_helper(*ask, 51, ProgType.TRACEPOINT) is Support.NO
