"""BPF tokens: the right to use parts of BPF, given to a user namespace by who mounts a file system.

    mount -t bpf -o delegate_cmds=any,delegate_progs=any,… bpffs /sys/fs/bpf    # by the owner

Inside the namespace `create_token` takes the right from that mount, and a `System` made with the
token uses it for all that it creates. They came with Linux kernel commit 35f96de04127 ("bpf:
Introduce BPF token object") (in v6.9).
"""

from __future__ import annotations

import errno
import os

from ..errors import NotSupportedError, SyscallError
from ..syscalls.fd import OwnedFd
from ..system import System


def create_token(system: System, path: str | os.PathLike[str] = "/sys/fs/bpf") -> OwnedFd:
    """Take the right that the BPF file system at ``path`` delegates; the caller closes it.

    Raises NotSupportedError on kernels that are too old, and SyscallError that says why there is no
    right to take.
    """
    try:
        mount = OwnedFd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), str(path))
    except OSError as error:
        raise SyscallError(error.errno or 0, "open", f"BPF file system {path}") from error
    with mount:
        try:
            return system.syscalls.token_create(mount.fileno())
        except SyscallError as error:
            if error.errno == errno.EINVAL and system.facts.version < (6, 9):
                raise NotSupportedError("BPF tokens", "6.9") from error
            raise
