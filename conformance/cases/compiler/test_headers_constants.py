"""Constants of headers, of the configuration and of the version are those of the kernel."""

from __future__ import annotations

import errno
import os
import platform
import re
import signal
import socket
import stat

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.errors import CompileError
from bpfkit.host.facts import LiveFacts
from conformance.case import case
from conformance.values import in_task, in_xdp


def _values(names: dict[str, int], include: str) -> tuple[list[int], list[int]]:
    """What the kernel computed for the names, and what this process knows them to be."""
    body = "".join(f"OUT({at}, {name});" for at, name in enumerate(names))
    return in_xdp(body, len(names), f"#include <{include}>"), list(names.values())


@case("compiler/headers/constants/uapi", kernel="4.8")
def test_constants_of_user_space_headers() -> None:
    """Numbers of errors, signals, files, sockets and modes are those user space has."""
    names = {name: getattr(errno, name) for name in ("ENOENT", "EAGAIN", "EXDEV", "EOWNERDEAD")}
    names |= {name: int(getattr(signal, name)) for name in ("SIGKILL", "SIGCHLD", "SIGSYS")}
    names |= {name: getattr(os, name) for name in ("O_DIRECT", "O_DIRECTORY", "O_CLOEXEC")}
    names |= {name: getattr(stat, name) for name in ("S_IFREG", "S_IFLNK", "S_ISUID", "S_IRWXG")}
    names |= {name: int(getattr(socket, name)) for name in ("AF_NETLINK", "SO_REUSEPORT")}
    names |= {"SOCK_STREAM": 1, "MSG_DONTWAIT": 0x40, "TCP_NODELAY": 1, "IP_TTL": 2}
    found, known = _values(names, "linux/fs.h")
    assert found == known


@case("compiler/headers/constants/kernel", kernel="4.8")
def test_constants_of_internal_headers() -> None:
    """Flags of kernel headers that no type information holds have the kernel's values."""
    names = {"PF_KTHREAD": 0x00200000, "VM_WRITE": 2, "FMODE_READ": 1, "SCHED_FIFO": 1}
    names |= {"CLONE_NEWNET": 0x40000000, "IPPROTO_ICMPV6": 58, "ETH_P_ARP": 0x0806}
    names |= {"PR_SET_NAME": 15, "FUTEX_WAKE": 1, "MADV_FREE": 8, "TCPOPT_WINDOW": 3}
    names |= {"CAP_BPF": 39, "TASK_UNINTERRUPTIBLE": 2, "NSEC_PER_SEC": 10**9, "PIPE_BUF": 4096}
    found, known = _values(names, "linux/sched.h")
    assert found == known


@case("compiler/headers/constants/computed", kernel="4.7")
def test_constants_that_move_come_from_the_kernels_own_types() -> None:
    """TASK_COMM_LEN, IFNAMSIZ and DNAME_INLINE_LEN are what the kernel's arrays hold."""
    body = """
    OUT(0, TASK_COMM_LEN == sizeof(((struct task_struct *)0)->comm));
    OUT(1, IFNAMSIZ == sizeof(((struct net_device *)0)->name));
    OUT(2, DNAME_INLINE_LEN == sizeof(((struct dentry *)0)->d_iname));
    OUT(3, LONG);
    """
    before = """
    #include <linux/netdevice.h>
    #include <linux/dcache.h>
    #if DNAME_INLINE_LEN > 32
    #define LONG 1
    #else
    #define LONG 0
    #endif
    """
    same = in_task(body, 4, before)
    assert same[:3] == [1, 1, 1]
    version = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
    if version <= (6, 1) or version >= (6, 12):
        assert same[3] == int(version >= (6, 12))


@case("compiler/headers/constants/enumerators", kernel="4.8")
def test_enumerators_of_the_kernel_win_over_headers() -> None:
    """What is an enumerator in this kernel has its value, and ``#ifdef`` sees what headers define.

    IPPROTO_TCP is both; TCP_ESTABLISHED is an enumerator alone.
    """
    before = """
    #include <net/sock.h>
    #ifdef IPPROTO_TCP
    #define BOTH 1
    #else
    #define BOTH 0
    #endif
    #ifdef TCP_ESTABLISHED
    #define MACRO 1
    #else
    #define MACRO 0
    #endif
    """
    body = "OUT(0, BOTH); OUT(1, MACRO); OUT(2, IPPROTO_TCP); OUT(3, TCP_ESTABLISHED);"
    assert in_xdp(body + "OUT(4, BPF_F_INGRESS);", 5, before) == [1, 0, 6, 1, 1]


@case("compiler/headers/constants/version", kernel="4.8")
def test_the_version_is_that_of_the_running_kernel() -> None:
    """LINUX_VERSION_CODE is the kernel's version with the sublevel in eight bits."""
    major, minor, sub = LiveFacts().version
    body = f"""
    OUT(0, LINUX_VERSION_CODE >> 16); OUT(1, LINUX_VERSION_CODE >> 8 & 255);
    OUT(2, LINUX_VERSION_CODE == KERNEL_VERSION({major}, {minor}, {min(sub, 255)}));
    """
    assert in_xdp(body, 3, "#include <linux/version.h>") == [major, minor, 1]


@case("compiler/headers/constants/config", kernel="4.8")
def test_configuration_options_are_those_of_the_running_kernel() -> None:
    """CONFIG options are 1, a number, or not defined; a module's is CONFIG_X_MODULE."""
    facts = LiveFacts()
    before = """
    #include <linux/kconfig.h>
    #ifdef CONFIG_NO_SUCH_OPTION
    #define NONE 1
    #else
    #define NONE 0
    #endif
    """
    body = """
    OUT(0, CONFIG_BPF_SYSCALL); OUT(1, NONE); OUT(2, IS_ENABLED(CONFIG_BPF_SYSCALL));
    OUT(3, IS_ENABLED(CONFIG_NO_SUCH_OPTION)); OUT(4, CONFIG_HZ); OUT(5, IS_MODULE(CONFIG_NET));
    """
    hertz = int(facts.config("CONFIG_HZ") or 0)
    assert in_xdp(body, 6, before) == [1, 0, 1, 0, hertz, 0]


@case("compiler/headers/unknown", kernel="4.8")
def test_an_unknown_header_is_an_error_that_names_the_nearest() -> None:
    """An include of a header no kernel has is an error at its place, with the nearest known one."""
    text = "#include <linux/shced.h>\nint program(struct xdp_md *ctx) { return XDP_PASS; }\n"
    with pytest.raises(CompileError) as caught:
        load(text)
    first = caught.value.diagnostics[0]
    assert first.loc.line == 1
    assert "linux/shced.h" in first.message
    assert "linux/sched.h" in first.hint + first.message


@case("compiler/headers/guarded", kernel="4.7")
def test_a_text_guarded_by_kernel_struct_has_field_works() -> None:
    """A text that names the member kernel_struct_has_field found reads it."""
    newer = BPF.kernel_struct_has_field("task_struct", "__state") == 1
    body = """
    struct task_struct *t = (struct task_struct *)bpf_get_current_task();
    OUT(0, t->STATE_FIELD);
    """
    field = "__state" if newer else "state"
    assert in_task(body, cflags=[f"-DSTATE_FIELD={field}"]) == [0]
