"""Kernel-header mode with a tree of a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from bpfkit.compiler.api import compile_c, parse_source
from bpfkit.compiler.headers.tree import leading_includes
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import FakeKernel

EMPTY = ("linux/kconfig.h", "linux/compiler_types.h", "linux/version.h", "linux/log2.h")
FILES = {
    **dict.fromkeys(EMPTY, ""),
    "linux/types.h": "typedef unsigned char __u8; typedef unsigned short __u16;"
    " typedef unsigned int __u32, u32, __be32, __wsum; typedef int __s32, s32;"
    " typedef unsigned char u8; typedef unsigned long long __u64, u64;"
    " typedef long long __s64, s64;"
    " typedef __u16 u16, __be16;"
    " typedef unsigned long size_t;",
    "linux/ptrace.h": "struct pt_regs { unsigned long di, si, dx, cx, r8, r9, ax, sp, ip, bp; };",
    "linux/sched.h": "#pragma once\n#include <stdbool.h>\n"
    "struct task_struct { int pid; int tgid; bool on; };\n"
    'static inline int word(void) { int x; asm("mov %0, 1" : "=r"(x)); return x; }\n'
    "#define pick(x) (__builtin_constant_p(x) ? (x) : word())\n",
}
UAPI = {"linux/bpf.h": "enum { BPF_ANY };", "linux/if_packet.h": ""}


@dataclass
class Tree:
    source: str
    build: str


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for folder, files in (("include", FILES), ("include/uapi", UAPI)):
        for name, text in files.items():
            path = tmp_path / "source" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
    return Tree(str(tmp_path / "source"), str(tmp_path / "build"))


def target(tree: Tree) -> Target:
    return Target(kernel=FakeKernel(options={"CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "y"}), headers=tree)


def test_types_come_from_the_tree_and_the_kernel_is_not_asked(tree: Tree) -> None:
    text = """
    #include <linux/sched.h>
    #include <bcc/proto.h>
    BPF_HASH(seen, u32, u64);
    int kprobe__f(struct pt_regs *ctx, struct task_struct *t) {
        u32 key = t->tgid + pick(3);
        seen.increment(key);
        return t->on;
    }
    TRACEPOINT_PROBE(syscalls, sys_enter_openat) { return args->dfd; }
    """
    to = target(tree)
    compiled = compile_c(Source(text), to)
    assert compiled.elf[:4] == b"\x7fELF"
    assert isinstance(to.kernel, FakeKernel)
    assert not to.kernel.asked
    assert "preserve.struct" not in compiled.ir


def test_functions_that_only_an_optimiser_removes_are_not_called(tree: Tree) -> None:
    with (Path(tree.source) / "include/linux/types.h").open("a") as file:
        file.write(
            "extern void *memset(void *to, int c, size_t n);\n"
            "extern void nobody_defines_this(void);\n"
            "#ifdef __OPTIMIZE__\n#define check(x) if (!(x)) nobody_defines_this()\n"
            "#else\n#define check(x)\n#endif\n"
        )
    text = """
    int f(struct pt_regs *ctx) {
        char name[16];
        check(sizeof(name) == 16);
        memset(name, 0, sizeof(name));
        return name[3];
    }
    """
    assert compile_c(Source(text), target(tree)).elf[:4] == b"\x7fELF"


def test_assembly_of_a_header_is_told_where_it_is_called(tree: Tree) -> None:
    text = "#include <linux/sched.h>\nint f(struct pt_regs *ctx) {\n    return word();\n}\n"
    with pytest.raises(CompileError) as caught:
        compile_c(Source(text), target(tree))
    (found,) = caught.value.diagnostics
    assert (found.loc.file, found.loc.line) == ("program.c", 3)
    assert "the function 'word' cannot be compiled for BPF: inline assembly" in found.message
    assert "sched.h:4)" in found.message
    assert found.hint


def test_a_header_the_tree_lacks_is_an_error(tree: Tree) -> None:
    with pytest.raises(CompileError, match=r"linux/nothing\.h"):
        parse_source(Source("#include <linux/nothing.h>\n"), target(tree))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("// x\n\n#include <a.h>\n # include <b.h> \nint x;\n#include <c.h>", ["a.h", "b.h"]),
        ("#define X\n#include <a.h>", []),
        ('#include "own.h"\n#include <a.h>', []),
    ],
)
def test_only_what_comes_first_is_precompiled(text: str, found: list[str]) -> None:
    assert leading_includes(text) == found
