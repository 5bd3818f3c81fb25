"""From text to plan with a tiny kernel: the ground that tests of both stages stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Btf, Type
from bpfkit.compiler.diagnostics import Diagnostic, Severity
from bpfkit.compiler.dialect.apply import apply_dialect
from bpfkit.compiler.dialect.headers import bcc_headers, bcc_prelude
from bpfkit.compiler.dialect.walk import expressions
from bpfkit.compiler.frontend.parse import parse
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.provenance.plan import Access, Instance, Plan
from bpfkit.compiler.target import Target
from bpfkit.compiler.tree import (
    AddrOf,
    Binary,
    Call,
    Cast,
    CompoundLiteral,
    Decay,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    HelperCall,
    IncDec,
    Index,
    IntLit,
    Load,
    MapDecl,
    Member,
    Unit,
)
from bpfkit.uapi.helpers import HELPERS

TYPES = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64; typedef u8 __u8; typedef u16 __u16; typedef u32 __u32; typedef u64 __u64;
typedef unsigned long size_t; typedef int pid_t; typedef _Bool bool; typedef u16 __be16;
typedef u32 __be32; typedef u32 __wsum; typedef s32 __s32; typedef s64 __s64;
#define NULL ((void *)0)
#define offsetof(T, M) __builtin_offsetof(T, M)
#define container_of(P, T, M) ((T *)((void *)(P) - offsetof(T, M)))
#define ntohs(x) __builtin_bswap16(x)
#define TASK_COMM_LEN 16
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX };
enum { BPF_ANY, BPF_NOEXIST, BPF_EXIST };
enum { BPF_F_USER_STACK = 256 };
"""

# Records as a kernel's BTF gives them: accesses are relocatable.
KERNEL = """
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
    unsigned long cs, flags, sp, ss;
};
struct list_head { struct list_head *next, *prev; };
struct mm_struct { u64 total_vm; u64 locked_vm; };
struct rlimit { u64 rlim_cur, rlim_max; };
struct signal_struct { struct rlimit rlim[16]; };
struct upid { int nr; void *ns; };
struct pid { int count; struct upid numbers[4]; };
struct file { void *f_op; u64 f_pos; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct task_struct {
    int exit_signal; pid_t pid; pid_t tgid; unsigned int in_execve : 1; unsigned int flags;
    struct task_struct *real_parent; struct list_head children; struct list_head sibling;
    struct mm_struct *mm; struct signal_struct *signal; struct files_struct *files;
    struct pid *thread_pid; char comm[16]; const char *name; void *stack;
};
struct sock_common { u16 skc_family; u16 skc_num; __be16 skc_dport; u32 skc_daddr; };
struct sock { struct sock_common __sk_common; int sk_state; };
struct qstr { u32 len; const unsigned char *name; };
struct dentry { struct qstr d_name; struct inode *d_inode; unsigned char d_iname[32]; };
struct inode { unsigned long i_ino; };
struct path { struct dentry *dentry; };
struct kfile { struct path f_path; unsigned int f_mode; };
struct sk_buff { unsigned char *head; u16 transport_header; unsigned int len; };
struct tcphdr { __be16 source, dest; u32 seq; };
struct seq_file { void *private; };
struct bpf_iter_meta { struct seq_file *seq; u64 seq_num; };
struct request { u64 __data_len; u64 start; };
struct vm_area_struct { u64 vm_start, vm_end; };
#pragma clang attribute pop
struct bpf_raw_tracepoint_args { u64 args[0]; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
struct __sk_buff { u32 len, pkt_type, mark, queue_mapping, protocol; };
struct ethhdr { u8 h_dest[6], h_source[6]; __be16 h_proto; } __attribute__((packed));
struct iphdr { u8 vhl, tos; __be16 tot_len; __be16 id, frag; u8 ttl, protocol; u16 check;
               u32 saddr, daddr; };
struct tracepoint__sched__sched_switch {
    u64 __do_not_use__; char prev_comm[16]; pid_t prev_pid; int prev_prio; long long prev_state;
    char next_comm[16]; pid_t next_pid; int next_prio;
};
struct tracepoint__syscalls__sys_enter_openat {
    u64 __do_not_use__; int __syscall_nr; char __pad[4]; u64 dfd; const char *filename; u64 flags;
};
struct tracepoint__sched__sched_process_exec {
    u64 __do_not_use__; int data_loc_filename; pid_t pid; pid_t old_pid;
};
"""


