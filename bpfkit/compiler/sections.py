"""The section of a program of bcc's dialect, as libbpf would name it.

bcc's programs have no section: their name, or what they take, tells what they are. Put where libbpf
expects them, the object loads without bcc, and without us. What does not tell gets a section of
our own, and attaching decides. Source: the names bcc's attach calls look for; "Program Types and
ELF Sections" of libbpf's documentation.
"""

from __future__ import annotations

from .ctype import Pointer, Record, bare
from .tree import FunctionDecl

OWN = ".bpf.fn."
"""Followed by the program's name: a section that does not tell what the program is."""

# Beginning of a name, beginning of a section.
_PREFIXES = (
    ("kprobe__", "kprobe/"),
    ("kretprobe__", "kretprobe/"),
    ("tracepoint__", "tracepoint/"),
    ("raw_tracepoint__", "raw_tracepoint/"),
    ("kfunc__", "fentry/"),
    ("kretfunc__", "fexit/"),
    ("kmod_ret__", "fmod_ret/"),
    ("lsm__", "lsm/"),
    ("bpf_iter__", "iter/"),
    ("syscall__", "ksyscall/"),
)
_WITH_MODULE = ("kfunc__", "kretfunc__")
_WITH_CATEGORY = ("tracepoint__",)

_BY_CONTEXT = {
    "xdp_md": "xdp",
    "__sk_buff": "tc",
    "bpf_perf_event_data": "perf_event",
    "bpf_raw_tracepoint_args": "raw_tracepoint",
    "pt_regs": "kprobe",
    "bpf_sock_ops": "sockops",
    "sk_msg_md": "sk_msg",
    "bpf_sk_lookup": "sk_lookup",
    "sk_reuseport_md": "sk_reuseport",
    "bpf_sysctl": "cgroup/sysctl",
    "bpf_cgroup_dev_ctx": "cgroup/dev",
    "bpf_sockopt": "cgroup/getsockopt",
    "bpf_sock_addr": "cgroup/connect4",
    "bpf_sock": "cgroup/sock",
}
_TRACEPOINT_ARGS = "tracepoint__"


def section_of(function: FunctionDecl, symbol: str) -> str:
    """The section for program ``function``, whose symbol in the object is ``symbol``."""
    if function.section:
        return function.section
    for prefix, section in _PREFIXES:
        if symbol.startswith(prefix) and symbol != prefix:
            return section + _target(prefix, symbol.removeprefix(prefix))
    record = _context(function)
    if record.startswith(_TRACEPOINT_ARGS):
        return "tracepoint/" + _target(_TRACEPOINT_ARGS, record.removeprefix(_TRACEPOINT_ARGS))
    return _BY_CONTEXT.get(record, OWN + symbol)


def _target(prefix: str, rest: str) -> str:
    head, mark, tail = rest.partition("__")
    if mark and tail and prefix in _WITH_MODULE:
        return tail  # the module is found by the function
    if mark and tail and prefix in _WITH_CATEGORY:
        return f"{head}/{tail}"
    return rest


def _context(function: FunctionDecl) -> str:
    """The tag of the record that the first parameter points to."""
    pointer = bare(function.params[0].type) if function.params else None
    record = bare(pointer.to) if isinstance(pointer, Pointer) else None
    return record.name if isinstance(record, Record) else ""
