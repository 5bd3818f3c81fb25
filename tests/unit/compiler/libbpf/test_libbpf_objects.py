"""What texts of libbpf's dialect become: programs, maps, externs, tags and relocations."""

from __future__ import annotations

import pytest

from bpfkit.btf.types import DeclTag, Func, TypeTag, Var
from bpfkit.compiler.sections import section_of
from bpfkit.errors import CompileError
from bpfkit.obj.read import read_object
from bpfkit.obj.spec import ObjectSpec, RelocKind
from bpfkit.uapi.bpf import MapType
from bpfkit.uapi.btf import FuncLinkage
from tests.unit.compiler.libbpf.small_kernel import HEAD, compiled, object_of
from tests.unit.compiler.lower.trees import function, param, pointer, record


def function_linkage(spec: ObjectSpec, name: str) -> FuncLinkage:
    assert spec.btf is not None
    return next(t.linkage for _, t in spec.btf if isinstance(t, Func) and t.name == name)


def test_maps_have_their_attributes() -> None:
    spec = object_of(
        """
        struct key { u32 a; u64 b; };
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 7); __type(key, struct key);
                 __type(value, u16); __uint(map_flags, 1); __uint(numa_node, 0);
                 __ulong(map_extra, 1ULL << 44); __uint(pinning, LIBBPF_PIN_BY_NAME);
        } named SEC(".maps");
        SEC("xdp") int f(void *ctx) { struct key k = {}; return !bpf_map_lookup_elem(&named, &k); }
        """
    )
    found = spec.maps["named"]
    assert (found.type, found.key_size, found.value_size) == (MapType.HASH, 16, 2)
    assert (found.max_entries, found.flags, found.numa_node) == (7, 1, 0)
    assert (found.extra, found.pin_path) == (1 << 44, "/sys/fs/bpf/named")


def test_maps_of_maps_and_of_programs_hold_what_their_initialisers_say() -> None:
    spec = object_of(
        """
        struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
                       __type(value, u64); } first SEC(".maps"), second SEC(".maps");
        struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4);
                 __type(key, u32); __array(values, struct inner);
        } outer SEC(".maps") = { .values = { [3] = &second, [1] = &first } };
        int target(void *ctx);
        struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2);
                 __uint(key_size, 4); __array(values, int (void *));
        } jumps SEC(".maps") = { .values = { [1] = (void *)&target } };
        SEC("xdp") int target(void *ctx) { return 1; }
        SEC("xdp") int f(void *ctx) {
            u32 k = 0; bpf_tail_call_static(ctx, &jumps, 1);
            return !bpf_map_lookup_elem(&outer, &k); }
        """
    )
    assert spec.maps["outer"].slots == ((1, "first"), (3, "second"))
    inner = spec.maps["outer"].inner
    assert inner is not None
    assert (inner.type, inner.value_size) == (MapType.ARRAY, 8)
    assert spec.maps["jumps"].slots == ((1, "target"),)
    assert spec.maps["jumps"].value_size == 4


def test_kconfig_externs_are_places_in_a_map() -> None:
    spec = object_of(
        """
        extern int LINUX_KERNEL_VERSION __kconfig; extern bool CONFIG_X __kconfig __weak;
        SEC("xdp") int f(void *ctx) { return LINUX_KERNEL_VERSION + CONFIG_X; }
        """
    )
    found = {v.name: v for v in spec.kconfig}
    assert (found["LINUX_KERNEL_VERSION"].weak, found["CONFIG_X"].weak) == (False, True)
    relocs = {(r.kind, r.symbol, r.addend) for r in spec.programs["f"].relocs}
    assert relocs == {(RelocKind.DATA, ".kconfig", v.offset) for v in spec.kconfig}
    assert spec.maps[".kconfig"].frozen


