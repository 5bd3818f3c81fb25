"""Objects of both dialects as libbpf itself takes them: ``bpftool prog loadall``.

bpftool serves as the judge only; nothing of the product uses it. By hand:

    python -m bpfkit compile tool.bpf.c -o tool.o
    bpftool prog loadall tool.o /sys/fs/bpf/tool
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.collection import compile_text
from bpfkit.system import System

TOOLS = Path(__file__).resolve().parents[2] / "data" / "tools"
BPFTOOL = shutil.which("bpftool")
# Programs that replace or watch kernel functions need rights that containers often do not give.
_TRAMPOLINES = re.compile(r"\b(?:(?:MODULE_)?K(?:RET)?FUNC_PROBE|KMOD_RET|LSM_PROBE)\s*\(")
BCC_TEXTS = sorted(path for path in TOOLS.glob("*.c") if not _TRAMPOLINES.search(path.read_text()))

HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/usdt.bpf.h>
char LICENSE[] SEC("license") = "GPL";
"""

LIBBPF_TEXTS = {
    "core": """
        SEC("tp_btf/sched_switch")
        int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
            if (bpf_core_field_exists(prev->mm) && bpf_core_type_exists(struct mm_struct))
                return prev->pid + BPF_CORE_READ(next, real_parent, tgid)
                    + bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH)
                    + BPF_CORE_READ_BITFIELD_PROBED(next, sched_reset_on_fork);
            return bpf_core_type_size(struct task_struct);
        }
    """,
    "maps": """
        struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int);
                       __type(value, long); } first SEC(".maps");
        struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4);
                 __type(key, int); __array(values, struct inner); } outer SEC(".maps") = {
            .values = { [2] = &first } };
        struct locked { struct bpf_spin_lock lock; u64 n; };
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, u32);
                 __type(value, struct locked); } locks SEC(".maps");
        SEC("xdp") int program(struct xdp_md *ctx) {
            u32 key = 2; struct locked *l = bpf_map_lookup_elem(&locks, &key);
            if (!l) return bpf_map_lookup_elem(&outer, &key) ? XDP_PASS : XDP_DROP;
            bpf_spin_lock(&l->lock); l->n++; bpf_spin_unlock(&l->lock);
            return XDP_PASS;
        }
    """,
    "tail-calls": """
        int target(struct __sk_buff *skb);
        struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4);
                 __uint(key_size, 4); __array(values, int (void *)); } jumps SEC(".maps") = {
            .values = { [1] = (void *)&target } };
        SEC("tc") int target(struct __sk_buff *skb) { return 7; }
        SEC("tc") int program(struct __sk_buff *skb) {
            bpf_tail_call_static(skb, &jumps, 1); return 0; }
    """,
    "globals": """
        const volatile int wanted; int data = 5; static long zero; int own SEC(".data.own") = 3;
        static const char names[2][4] = { "a", "b" };
        SEC("tc") int program(struct __sk_buff *skb) {
            zero += data + own + wanted; return zero + names[skb->len & 1][0]; }
    """,
    "subprograms": """
        static long add(u32 i, long *sum) { *sum += i; return 0; }
        __weak int one(int a) { return a + 1; }
        __hidden __noinline int two(int *p) { return *p + 2; }
        __noinline int three(struct __sk_buff *skb, int more) { return skb->len + more; }
        SEC("tc") int program(struct __sk_buff *skb) {
            long sum = 0; int n = 4; bpf_loop(4, add, &sum, 0);
            return sum + one(n) + two(&n) + three(skb, n); }
    """,
    "externs": """
        extern int LINUX_KERNEL_VERSION __kconfig; extern bool CONFIG_BPF_SYSCALL __kconfig;
        extern enum libbpf_tristate CONFIG_NET __kconfig __weak;
        extern char CONFIG_NO __kconfig __weak;
        extern const void no_such_symbol __ksym __weak;
        extern int bpf_no_such_function(int a) __ksym __weak;
        extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
        extern void bpf_task_release(struct task_struct *p) __ksym __weak;
        SEC("tp_btf/sys_enter") int BPF_PROG(program, struct pt_regs *regs, long id) {
            struct task_struct *task;
            if (bpf_ksym_exists(bpf_no_such_function)) return bpf_no_such_function(1);
            task = bpf_ksym_exists(bpf_task_from_pid) ? bpf_task_from_pid(1) : NULL;
            if (task) bpf_task_release(task);
            return LINUX_KERNEL_VERSION + CONFIG_BPF_SYSCALL + CONFIG_NET + CONFIG_NO
                + !!&no_such_symbol; }
    """,
    "registers": """
        SEC("kprobe/vfs_read") int BPF_KPROBE(entry, void *file, char *buf, size_t count) {
            return count + PT_REGS_PARM2(ctx) + PT_REGS_PARM1_CORE(ctx) + PT_REGS_IP(ctx); }
        SEC("kretprobe/vfs_read") int BPF_KRETPROBE(leave, long result) { return result; }
        SEC("ksyscall/openat") int BPF_KSYSCALL(call, int fd, char *path) {
            return fd + PT_REGS_PARM3_CORE_SYSCALL(PT_REGS_SYSCALL_REGS(ctx)); }
        SEC("uprobe") int BPF_UPROBE(user, int a, long b) { return a + b; }
    """,
    "usdt": """
        SEC("usdt") int BPF_USDT(program, int a, char *b) {
            long c = 0; bpf_usdt_arg(ctx, 2, &c);
            return a + (long)b + c + bpf_usdt_arg_cnt(ctx) + bpf_usdt_cookie(ctx); }
    """,
    "loops": """
        SEC("tc") int program(struct __sk_buff *skb) {
            int i, sum = 0; bpf_for(i, 0, 100) { if (i == skb->len) break; sum += i; }
            bpf_printk("%d", sum); bpf_printk("%d %d %d %d", sum, 1, 2, 3);
            return sum; }
    """,
    "tags": """
        #define TAG(x) __attribute__((btf_decl_tag(x)))
        struct kept { struct task_struct __kptr *task; int a TAG("member"); };
        struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
                 __type(value, struct kept); } slot SEC(".maps");
        __noinline int take(struct kept *p TAG("parameter")) { return p ? p->a : 0; }
        SEC("tc") int program(struct __sk_buff *skb) {
            u32 key = 0; struct kept *k = bpf_map_lookup_elem(&slot, &key); return k ? k->a : 0; }
    """,
}

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(BPFTOOL is None, reason="bpftool is not installed"),
]


