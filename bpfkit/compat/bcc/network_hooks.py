"""Hooks of the network and of cgroups in bcc's BPF class, and two that bcc lacks.

What bcc leaves behind (XDP programs, programs on cgroups) is taken off when the object is closed or
the interpreter exits.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from ...errors import AttachError, SyscallError
from ...uapi.bpf import AttachType
from . import live
from .kernel import shared_system
from .text import Text, to_text

if TYPE_CHECKING:
    from ...links.base import Link
    from .bpf import LoadedFunction


class BccAttachError(AttachError):
    """An AttachError that begins with bcc's words."""

    def __init__(self, words: str, error: AttachError) -> None:
        super().__init__(error.program, error.target, error.reason, error.hint)
        self.words = words

    def __str__(self) -> str:
        return f"{self.words}: {super().__str__()}"


class NetworkHooks:
    """The methods. What is static in bcc is static here."""

    def __init__(self) -> None:
        super().__init__()
        self.func_links: list[tuple[bytes, int, int, Link]] = []
        """(function, descriptor, attach type, link) of attach_func."""

    # ------------------------------------------------------------ XDP

    @staticmethod
    def attach_xdp(dev: Text, fn: LoadedFunction, flags: int = 0) -> None:
        """Run ``fn`` on every packet a device receives; it replaces what runs there."""
        check_function(fn)
        with bcc_words(f"Failed to attach BPF to device {to_text(dev)}"):
            system = fn.bpf.collection.system
            fn.bpf.own(live.attach_xdp(system, fn.program, to_text(dev), flags=flags))

    @staticmethod
    def remove_xdp(dev: Text, flags: int = 0) -> None:
        """Take the XDP program off a device."""
        live.detach_xdp(shared_system(), to_text(dev), flags=flags)

    # ------------------------------------------------------------ sockets

    @staticmethod
    def attach_raw_socket(fn: LoadedFunction, dev: Text) -> None:
        """Open a packet socket that receives what ``fn`` lets through: ``fn.sock``, a descriptor.

        An empty ``dev`` stands for all devices. The socket does not block, and is closed with the
        object unless its user has closed it.
        """
        check_function(fn)
        with bcc_words(f"Failed to attach BPF to device {to_text(dev)}"):
            system = fn.bpf.collection.system
            link = live.attach_raw_socket(system, fn.program, to_text(dev))
        fn.sock = link.fileno()
        fn.bpf.own(link)

    # ------------------------------------------------------------ any descriptor

    @staticmethod
    def attach_func(
        fn: LoadedFunction, attachable_fd: int, attach_type: int, flags: int = 0
    ) -> None:
        """Attach ``fn`` to a cgroup, a sockmap or the network namespace (descriptor 0)."""
        check_function(fn)
        with bcc_words(f"Failed to attach BPF function with attach_type {int(attach_type)}"):
            kind = known_type(fn, attach_type)
            system = fn.bpf.collection.system
            link = live.attach_func(system, fn.program, attachable_fd, kind, flags)
        fn.bpf.own(link)
        fn.bpf.func_links.append((fn.name, attachable_fd, int(attach_type), link))

    @staticmethod
    def detach_func(fn: LoadedFunction, attachable_fd: int, attach_type: int) -> None:
        """End what attach_func began, or what another process attached."""
        check_function(fn)
        key = (fn.name, attachable_fd, int(attach_type))
        ours = [entry for entry in fn.bpf.func_links if entry[:3] == key]
        for entry in ours:
            fn.bpf.func_links.remove(entry)
            fn.bpf.collection.disown(entry[3])
            entry[3].close()
        if ours:
            return
        with bcc_words(f"Failed to detach BPF function with attach_type {int(attach_type)}"):
            kind = known_type(fn, attach_type)
            try:
                live.detach_func(fn.bpf.collection.system, fn.program, attachable_fd, kind)
            except SyscallError as error:
                code = error.errno or 0
                hint = "it is not attached there" if code in _ABSENT else ""
                target = f"descriptor {attachable_fd}"
                raise AttachError(fn.program.name, target, str(error), hint) from error

    # ------------------------------------------------------------ not in bcc

    @staticmethod
    def attach_tc(
        dev: Text,
        fn: LoadedFunction,
        direction: Literal["ingress", "egress"] = "ingress",
        priority: int = 0,
        handle: int = 0,
    ) -> Link:
        """Run ``fn`` (SCHED_CLS) on every packet that enters or leaves a device; not in bcc."""
        check_function(fn)
        system = fn.bpf.collection.system
        link = live.attach_tc(
            system, fn.program, to_text(dev), direction, priority=priority, handle=handle
        )
        fn.bpf.own(link)
        return link

    @staticmethod
    def attach_cgroup(
        path: Text, fn: LoadedFunction, attach_type: int | None = None, flags: int | None = None
    ) -> Link:
        """Run ``fn`` on what a cgroup's processes do; not in bcc.

        Beside others, through a bpf_link; ``flags`` make it an attach_func.
        """
        check_function(fn)
        kind = None if attach_type is None else known_type(fn, attach_type)
        system = fn.bpf.collection.system
        link = live.attach_cgroup(system, fn.program, to_text(path), kind, flags=flags)
        fn.bpf.own(link)
        return link


_ABSENT = frozenset({errno.ENOENT, errno.EINVAL})


def check_function(fn: object) -> None:
    """Refuse what no BPF object loaded."""
    if getattr(fn, "program", None) is None:
        raise Exception("arg 1 must be of type BPF.Function")


def known_type(fn: LoadedFunction, attach_type: int) -> AttachType:
    """The attach type of a number; AttachError when there is none."""
    try:
        return AttachType(attach_type)
    except ValueError:
        raise AttachError(
            fn.program.name,
            f"attach type {attach_type}",
            "EINVAL: there is no such attach type",
            "see BPFAttachType",
        ) from None


@contextlib.contextmanager
def bcc_words(words: str) -> Iterator[None]:
    """Begin an AttachError with what bcc says."""
    try:
        yield
    except AttachError as error:
        raise BccAttachError(words, error) from error
