"""A socket of the AF_XDP family, as small as can be: it receives the frames of one queue.

Python's socket module knows neither its address nor its rings, so the C library is called. Source:
include/uapi/linux/if_xdp.h (v4.18), Documentation/networking/af_xdp.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import struct
from collections.abc import Iterator

AF_XDP, SOL_XDP = 44, 283
MMAP_OFFSETS, RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING = 1, 2, 4, 5, 6
COPY = 1 << 1  # XDP_COPY: no help of the driver is needed
PGOFF_RX, PGOFF_FILL = 0, 0x100000000
FRAMES, FRAME_BYTES = 16, 4096
DESCRIPTOR_BYTES = 16


class XdpSocket:
    """Bound to a queue of a device; what a program redirects to it is read with `receive`."""

    def __init__(self, device: str, queue: int, stack: contextlib.ExitStack) -> None:
        """Open and bind; everything is closed with ``stack``."""
        self._socket = stack.enter_context(socket.socket(AF_XDP, socket.SOCK_RAW, 0))
        self._memory = mmap.mmap(-1, FRAMES * FRAME_BYTES)
        stack.callback(self._memory.close)
        anchor = ctypes.c_char.from_buffer(self._memory)
        start = ctypes.addressof(anchor)
        del anchor
        area = struct.pack("=QQIII4x", start, FRAMES * FRAME_BYTES, FRAME_BYTES, 0, 0)
        self._socket.setsockopt(SOL_XDP, UMEM_REG, area)
        for ring in (FILL_RING, COMPLETION_RING, RX_RING):
            self._socket.setsockopt(SOL_XDP, ring, FRAMES)
        offsets = struct.unpack("=16Q", self._socket.getsockopt(SOL_XDP, MMAP_OFFSETS, 128))
        self._rx_at, self._fill_at = offsets[0:4], offsets[8:12]
        self._rx = self._ring(self._rx_at[2] + FRAMES * DESCRIPTOR_BYTES, PGOFF_RX, stack)
        fill = self._ring(self._fill_at[2] + FRAMES * 8, PGOFF_FILL, stack)
        for n in range(FRAMES):
            struct.pack_into("=Q", fill, self._fill_at[2] + 8 * n, n * FRAME_BYTES)
        struct.pack_into("=I", fill, self._fill_at[0], FRAMES)
        address = struct.pack("=HHIII", AF_XDP, COPY, socket.if_nametoindex(device), queue, 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self._socket.fileno(), address, len(address)):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), device)

    def _ring(self, size: int, offset: int, stack: contextlib.ExitStack) -> mmap.mmap:
        ring = mmap.mmap(self._socket.fileno(), size, offset=offset)
        stack.callback(ring.close)
        return ring

    def fileno(self) -> int:
        """The descriptor, as an xskmap takes it."""
        return self._socket.fileno()

    def receive(self) -> list[bytes]:
        """Every frame that has come, from the first one on."""
        (count,) = struct.unpack_from("=I", self._rx, self._rx_at[0])
        frames = []
        for n in range(min(count, FRAMES)):
            at = self._rx_at[2] + n * DESCRIPTOR_BYTES
            address, length = struct.unpack_from("=QI", self._rx, at)
            frames.append(self._memory[address : address + length])
        return frames


@contextlib.contextmanager
def xdp_socket(device: str, queue: int = 0) -> Iterator[XdpSocket]:
    """A socket for one queue of ``device``."""
    with contextlib.ExitStack() as stack:
        yield XdpSocket(device, queue, stack)
