"""The commonest causes of a rejection, by what the verifier says, and what to do about each.

Texts are those of Linux 5.10 to 7.3; the first pattern that matches decides. Source: verbose() in
kernel/bpf/verifier.c; tests/data/verifier_logs has a log of each.
"""

from __future__ import annotations

import re

_NULL = (
    "it may be NULL here: check the pointer for NULL before using it, on the same variable that is"
    " used"
)
_BOUND = "bound the index or size first, for example with an if or a mask (i &= 15)"
_PACKET = (
    "compare the end of the access with data_end before reading the packet, with the very pointer"
    " that is used: if ((void *)(p + 1) > data_end) return …"
)
_LOOP = "bound the loop by a constant, unroll it, or use bpf_loop() (Linux 5.17)"
_ARGUMENT = (
    "the function wants another kind of argument there: see what the message says it expected"
)

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"BPF_(STX|ATOMIC) uses reserved fields",
        "atomic operations that give the old value, and all but adding, came with Linux 5.12",
    ),
    (r"195896080", "the program reads a field, or calls a function, that this kernel lacks"),
    (
        r"_or_null|may be NULL|null-check it first|possibly NULL pointer",
        _NULL,
    ),
    (
        r"invalid mem access '(inv|scalar)'",
        "this pointer is a plain number to the verifier: read through it with"
        " bpf_probe_read_kernel() or bpf_probe_read_user(), or keep local and kernel pointers"
        " in separate variables",
    ),
    (r"invalid access to packet|outside of the packet", _PACKET),
    (
        r"unbounded (memory access|variable-offset)|min value is negative|variable-offset"
        r"|variable stack (access|read|write)|unbounded min value|invalid variable offset",
        _BOUND,
    ),
    (
        r"(invalid (indirect )?(read|access) (from|to) stack|invalid stack)"
        r"(?!.*(?:off=\d|off \d))|invalid indirect access to stack",
        "initialise the whole variable, padding included (struct x y = {};), and stay within it",
    ),
    (
        r"invalid (write|read|access) (to|from|from/to) stack|stack .*out of bounds"
        r"|invalid stack (off|type)",
        "the access is outside of the variable on the stack: check the offset and the size",
    ),
    (
        r"combined stack size|stack depth|stack size .* exceeds|exceeds the 512",
        "programs have 512 bytes of stack: keep large variables in a map with one element",
    ),
    (
        r"(map_value|map value|mem|memory).*(off=|outside of the allowed memory range)"
        r"|(min|max) value is outside",
        "the memory ends before the access does: check offset, size and the map's value type;"
        " bound a variable offset with an if or a mask",
    ),
    (
        r"(?i)unreleased reference|reference leak|reference has not been",
        "submit or discard, or release, what was reserved or acquired on every path",
    ),
    (
        r"(GPL-restricted|GPL only) function|non-GPL compatible",
        'the helper is for GPL programs only: define the license as "GPL" or "Dual BSD/GPL"',
    ),
    (
        r"Subprog \S+ doesn't exist",
        "the program that is named as attach_target does not call that function",
    ),
    (
        r"is not sleepable",
        "sleepable programs attach only to functions that allow error injection and to LSM hooks"
        " that may sleep: leave out the .s of the section, or take another function",
    ),
    (
        r"is not modifiable",
        "fmod_ret changes functions that begin with security_, or that allow error injection"
        " (debugfs error_injection/list); watch others with fexit",
    ),
    (
        r"might sleep|sleepable|non-sleepable|func bpf_copy_from_user",
        "only sleepable programs may sleep: use a section that ends in .s (lsm.s, fentry.s,"
        " uprobe.s), or a helper that does not sleep",
    ),
    (
        r"spin_lock|spin_unlock|spin lock|lock-ed region|holding a lock|bpf_rcu_read_lock|preempt",
        "between lock and unlock no function may be called and the program may not end: unlock"
        " on every path first",
    ),
    (
        r"calling kernel function|kernel function .* is not allowed|kernel btf_id",
        "this program type may not call this kernel function (kfunc): see which types it is"
        " registered for",
    ),
    (
        r"(unknown|invalid) func|program of this type cannot use helper|helper call is not"
        r" allowed",
        "this kernel or this program type does not have the helper; 'python -m bpfkit features'"
        " lists what it has",
    ),
    (
        r"infinite loop|back-edge|too many (jumps|states)|BPF program is too large"
        r"|sequence of \d+ jumps|unreachable insn",
        _LOOP,
    ),
    (
        r"write into map forbidden|cannot write into|cannot modify|(?:rdonly|read-only)"
        r"|only read is supported",
        "this memory is read-only for programs: a constant, a map with BPF_F_RDONLY_PROG, or a"
        " member of a kernel object; use a variable that is not const",
    ),
    (
        r"misaligned",
        "align the access to its size: change the order of members, or read byte by byte with"
        " __builtin_memcpy()",
    ),
    (
        r"jump out of range|last insn is not an exit|invalid (insn|BPF_LD)",
        "the code is cut off or damaged: a function does not return, or jumps out of itself",
    ),
    (
        r"R0 !read_ok|R0 .*not.*known",
        "return a value on every path",
    ),
    (
        r"!read_ok",
        "the variable has no value on this path: initialise it; a call forgets what was in"
        " registers r1 to r5",
    ),
    (
        r"At program exit the register R0|R0 has value|R0 is not a known",
        "this program type has few allowed results: return one of those the message names",
    ),
    (
        r"math between .* pointer|pointer arithmetic|pointer .* prohibited|pointer comparison",
        "keep numbers and pointers in separate variables",
    ),
    (r"type=\S+ expected=|expected pointer to|arg#\d", _ARGUMENT),
    (
        r"CAP_\w+|allowed for root|leaks addr|not permitted",
        "run as root, or with the capability that is named (CAP_BPF, CAP_PERFMON)",
    ),
)


def hint_for(*texts: str) -> str:
    """What to do about the first of ``texts`` that tells a known cause; empty when none does."""
    for text in texts:
        for pattern, hint in _CAUSES:
            if re.search(pattern, text):
                return hint
    return ""