@dataclass
class TinyKernel:
    """Facts of a kernel that exists only here."""

    version: tuple[int, int, int] = (6, 1, 0)
    possible_cpus: int = 8
    online_cpus: int = 4
    options: dict[str, str] = field(
        default_factory=lambda: {"CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "y"}
    )
    types: Sequence[Type] = ()
    """What the kernel's BTF holds, from id 1 on."""

    @property
    def btf(self) -> Btf:
        return decode(encode(self.types))

    def tracepoints(self, category: str) -> list[str]:
        return []

    def tracepoint_format(self, category: str, event: str) -> str | None:
        return None

    def config(self, option: str) -> str | None:
        return self.options.get(option)

    def has_symbol(self, name: str) -> bool:
        return True


def target(dialect: str = "bcc", arch: str = "x86_64", **facts: object) -> Target:
    return Target(kernel=TinyKernel(**facts), arch=arch, dialect=dialect)  # type: ignore[arg-type]


def helper_declarations(*, bcc: bool = True) -> str:
    declared = [h for h in HELPERS if h.name != "bpf_trace_printk" or not bcc]
    return "\n".join(h.declaration(bcc=bcc) for h in declared) + "\n"


def parse_text(text: str, to: Target) -> Unit:
    """The unit of ``text`` before the dialect is applied. Errors of C fail the test."""
    bcc = to.dialect == "bcc"
    prelude = TYPES + KERNEL + helper_declarations(bcc=bcc) + (bcc_prelude(to.arch) if bcc else "")
    unit, diagnostics = parse(
        ParseInput("prog.c", text, prelude=prelude, headers=bcc_headers(), flags=())
    )
    errors = [d.render() for d in diagnostics if d.severity is Severity.ERROR]
    assert not errors, "\n".join(errors)
    return unit


@dataclass
class Result:
    """What the chain gave."""

    unit: Unit
    warnings: list[Diagnostic]
    plan: Plan

    def map(self, name: str) -> MapDecl:
        return next(m for m in self.unit.maps if m.name == name)

    def function(self, name: str) -> FunctionDecl:
        return next(f for f in self.unit.functions if f.name == name)

    def instances(self, name: str) -> list[Instance]:
        return [i for i in self.plan.instances if i.function.name == name]

    def helpers(self, name: str) -> list[HelperCall]:
        """The helper calls of a function, in source order."""
        return [e for e in expressions(self.function(name)) if isinstance(e, HelperCall)]

    def accesses(self, name: str, instance: int = 0) -> dict[str, str]:
        """Access of each pointer that a function goes through, by the pointer's own text.

        What is only used to compute an address is left out.
        """
        found: dict[str, str] = {}
        copy = self.instances(name)[instance]
        addressed = {
            root_of(e.operand) for e in expressions(copy.function) if isinstance(e, (AddrOf, Decay))
        }
        for node in expressions(copy.function):
            if isinstance(node, Deref) and not (
                node in addressed and copy.access(node) is Access.DIRECT
            ):
                text, access = show(node.pointer), str(copy.access(node))
                assert found.setdefault(text, access) == access, f"{text}: two decisions"
        return found


def chain(text: str, to: Target | None = None) -> Result:
    """Text to plan."""
    to = to or target()
    unit = parse_text(text, to)
    warnings = apply_dialect(unit, to) if to.dialect == "bcc" else []
    return Result(unit, warnings, analyse(unit, to))


def root_of(lvalue: Expr) -> Expr:
    """What the address of ``lvalue`` is computed from."""
    while isinstance(lvalue, (Member, Index)):
        lvalue = lvalue.base
    return lvalue


def show(node: Expr) -> str:
    """A pointer expression as C writes it, without conversions."""
    match node:
        case Load():
            return show(node.lvalue)
        case Cast() | Decay():
            return show(node.operand)
        case AddrOf():
            return "&" + show(node.operand)
        case DeclRef():
            return node.decl.name
        case Member(base=Deref(pointer=pointer)):
            return f"{show(pointer)}->{node.field.name}"
        case Member():
            return f"{show(node.base)}.{node.field.name}"
        case Index():
            return f"{show(node.base)}[{show(node.index)}]"
        case Deref():
            return "*" + show(node.pointer)
        case Binary():
            return f"({show(node.left)} {node.op} {show(node.right)})"
        case IncDec():
            return show(node.lvalue) + node.op
        case IntLit():
            return str(node.value)
        case HelperCall():
            return node.name + "()"
        case Call():
            return show(node.callee) + "()"
        case CompoundLiteral():
            return "{}"
    return type(node).__name__