def test_tags_reach_the_types_of_the_object() -> None:
    spec = object_of(
        """
        #define TAG(x) __attribute__((btf_decl_tag(x)))
        struct tagged { int a TAG("member"); struct task_struct __kptr *t; } TAG("record");
        typedef struct tagged named TAG("typedef");
        int value TAG("global") TAG("second") = 4;
        __noinline TAG("function") int take(named *p TAG("parameter")) { return p ? p->a : 0; }
        SEC("xdp") int f(void *ctx) { named n = { value }; return take(&n); }
        """
    )
    assert spec.btf is not None
    tags = {(t.name, t.component) for _, t in spec.btf if isinstance(t, DeclTag)}
    assert tags == {
        ("member", 0), ("record", -1), ("typedef", -1), ("global", -1), ("second", -1),
        ("function", -1), ("parameter", 0),
    }  # fmt: skip
    assert {t.name for _, t in spec.btf if isinstance(t, TypeTag)} == {"kptr"}


def test_hidden_functions_are_static_to_the_verifier() -> None:
    spec = object_of(
        """
        __hidden __noinline int hidden(int *p) { return *p; }
        __noinline int seen(int a) { return a; } __weak int weak(int a) { return a + 1; }
        static __noinline int own(int a) { return a + 2; }
        SEC("xdp") int f(void *ctx) { int a = 1; return hidden(&a) + seen(a) + weak(a) + own(a); }
        """
    )
    linkages = [function_linkage(spec, n) for n in ("hidden", "seen", "weak", "own")]
    assert linkages == [
        FuncLinkage.STATIC, FuncLinkage.GLOBAL, FuncLinkage.GLOBAL, FuncLinkage.STATIC,
    ]  # fmt: skip
    assert set(spec.functions) == {"hidden", "seen", "weak", "own"}


def test_globals_keep_names_sections_and_alignment() -> None:
    spec = object_of(
        """
        u8 before; int placed __attribute__((aligned(64))) = 4; static long counted;
        const volatile int given; int own SEC(".data.own") = 3; __hidden int unseen = 5;
        SEC("xdp") int f(void *ctx) {
            counted++; return before + placed + given + own + unseen + counted; }
        """
    )
    offsets = {n: s.offsets for n, s in spec.sections.items()}
    assert offsets[".data"]["placed"] % 64 == 0
    assert {"placed", "unseen"} <= offsets[".data"].keys()
    assert {"before", "counted"} <= offsets[".bss"].keys()
    assert "given" in offsets[".rodata"]
    assert "own" in offsets[".data.own"]


def test_questions_become_relocations() -> None:
    spec = object_of(
        """
        typedef int alias; struct missing { int a; };
        SEC("raw_tp/x") int f(void *ctx) {
            struct task_struct *t = (void *)bpf_get_current_task();
            return bpf_core_field_exists(t->pid) + bpf_core_field_size(struct task_struct, comm)
                + bpf_core_field_offset(t->tgid) + bpf_core_type_exists(alias)
                + bpf_core_type_size(struct missing) + bpf_core_type_matches(struct missing)
                + bpf_core_type_id_local(struct missing)
                + bpf_core_type_id_kernel(struct task_struct)
                + bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF)
                + bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_HASH)
                + BPF_CORE_READ(t, real_parent, cred, uid)
                + BPF_CORE_READ_BITFIELD_PROBED(t, flags);
        }
        """
    )
    kinds = [r.kind for r in spec.programs["f"].core_relocs]
    assert set(range(13)) - {3} <= set(kinds)  # all of enum bpf_core_relo_kind but "signed"
    assert kinds.count(0) >= 4


def test_loops_over_iterators_clean_up() -> None:
    spec = object_of(
        """
        SEC("xdp") int f(void *ctx) {
            int i, sum = 0;
            bpf_for(i, 0, 9) { if (i == 3) return sum; sum += i; }
            bpf_repeat(3) sum++;
            return sum; }
        """
    )
    called = [r.symbol for r in spec.programs["f"].relocs if r.kind is RelocKind.EXTERN]
    assert called.count("bpf_iter_num_new") == 2
    assert called.count("bpf_iter_num_destroy") >= 2