@pytest.fixture(scope="module")
def system() -> System:
    return System.live()


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A BPF file system of the test's own."""
    subprocess.run(["mount", "-t", "bpf", "bpf", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def load_with_libbpf(elf: bytes, pins: Path, place: Path) -> list[str]:
    """Load every program of an object with bpftool; the names of the programs."""
    assert BPFTOOL is not None
    place.write_bytes(elf)
    done = subprocess.run(
        [BPFTOOL, "prog", "loadall", str(place), str(pins / "all")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sorted(path.name for path in (pins / "all").iterdir())


@pytest.mark.parametrize("name", LIBBPF_TEXTS)
def test_libbpf_loads_objects_of_its_dialect(
    name: str, pins: Path, system: System, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compiled = compile_text(HEAD + LIBBPF_TEXTS[name], name=f"{name}.bpf.c", system=system)
    place = tmp_path_factory.mktemp("object") / "tool.o"
    assert load_with_libbpf(compiled.elf, pins, place)


@pytest.mark.parametrize("path", BCC_TEXTS, ids=lambda path: path.stem)
def test_libbpf_loads_objects_of_bccs_dialect(
    path: Path, pins: Path, system: System, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compiled = compile_text(path.read_text(), name=path.name, system=system)
    place = tmp_path_factory.mktemp("object") / "tool.o"
    assert load_with_libbpf(compiled.elf, pins, place)
