"""Socket options that put programs on sockets.

Source: include/uapi/asm-generic/socket.h, which every machine we know uses.
"""

from __future__ import annotations

from enum import IntEnum


class SocketOption(IntEnum):
    """Options of SOL_SOCKET."""

    DETACH_FILTER = 27  # SO_DETACH_FILTER, v2.2
    ATTACH_BPF = 50  # SO_ATTACH_BPF, v3.19
    ATTACH_REUSEPORT_EBPF = 52  # SO_ATTACH_REUSEPORT_EBPF, v4.5
    DETACH_REUSEPORT_BPF = 68  # SO_DETACH_REUSEPORT_BPF, v5.3

    def __str__(self) -> str:
        return f"SO_{self.name}"
