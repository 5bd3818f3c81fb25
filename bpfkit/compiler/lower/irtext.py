"""A small builder of textual LLVM IR: module parts, metadata nodes, and blocks of one function.

It knows the grammar of IR and nothing of C. Operands are strings (``%t3``, ``@f``, ``7``,
``null``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

ByteOrder = Literal["little", "big"]

DATA_LAYOUT = {
    "little": "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128",
    "big": "E-m:e-p:64:64-i64:64-i128:128-n32:64-S128",
}
TRIPLE = {"little": "bpfel", "big": "bpfeb"}


def quote(data: bytes) -> str:
    """Write ``data`` as the inside of an IR string."""
    return "".join(
        chr(c) if 32 <= c < 127 and c not in (0x22, 0x5C) else f"\\{c:02X}" for c in data
    )


def quote_text(text: str) -> str:
    """Write ``text`` as the inside of a metadata string."""
    return quote(text.encode())


def symbol(name: str) -> str:
    """Write a global's name as an operand."""
    plain = name.replace("_", "a").replace(".", "a").replace("$", "a")
    if plain.isalnum() and plain.isascii() and not name[0].isdigit():
        return f"@{name}"
    return f'@"{quote_text(name)}"'


@dataclass(eq=False, slots=True)
class ModuleText:
    """The parts of a module, in the order they are printed."""

    byte_order: ByteOrder = "little"
    globals: list[str] = field(default_factory=list)
    declarations: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    named_metadata: dict[str, list[str]] = field(default_factory=dict)
    _serial: int = 0
    _nodes: list[str] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)
    _strings: dict[bytes, str] = field(default_factory=dict)
    _constants: dict[tuple[str, int], str] = field(default_factory=dict)

    def serial(self) -> int:
        """A number that is new in this module."""
        self._serial += 1
        return self._serial

    def node(self, text: str) -> str:
        """Return the metadata node with this text; equal texts share a node."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self.distinct(text)
        return found

    def tuple(self, nodes: Sequence[str]) -> str:
        """Return the node that lists ``nodes``."""
        return self.node(f"!{{{', '.join(nodes)}}}")

    def distinct(self, text: str = "!{}") -> str:
        """Add a metadata node of its own; `fill` may change its text later."""
        self._nodes.append(text)
        return f"!{len(self._nodes) - 1}"

    def fill(self, node: str, text: str) -> None:
        """Set the text of a node made by `distinct`."""
        self._nodes[int(node[1:])] = text

    def declare(self, name: str, text: str) -> str:
        """Declare the function ``name`` once; ``text`` is all that follows ``declare``."""
        self.declarations.setdefault(name, text)
        return symbol(name)

    def string(self, data: bytes) -> str:
        """Return the private constant that holds ``data``."""
        found = self._strings.get(data)
        if found is None:
            found = self._strings[data] = f"@.str.{len(self._strings)}"
            self.globals.append(
                f"{found} = private unnamed_addr constant "
                f'[{len(data)} x i8] c"{quote(data)}", align 1'
            )
        return found

    def constant(self, typed: str, align: int) -> str:
        """Return a private constant with the typed initialiser ``typed``."""
        key = (typed, align)
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = f"@.const.{len(self._constants)}"
            self.globals.append(f"{found} = private unnamed_addr constant {typed}, align {align}")
        return found

    def text(self) -> str:
        """The whole module."""
        parts = [
            f'target datalayout = "{DATA_LAYOUT[self.byte_order]}"',
            f'target triple = "{TRIPLE[self.byte_order]}"',
            *self.globals,
            *(f"declare {text}" for text in self.declarations.values()),
            *self.functions,
        ]
        for name, nodes in self.named_metadata.items():
            parts.append(f"!{name} = !{{{', '.join(nodes)}}}")
        parts += [f"!{number} = {text}" for number, text in enumerate(self._nodes)]
        return "\n".join(parts) + "\n"


class FunctionText:
    """Blocks of one function. After a terminator the next instruction opens a fresh, dead block."""

    def __init__(self, module: ModuleText) -> None:
        self.module = module
        self.location = ""  # ", !dbg !N" put after every instruction
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._temps = 0
        self._blocks = 0
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the current block has its terminator."""
        return self._ended

    def alloca(self, kind: str, align: int) -> str:
        """Reserve stack memory in the entry block."""
        name = f"%s{len(self._allocas)}"
        self._allocas.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def block(self, hint: str) -> str:
        """Return a new block name."""
        self._blocks += 1
        return f"{hint}{self._blocks}"

    def do(self, text: str, metadata: str = "") -> None:
        """Append an instruction without a result."""
        if self._ended:
            self.open(self.block("dead"))
        self._lines.append(f"  {text}{metadata}{self.location}")

    def get(self, text: str, metadata: str = "") -> str:
        """Append an instruction and return its result."""
        self._temps += 1
        name = f"%t{self._temps}"
        self.do(f"{name} = {text}", metadata)
        return name

    def open(self, block: str) -> None:
        """Start ``block``; an unterminated block falls through into it."""
        self.jump(block)
        self._lines.append(f'"{block}":')
        self._ended = False

    def jump(self, block: str, metadata: str = "") -> None:
        """End the current block with a jump, unless it has ended."""
        if not self._ended:
            self.do(f'br label %"{block}"', metadata)
            self._ended = True

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        """End the current block with a conditional jump."""
        self.do(f'br i1 {condition}, label %"{then}", label %"{otherwise}"')
        self._ended = True

    def end(self, text: str) -> None:
        """End the current block with any other terminator."""
        self.do(text)
        self._ended = True

    def body(self) -> str:
        """All blocks, the stack memory first."""
        return "\n".join(["entry:", *self._allocas, *self._lines])
