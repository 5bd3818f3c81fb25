"""Structures in the memory of this process, for programs to follow pointers through."""

from __future__ import annotations

import ctypes


class Node(ctypes.Structure):
    """A node of a graph; `NODE` is what C calls it."""


Node._fields_ = [
    ("value", ctypes.c_int64),
    ("port", ctypes.c_uint16),
    ("small", ctypes.c_int8),
    ("spare", ctypes.c_uint8),
    ("bits", ctypes.c_uint32, 5),
    ("more", ctypes.c_int32, 11),
    ("table", ctypes.c_uint32 * 6),
    ("grid", (ctypes.c_int16 * 3) * 2),
    ("next", ctypes.POINTER(Node)),
    ("ways", ctypes.POINTER(Node) * 3),
    ("name", ctypes.c_char_p),
    ("text", ctypes.c_char * 16),
]

NODE = """
struct node {
    s64 value; u16 port; s8 small; u8 spare; u32 bits : 5; s32 more : 11;
    u32 table[6]; s16 grid[2][3];
    struct node *next; struct node *ways[3]; char *name; char text[16];
};
"""


class Ring:
    """Nodes of which each leads to the next one and the last one to the first; keep it alive."""

    def __init__(self, count: int = 3) -> None:
        self.nodes = [Node() for _ in range(count)]
        for i, node in enumerate(self.nodes):
            node.value = 1000 * (i + 1) * (-1 if i % 2 else 1)
            node.port, node.small = 0x1234 + i, -7 - i
            node.bits, node.more = 21 + i, -300 - i
            node.table[:] = [10 * i + k for k in range(6)]
            for row in range(2):
                node.grid[row][:] = [-(100 * i + 10 * row + k) for k in range(3)]
            node.next = ctypes.pointer(self.nodes[(i + 1) % count])
            node.ways[:] = [ctypes.pointer(self.nodes[(i + k) % count]) for k in range(3)]
            node.name = f"node {i}".encode()
            node.text = f"text of {i}".encode()

    @property
    def address(self) -> int:
        """Where the first node is."""
        return ctypes.addressof(self.nodes[0])

    @property
    def cflags(self) -> list[str]:
        """Flags that define ADDRESS: a number of which nothing tells that it is user memory."""
        return [f"-DADDRESS={self.address:#x}ULL"]
