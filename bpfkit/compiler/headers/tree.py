"""Kernel-header mode: types and macros come from a kernel's own headers instead of its BTF.

The text is parsed as the kernel itself is, for the kernel's architecture, since its headers hold
inline assembly that the BPF target refuses to read; layouts are the same. Nothing is CO-RE
relocated then: an object fits the kernel the headers are of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ...uapi.helpers import by_name
from ..dialect.headers import bcc_headers, bcc_prelude
from ..parse_input import ParseInput
from ..target import HeaderTree, Target
from .constants import config_value
from .helpers import declare_helpers

_RESOURCES = Path(__file__).parent.parent / "include" / "resource"

# Directory of the architecture in the kernel's tree, and clang's name for it.
_ARCHES = {
    "x86_64": ("x86", "x86_64-linux-gnu"),
    "aarch64": ("arm64", "aarch64-linux-gnu"),
    "s390x": ("s390", "s390x-linux-gnu"),
    "riscv64": ("riscv", "riscv64-linux-gnu"),
    "ppc64le": ("powerpc", "powerpc64le-linux-gnu"),
    "loongarch64": ("loongarch", "loongarch64-linux-gnu"),
}
_DEFINES = (
    "-D__KERNEL__",
    "-D__BPF_TRACING__",
    '-DKBUILD_MODNAME="bpf"',
    '-DKBUILD_BASENAME="bpf"',
    "-DCC_USING_FENTRY",
    "-D__HAVE_BUILTIN_BSWAP16__",
    "-D__HAVE_BUILTIN_BSWAP32__",
    "-D__HAVE_BUILTIN_BSWAP64__",
    # Where it is defined, macros such as max() and memcpy() call functions that nobody defines in
    # branches that an optimiser removes.
    "-U__OPTIMIZE__",
    "-fms-extensions",
    "-fno-strict-aliasing",
)
# What every bcc program may use without including it.
_ALWAYS = (
    "linux/kconfig.h",
    "linux/compiler_types.h",
    "linux/types.h",
    "linux/version.h",
    "linux/log2.h",
    "linux/ptrace.h",
    "uapi/linux/bpf.h",
    "uapi/linux/if_packet.h",
)
# Kernels declare these as functions of their own, which a BPF program cannot call.
_BUILT_IN = ("memcmp", "memcpy", "memmove", "memset")
_LEADING = re.compile(r"[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>[ \t]*$")
_BLANK = re.compile(r"[ \t]*(//.*)?$")


def assemble_with_headers(
    name: str,
    text: str,
    includes: Mapping[str, str],
    tracepoints: str,
    target: Target,
    tree: HeaderTree,
) -> ParseInput:
    """Put together what the frontend parses.

    ``includes`` are the program's own headers, ``tracepoints`` the structures of those it names.
    """
    wrapper = config_value("CONFIG_ARCH_HAS_SYSCALL_WRAPPER", target.kernel, target.arch) == "y"
    headers = bcc_headers() | dict(includes)
    base = [f"#include <{path}>" for path in _ALWAYS]
    base += [f"#include <{path}>" for path in leading_includes(text) if path not in headers]
    for function in _BUILT_IN:
        base += [f"#undef {function}", f"#define {function} __builtin_{function}"]
    # Every helper, so that what is precompiled serves all texts with the same includes.
    base += declare_helpers(by_name().keys(), {"bpf_trace_printk"})
    base.append(bcc_prelude(target.arch, syscall_wrapper=wrapper))
    return ParseInput(
        name=name,
        text=text,
        base="\n".join(base) + "\n",
        keep=target.keep,
        prelude=tracepoints,
        headers=headers,
        flags=(*_flags(target.arch, tree), *target.cflags),
    )


def _flags(arch: str, tree: HeaderTree) -> list[str]:
    directory, triple = _ARCHES[arch]
    flags = ["-target", triple, *_DEFINES]
    for path in (f"arch/{directory}/include", "include"):
        for kind in ("", "/uapi"):
            flags += ["-isystem", f"{tree.source}/{path}{kind}"]
            generated = f"{path}/generated{kind}"
            flags += ["-isystem", f"{tree.build}/{generated}"]
        if tree.build != tree.source:
            flags += ["-isystem", f"{tree.build}/{path}"]
    return [*flags, "-isystem", str(_RESOURCES)]


def leading_includes(text: str) -> list[str]:
    """The headers a text includes before anything else: what can be precompiled for it."""
    found = []
    for line in text.split("\n"):
        include = _LEADING.match(line)
        if include:
            found.append(include[1])
        elif not _BLANK.match(line):
            break
    return found
