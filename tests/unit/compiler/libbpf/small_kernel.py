"""A tiny kernel to compile libbpf's dialect for: its types come from C, by our own compiler."""

from __future__ import annotations

import functools

from bpfkit.btf.types import Btf
from bpfkit.compiler.api import Compiled, compile_c
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.obj.read import read_object
from bpfkit.obj.spec import ObjectSpec
from tests.fakes.kernel_facts import FakeKernel
from tests.unit.compiler.lower.plain import build

TYPES = """
struct cred { int uid; };
struct task_struct {
    int exit_state; int pid; int tgid; unsigned in_execve : 1; unsigned flags : 5;
    struct task_struct *real_parent; const struct cred *cred; char comm[16];
};
struct bpf_iter_num { unsigned long long opaque[1]; } __attribute__((aligned(8)));
enum bpf_map_type { BPF_MAP_TYPE_UNSPEC, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY,
                    BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_RINGBUF = 27 };
struct task_struct task; struct cred cred; struct bpf_iter_num number; enum bpf_map_type kind;
int uses(void *ctx) { return task.pid + cred.uid + number.opaque[0] + kind; }
"""
HEAD = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "GPL";
"""


@functools.cache
def kernel_types() -> Btf:
    """The BTF of the tiny kernel."""
    found = read_object(build(TYPES)).btf
    assert found is not None
    return found


def compiled(
    text: str, *, arch: str = "x86_64", head: str = HEAD, wrapped: bool = True
) -> Compiled:
    """The outcome of compiling ``text`` after the usual includes."""
    options = {"CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "y" if wrapped else "n"}
    kernel = FakeKernel(kernel_types(), options=options)
    return compile_c(Source(head + text, "t.bpf.c"), Target(kernel, arch=arch, dialect="libbpf"))


def object_of(text: str, *, arch: str = "x86_64", wrapped: bool = True) -> ObjectSpec:
    """The object of a text."""
    return read_object(compiled(text, arch=arch, wrapped=wrapped).elf)