@pytest.mark.parametrize(
    ("license", "expected"),
    [
        pytest.param("", "", id="none"),
        pytest.param('char _l[] SEC("license") = "MIT";', "MIT", id="own"),
    ],
)
def test_the_license_is_the_texts_own(license: str, expected: str) -> None:
    head = HEAD.replace('char LICENSE[] SEC("license") = "GPL";', "")
    found = compiled(f'{license} SEC("xdp") int f(void *ctx) {{ return 0; }}', head=head)
    assert read_object(found.elf).license == expected


def test_a_cleanup_inside_an_expression_is_refused() -> None:
    with pytest.raises(CompileError, match="cleanup inside a statement expression"):
        compiled(
            """
            static void done(int *p) { *p = 0; }
            SEC("xdp") int f(void *ctx) {
                return ({ int a __attribute__((cleanup(done))) = 1; a; }); }
            """
        )


def test_every_jump_out_of_a_block_cleans_up() -> None:
    ir = compiled(
        """
        static __noinline void done(int *p) { if (p) *p = 0; }
        #define DONE __attribute__((cleanup(done)))
        SEC("xdp") int f(void *ctx) {
            int n = 0, i = 0;
            { int a DONE = 1; switch (n) { case 0: { int b DONE = 2; break; } default: n++; } }
            while (i++ < 3) { int c DONE = 3; if (i == 1) continue; else n++; }
            do { int d DONE = 4; if (n) goto out; } while (0);
        out:
            for (int e DONE = 0; e < 2; e++) n++;
            if (n) { int g DONE = 5; return n; }
            return 0; }
        """
    ).ir
    # Six ends of blocks, and a break, a continue, a goto and a return.
    assert ir.count("call void @done(") == 10


@pytest.mark.parametrize(
    ("name", "context", "section"),
    [
        pytest.param("kprobe__vfs_read", "pt_regs", "kprobe/vfs_read", id="kprobe"),
        pytest.param("kretprobe__f", "pt_regs", "kretprobe/f", id="kretprobe"),
        pytest.param("tracepoint__a__b_c", "x", "tracepoint/a/b_c", id="tracepoint"),
        pytest.param("raw_tracepoint__x", "x", "raw_tracepoint/x", id="raw"),
        pytest.param("kfunc__vmlinux__f", "x", "fentry/f", id="fentry"),
        pytest.param("kretfunc__ext4__f", "x", "fexit/f", id="fexit-of-a-module"),
        pytest.param("kmod_ret__f", "x", "fmod_ret/f", id="fmod-ret"),
        pytest.param("lsm__bpf", "x", "lsm/bpf", id="lsm"),
        pytest.param("bpf_iter__task", "x", "iter/task", id="iterator"),
        pytest.param("syscall__execve", "pt_regs", "ksyscall/execve", id="system-call"),
        pytest.param("f", "xdp_md", "xdp", id="xdp"),
        pytest.param("f", "__sk_buff", "tc", id="socket-buffer"),
        pytest.param("f", "tracepoint__sched__sched_switch", "tracepoint/sched/sched_switch",
                     id="tracepoint-structure"),
        pytest.param("f", "mine", ".bpf.fn.f", id="unknown"),
        pytest.param("kprobe__", "mine", ".bpf.fn.kprobe__", id="prefix-alone"),
    ],
)  # fmt: skip
def test_bccs_programs_are_put_where_libbpf_looks(name: str, context: str, section: str) -> None:
    parameter = param("ctx", pointer(record(context, 8, [])))
    assert section_of(function(name, [parameter], []), name) == section


def test_a_program_without_parameters_or_with_its_own_section_is_left_alone() -> None:
    assert section_of(function("f", [], []), "f") == ".bpf.fn.f"
    given = function("f", [], [])
    given.section = "xdp/mine"
    assert section_of(given, "f") == "xdp/mine"


def test_variables_are_described_once() -> None:
    spec = object_of('int a = 1; SEC("xdp") int f(void *ctx) { return a++; }')
    assert spec.btf is not None
    assert [t.name for _, t in spec.btf if isinstance(t, Var)].count("a") == 1
