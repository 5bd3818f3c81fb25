"""CO-RE: member accesses that the loader moves to where the target kernel has them.

A chain of ``preserve.*.access.index`` calls names the path from a pointer to a member; the
backend turns each chain into one relocation. A chain begins at an arrow, follows members and
constant subscripts, and ends at a variable subscript; what comes after begins a new one. Local
objects have our own layout and get none.

The element type given to a struct step only serves a fallback that is never used, so a packed pair
with the member's offset stands for any record.
"""

from __future__ import annotations

from dataclasses import replace

from ..ctype import Array, Field, Record, RecordKind, bare, size_of
from ..provenance.plan import Access
from .debuginfo import DebugInfo, Need
from .irtext import ModuleText
from .memory import Memory, Place, common_align


class Chains(Memory):
    """Members and elements of places."""

    def __init__(self, module: ModuleText, debug: DebugInfo, read_helper: int) -> None:
        super().__init__(module, read_helper)
        self.debug = debug
        self.preserving = 0
        """Above zero inside ``__builtin_preserve_access_index`` and its like."""

    def member(self, base: Place, field: Field) -> Place:
        """The place of ``base.field``."""
        record = bare(base.type)
        assert isinstance(record, Record)
        relocate = bool(base.root) and (record.relocatable or self.preserving > 0)
        bits = field if field.bit_width is not None else None
        if bits is not None and base.access is Access.DIRECT and not self.preserving:
            relocate = False  # memory of ours, with our own layout
        if relocate and field.index >= 0:
            base = self.reach(base)
            address = self._step(base.address, record, field)
            align = 1 if bits else common_align(base.align, field.offset)
            return replace(
                base, address=address, type=field.type, align=align, bits=bits, relocated=True
            )
        if bits is not None:
            return replace(base, type=field.type, bits=field, root="", relocated=False)
        address = self.offset(base.address, field.offset, base.space)
        return replace(
            base,
            address=address,
            type=field.type,
            align=common_align(base.align, field.offset),
            root=address if base.root else "",
            relocated=False,
        )

    def element(self, base: Place, index: str) -> Place:
        """The place of ``base[index]``; ``index`` is an i64 operand."""
        array = bare(base.type)
        assert isinstance(array, Array)
        size = size_of(array.of)
        constant = index.isdigit()
        if base.relocated and constant and array.count is not None and int(index) < array.count:
            name = self.module.declare(
                "llvm.preserve.array.access.index.p0.p0",
                "ptr @llvm.preserve.array.access.index.p0.p0(ptr, i32 immarg, i32 immarg)",
            )
            address = self.get(
                f"call ptr {name}(ptr elementtype([{array.count} x [{size} x i8]]) "
                f"{base.address}, i32 1, i32 {index})",
                f", !llvm.preserve.access.index {self.debug.type(array, Need.PART)}",
            )
            return replace(
                base,
                address=address,
                type=array.of,
                align=common_align(base.align, size * int(index)),
            )
        if constant:
            address = self.offset(base.address, int(index) * size, base.space)
            align = common_align(base.align, int(index) * size)
        else:
            scaled = self.get(f"mul i64 {index}, {size}") if size != 1 else index
            address = self.offset(base.address, scaled, base.space)
            align = common_align(base.align, size)
        return replace(
            base,
            address=address,
            type=array.of,
            align=max(align, 1),
            root=address if base.root else "",
            relocated=False,
        )

    def _step(self, address: str, record: Record, field: Field) -> str:
        node, number = self.debug.step(record, field)
        described = f", !llvm.preserve.access.index {node}"
        if record.kind is RecordKind.UNION:
            name = self.module.declare(
                "llvm.preserve.union.access.index.p0.p0",
                "ptr @llvm.preserve.union.access.index.p0.p0(ptr, i32 immarg)",
            )
            return self.get(f"call ptr {name}(ptr {address}, i32 {number})", described)
        name = self.module.declare(
            "llvm.preserve.struct.access.index.p0.p0",
            "ptr @llvm.preserve.struct.access.index.p0.p0(ptr, i32 immarg, i32 immarg)",
        )
        shape = f"<{{[{field.bit_offset // 8} x i8], i8}}>"
        if field.bit_width is not None:
            # The backend wants to know how wide the words are that may hold a bit-field.
            shape = f"{{i{min(record.align, 8) * 8}, i8}}"
        return self.get(
            f"call ptr {name}(ptr elementtype({shape}) {address}, i32 1, i32 {number})",
            described,
        )
