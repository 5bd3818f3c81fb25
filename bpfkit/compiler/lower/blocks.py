"""Builtins about blocks of memory, expanded in place: BPF has nothing to call."""

from __future__ import annotations

from dataclasses import dataclass

from ..ctype import U8, ULONG, Pointer, Void, align_of, bare, size_of
from ..diagnostics import Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access
from ..tree import AddrOf, Builtin, Cast, Decay, DeclRef, Expr, FunctionDecl
from .atomics import Atomics
from .memory import INLINE_BYTES

LARGEST_COPY = 4 * INLINE_BYTES
LARGEST_COMPARISON = 256


@dataclass(frozen=True, slots=True)
class Block:
    """An address, and what its expression tells of it."""

    address: str
    align: int
    access: Access
    helper: int = 0


class Blocks(Atomics):
    """``memcpy`` and its family."""

    def _block(self, e: Expr) -> Block:
        """Look through the casts to ``void *``: below them stand the alignment and the access."""
        inner = e
        while isinstance(inner, Cast) and isinstance(bare(inner.operand.type), Pointer):
            inner = inner.operand
        operand = inner.operand if isinstance(inner, (AddrOf, Decay)) else None
        if operand is not None and not (
            isinstance(operand, DeclRef) and isinstance(operand.decl, FunctionDecl)
        ):
            place = self.reach(self.place(operand))
            return Block(place.address, place.align, place.access, place.helper)
        pointer = bare(inner.type)
        plain = isinstance(pointer, Pointer) and not isinstance(bare(pointer.to), Void)
        align = align_of(pointer.to) if isinstance(pointer, Pointer) and plain else 1
        access, helper = self.instance.pointer_access(inner), self.instance.helper(inner)
        return Block(self.near_value(inner), align, access, helper)

    def _size(self, e: Builtin, number: int) -> int | str:
        """A size as a number, or as an i64 operand that must become one after inlining."""
        known = self.folder.value(e.args[number])
        if isinstance(known, int):
            if known > LARGEST_COPY or known < 0:
                raise Rejection(
                    f"{e.name} of {known} bytes; at most {LARGEST_COPY} can be expanded in place",
                    e.loc,
                    "use a loop, or bpf_probe_read_kernel() to copy",
                )
            return known
        return self.convert(self.value(e.args[number]), e.args[number].type, ULONG, e.loc)

    def memory_copy(self, e: Builtin) -> str:
        """``memcpy``; from kernel or user memory it is the helper call itself."""
        to, source = self._block(e.args[0]), self._block(e.args[1])
        size = self._size(e, 2)
        check_store(to.access, e.loc)
        if source.access is not Access.DIRECT:
            return self._read_block(to, source, size)
        if isinstance(size, str):
            self._transfer("memcpy", to, source, size)
        else:
            self.copy(to.address, source.address, size, to.align, source.align)
        return to.address

    def _read_block(self, to: Block, source: Block, size: int | str) -> str:
        """Copy what only a helper can read."""
        if isinstance(size, str):
            size = self.get(f"trunc i64 {size} to i32")
        self.probe(to.address, size, source.address, source.helper)
        return to.address

    def memory_move(self, e: Builtin) -> str:
        """``memmove``."""
        to, source = self._block(e.args[0]), self._block(e.args[1])
        size = self._size(e, 2)
        check_store(to.access, e.loc)
        if source.access is Access.MIXED:
            raise Rejection(
                "memmove from memory that may be local or the kernel's",
                e.loc,
                "use one variable for local memory and another one for the rest, or memcpy",
            )
        if source.access is not Access.DIRECT:
            return self._read_block(to, source, size)  # it does not overlap
        if isinstance(size, int) and size > INLINE_BYTES:
            raise Rejection(
                f"memmove of {size} bytes; at most {INLINE_BYTES}",
                e.loc,
                "move it in smaller pieces, or use memcpy where nothing overlaps",
            )
        self._transfer("memmove", to, source, size)
        return to.address

    def _transfer(self, which: str, to: Block, source: Block, size: int | str) -> None:
        self.transfer(which, (to.address, to.align), (source.address, source.align), size)

    def memory_fill(self, e: Builtin) -> str:
        """``memset``."""
        to = self._block(e.args[0])
        byte = self.convert(self.value(e.args[1]), e.args[1].type, U8, e.loc)
        self._fill(e, to, byte, self._size(e, 2))
        return to.address

    def memory_clear(self, e: Builtin) -> str:
        """``bzero``."""
        to = self._block(e.args[0])
        self._fill(e, to, "0", self._size(e, 1))
        return ""

    def _fill(self, e: Builtin, to: Block, byte: str, size: int | str) -> None:
        check_store(to.access, e.loc)
        self.fill(to.address, byte, size, to.align)

    def memory_compare(self, e: Builtin) -> str:
        """``memcmp`` of a constant size: the first difference decides."""
        size = self._size(e, 2)
        if isinstance(size, str) or size > LARGEST_COMPARISON:
            raise Rejection(
                f"{e.name} needs a constant size of at most {LARGEST_COMPARISON} bytes",
                e.loc,
                "use bpf_strncmp(), or a loop",
            )
        left, right = (self._readable(self._block(a), size) for a in e.args[:2])
        slot = self.alloca("i32", 4)
        differ, end = self.block("differ"), self.block("end")
        sides = [self.alloca("i64", 8) for _ in range(2)]
        self.do(f"store i32 0, ptr {slot}")
        at = 0
        while at < size:
            unit = min(left.align, right.align, 8)
            while unit > size - at:
                unit //= 2
            self._compare_unit(at, unit, (left, right), sides, differ)
            at += unit
        self.jump(end)
        self.open(differ)
        a, b = (self.get(f"load i64, ptr {side}") for side in sides)
        less = self.get(f"icmp ult i64 {a}, {b}")
        sign = self.get(f"select i1 {less}, i32 -1, i32 1")
        self.do(f"store i32 {sign}, ptr {slot}")
        self.open(end)
        result = self.get(f"load i32, ptr {slot}")
        return self.resize(result, 32, size_of(e.type) * 8, signed=True)

    def _readable(self, block: Block, size: int) -> Block:
        """A block that plain loads may read; memory of the kernel is copied first."""
        if block.access is Access.DIRECT:
            return block
        copy = self.alloca(f"[{size} x i8]", 8)
        self.probe(copy, size, block.address, block.helper)
        return Block(copy, 8, Access.DIRECT)

    def _compare_unit(
        self, at: int, unit: int, blocks: tuple[Block, Block], sides: list[str], differ: str
    ) -> None:
        bits = unit * 8
        for block, side in zip(blocks, sides, strict=True):
            address = self.offset(block.address, at)
            word = self.get(f"load i{bits}, ptr {address}, align {unit}")
            if unit > 1 and self.module.byte_order == "little":
                swap = self.module.declare(
                    f"llvm.bswap.i{bits}", f"i{bits} @llvm.bswap.i{bits}(i{bits})"
                )
                word = self.get(f"call i{bits} {swap}(i{bits} {word})")
            self.do(f"store i64 {self.resize(word, bits, 64, signed=False)}, ptr {side}")
        a, b = (self.get(f"load i64, ptr {side}") for side in sides)
        after = self.block("equal")
        self.branch(self.get(f"icmp eq i64 {a}, {b}"), after, differ)
        self.open(after)

    def string_length(self, e: Builtin) -> str:
        """``strlen``; that of a literal is a number by now."""
        raise Rejection(
            "strlen() of a string that is not a literal", e.loc, "use bpf_probe_read_str()"
        )
