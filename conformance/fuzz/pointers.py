"""Random programs that follow pointers through a graph of structures, in bcc's dialect.

The graph lies in this process' memory. Every ``->`` of the text is a read that our rewriter has to
find; the same text lowered for this machine reads directly, and must give the same numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bpfkit.collection import load
from bpfkit.uapi.bpf import ProgType

from .jit import Jit, placed
from .ours import INCLUDES, Compile
from .world import FIXED, INTS

T = TypeVar("T")
KINDS = 3
POINTERS = 3
"""Members p0, p1, p2 at the start of every structure; q is an array of two more."""
NODE_BYTES = 512
NODES = 8
RESULTS = 8
_HEAD_WORDS = POINTERS + 2


@dataclass(frozen=True)
class Graph:
    """Memory with pointers into itself: (offset of a pointer, offset of what it points to)."""

    data: bytes
    pointers: tuple[tuple[int, int], ...]


class Chase:
    """One program and the shapes of its structures."""

    def __init__(self, pick: Callable[[Sequence[Any]], Any]) -> None:
        self._pick = pick
        self.scalars: list[list[str]] = []
        """For each structure, members that are integers, as written behind the arrow."""
        self.targets = [[self.pick(range(KINDS)) for _ in range(_HEAD_WORDS)] for _ in range(KINDS)]
        """For each structure, the structures its pointers lead to."""
        self.types = "".join(f"struct n{kind};\n" for kind in range(KINDS))
        for kind in range(KINDS):
            self.types += self._record(kind)
        self._serial = 0
        self.inlines = "".join(self._inline(kind) for kind in range(KINDS))
        self.body = "\n\t".join(self._result(index) for index in range(RESULTS))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._pick(options)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ text

    def _record(self, kind: int) -> str:
        targets = self.targets[kind]
        lines = [f"struct n{targets[i]} *p{i};" for i in range(POINTERS)]
        # An array has one element type.
        targets[POINTERS + 1] = targets[POINTERS]
        lines.append(f"struct n{targets[POINTERS]} *q[2];")
        scalars = []
        for index in range(self.pick((3, 5, 8))):
            type_, name = self.pick(FIXED), f"m{index}"
            form = self.pick(("plain", "bits", "array", "nested", "union", "matrix"))
            if form == "plain":
                lines.append(f"{type_} {name};")
                scalars.append(name)
            elif form == "bits":
                lines.append(f"{type_} {name} : {self.pick(range(1, INTS[type_][0] + 1))};")
                scalars.append(name)
            elif form == "array":
                lines.append(f"{type_} {name}[5];")
                scalars += [f"{name}[{self.pick(range(5))}]", f"{name}[(i + 1) & 3]"]
            elif form == "matrix":
                lines.append(f"{type_} {name}[2][3];")
                scalars += [f"{name}[1][{self.pick(range(3))}]", f"{name}[i & 1][2]"]
            elif form == "nested":
                lines.append(f"struct {{ u8 x; struct {{ {type_} y; }}; u16 z : 9; }} {name};")
                scalars += [f"{name}.x", f"{name}.y", f"{name}.z"]
            else:
                lines.append(f"union {{ {type_} {name}; u8 {name}_bytes[8]; }};")
                scalars += [name, f"{name}_bytes[3]"]
        self.scalars.append(scalars)
        return f"struct n{kind} {{ {' '.join(lines)} }};\n"

    def _inline(self, kind: int) -> str:
        member = self.pick(self.scalars[kind])
        return f"static inline u64 get{kind}(struct n{kind} *n, int i) {{ return n->{member}; }}\n"

    def _path(self, depth: int) -> tuple[str, int]:
        """A pointer expression, and what it points to."""
        text, kind = "root", 0
        for _ in range(depth):
            step = self.pick(range(_HEAD_WORDS))
            member = f"p{step}" if step < POINTERS else self.pick(("q[1]", "q[i & 1]", "q[0]"))
            text, kind = f"{text}->{member}", self.targets[kind][step]
        return text, kind

    def _result(self, index: int) -> str:
        path, kind = self._path(self.pick((0, 1, 2, 3)))
        member = self.pick(self.scalars[kind])
        node, out = f"struct n{kind}", f"io->out[{index}]"
        form = self.pick(
            ("direct", "local", "round-trip", "inline", "address", "choice", "copy", "container")
        )
        if form == "direct":
            return f"{out} = {path}->{member};"
        if form == "local":
            return f"{{ {node} *n = {path}; {out} = n->{member} + (*n).{member}; }}"
        if form == "round-trip":
            return f"{{ u64 a = (u64){path}; {out} = (({node} *)a)->{member}; }}"
        if form == "inline":
            return f"{out} = get{kind}({path}, i);"
        if form == "address":
            return (
                f"{{ {node} **a = &({{ {node} *l = {path}; &l; }})[0]; {out} = (*a)->{member}; }}"
            )
        if form == "choice":
            other, _ = self._path_to(kind)
            return f"{out} = (i > 100 ? {other} : {path})->{member};"
        if form == "copy":
            # LLVM adds an index that is not known to a stack address with |=, which verifiers
            # refuse of any compiler's code: only what the kernel holds is indexed so.
            member = next((m for m in self.scalars[kind] if "i " not in m), "p1 != 0")
            return f"{{ {node} c = *{path}; {out} = c.{member}; }}"
        return (
            f"{{ void *m = &{path}->p1; {out} = "
            f"(({node} *)(m - offsetof({node}, p1)))->{member}; }}"
        )

    def _path_to(self, kind: int) -> tuple[str, int]:
        for _ in range(6):
            path, found = self._path(2)
            if found == kind:
                return path, found
        return f"(struct n{kind} *)0", kind

    # ------------------------------------------------------------ the two texts

    def in_kernel(self) -> str:
        """The text for the kernel: roots come and results go by a map."""
        return (
            f"{self.types}{self.inlines}"
            f"struct io {{ u64 root; u64 i; u64 out[{RESULTS}]; }};\n"
            "BPF_ARRAY(memory, struct io, 1);\n"
            "int program(struct bpf_raw_tracepoint_args *ctx)\n{\n"
            "\tint zero = 0;\n\tstruct io *io = memory.lookup(&zero);\n\tif (!io)\n\t\treturn 0;\n"
            "\tstruct n0 *root = (struct n0 *)io->root;\n\tint i = io->i;\n"
            f"\t{self.body}\n\treturn 0;\n}}\n"
        )

    def by_jit(self) -> str:
        """The text for this machine."""
        return (
            f"{INCLUDES}{self.types}{self.inlines}"
            f"struct io {{ u64 root; u64 i; u64 out[{RESULTS}]; }};\n"
            "#define offsetof(T, M) __builtin_offsetof(T, M)\n"
            'SEC("raw_tp") int entry(struct io *io)\n{\n'
            "\tstruct n0 *root = (struct n0 *)io->root;\n\tint i = io->i;\n"
            f"\t{self.body}\n\treturn 0;\n}}\n"
        )

    # ------------------------------------------------------------ the graph

    def graph(self, fill: Callable[[int], bytes]) -> Graph:
        """Nodes of each structure, filled at random, pointers leading to nodes.

        The first node is of structure 0. ``fill`` gives so many bytes.
        """
        pointers = []
        for kind in range(KINDS):
            for node in range(NODES):
                at = (kind * NODES + node) * NODE_BYTES
                for index, target in enumerate(self.targets[kind]):
                    chosen = int.from_bytes(fill(1), "little") % NODES
                    pointers.append((at + index * 8, (target * NODES + chosen) * NODE_BYTES))
        return Graph(fill(KINDS * NODES * NODE_BYTES), tuple(pointers))


_IO = struct.Struct(f"={2 + RESULTS}Q")
_FIRST = bytes(4)


def chase_in_kernel(chase: Chase, graph: Graph, i: int) -> list[int]:
    """Load the program, run it in this process and return its results."""
    with load(chase.in_kernel()) as collection, placed(graph.data, graph.pointers) as root:
        program = collection.load_program("program", ProgType.RAW_TRACEPOINT)
        memory = collection.maps["memory"].raw
        memory.update(_FIRST, _IO.pack(root, i, *[0] * RESULTS))
        program.test_run(context=bytes(8), repeat=0)
        return list(_IO.unpack(memory.lookup(_FIRST) or b""))[2:]


def chase_by_jit(jit: Jit, compile: Compile, chase: Chase, graph: Graph, i: int) -> list[int]:
    """Run the same text on this machine; it dereferences for itself."""
    ir = compile(chase.by_jit(), "libbpf").ir
    found = jit.run(ir, ["entry"], [[0, i]], memory=graph.data, pointers=graph.pointers)
    return found[0][0][2 : 2 + RESULTS]
