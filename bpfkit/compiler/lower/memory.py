"""C objects in memory: loads, stores, bit-fields, copies, conversions.

Records are byte arrays, ``_Bool`` is i8, enumerations are their integer type. Memory that the
verifier cannot see (`Access`) is read by helper: scalars through one 8-byte slot for each
function, records straight into their destination. Pointer arithmetic is never ``inbounds``: LLVM
would conclude that a kernel address cannot be null.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ctype import (
    LONG,
    ULONG,
    Array,
    Enum,
    Field,
    Float,
    Function,
    Int,
    Pointer,
    Record,
    Type,
    Void,
    align_of,
    as_int,
    bare,
    is_volatile,
    size_of,
)
from ..diagnostics import Loc, Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access
from .irtext import FunctionText, ModuleText

INLINE_BYTES = 1024
"""The largest copy or fill that the backend expands; above it calls what does not exist."""

BY_HELPER = (Access.EXTERNAL, Access.MIXED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an lvalue lives."""

    address: str
    type: Type
    align: int
    access: Access = Access.DIRECT
    bits: Field | None = None
    """The bit-field this is; ``address`` is that of its record, or its own when ``relocated``."""
    root: str = ""
    """Where a CO-RE chain here begins: the value at the arrow; "" for local objects."""
    relocated: bool = False
    """Whether ``address`` is the result of a CO-RE step."""
    helper: int = 0
    """The helper that reads here, where it is not the usual one."""
    space: int = 0
    """The address space of ``address``; what is read or written is first found in space 0."""


def kind_of(t: Type, loc: Loc = Loc()) -> str:  # noqa: B008 - Loc is frozen
    """The LLVM type of a value of C type ``t``."""
    t = bare(t)
    match t:
        case Int():
            return f"i{t.size * 8}"
        case Enum():
            return f"i{t.underlying.size * 8}"
        case Pointer():
            return pointer_kind(t.address_space)
        case Void():
            return "void"
        case Record() | Array():
            return f"[{size_of(t)} x i8]"
        case Float():
            raise Rejection(
                f"BPF has no floating point: '{t.name}' cannot be computed with",
                loc,
                "use integers, scaled where fractions matter",
            )
    return "ptr"


def pointer_kind(space: int) -> str:
    """The LLVM type of an address in ``space``."""
    return f"ptr addrspace({space})" if space else "ptr"


def is_record(t: Type) -> bool:
    """Whether values of ``t`` are handled by address."""
    return isinstance(bare(t), Record)


def common_align(align: int, offset: int) -> int:
    """The alignment of an address ``offset`` bytes after one aligned to ``align``."""
    return min(align, offset & -offset) if offset else align


def literal(value: int, t: Type) -> str:
    """An integer constant as an operand of type ``t``."""
    if isinstance(bare(t), Pointer):
        return f"inttoptr (i64 {value & (1 << 64) - 1} to {kind_of(t)})" if value else "null"
    integer = as_int(t)
    if integer.is_bool:
        return str(int(value != 0))
    bits = integer.size * 8
    value &= (1 << bits) - 1
    return str(value - (1 << bits) if value >> (bits - 1) else value)


class Memory(FunctionText):
    """Reading and writing C objects in one function."""

    def __init__(self, module: ModuleText, read_helper: int) -> None:
        super().__init__(module)
        self._read_helper = read_helper
        self._slot = ""

    # ------------------------------------------------------------ addresses

    def offset(self, address: str, count: int | str, space: int = 0) -> str:
        """``address`` plus ``count`` bytes (an i64 operand)."""
        if not count:
            return address
        return self.get(f"getelementptr i8, {pointer_kind(space)} {address}, i64 {count}")

    def near(self, address: str, space: int) -> str:
        """An address of another space as one of space 0."""
        return self.move_address(address, space, 0)

    def move_address(self, address: str, space: int, to: int) -> str:
        """An address of one space as one of another.

        LLVM's optimiser (22.1) runs out of stack on an address that goes to space 0, is moved on,
        comes back, is moved on and goes there again; it does not look through an empty asm.
        """
        if space == to or address == "null":
            return address
        if not space:
            address = self.get(f'call ptr asm "", "=r,0"(ptr {address})')
        return self.get(f"addrspacecast {pointer_kind(space)} {address} to {pointer_kind(to)}")

    def reach(self, place: Place) -> Place:
        """The same place, with an address in space 0; only what is read or written goes there."""
        if not place.space:
            return place
        address = self.near(place.address, place.space)
        return replace(place, address=address, space=0, root=address if place.root else "")

    def room(self, t: Type, align: int = 0) -> str:
        """Stack memory for an object of type ``t``, live in the whole function.

        It is aligned to ``align`` bytes where that is more than the type asks for.
        """
        return self.alloca(kind_of(t), max(align, align_of(t)))

    def start(self, address: str) -> None:
        """Begin the lifetime of stack memory."""
        self._lifetime("start", address)

    def stop(self, address: str) -> None:
        """End the lifetime of stack memory."""
        if not self.ended:
            self._lifetime("end", address)

    def _lifetime(self, which: str, address: str) -> None:
        name = self.module.declare(
            f"llvm.lifetime.{which}.p0", f"void @llvm.lifetime.{which}.p0(ptr)"
        )
        self.do(f"call void {name}(ptr {address})")

    # ------------------------------------------------------------ blocks of bytes

    def copy(self, to: str, source: str, size: int, to_align: int, source_align: int) -> None:
        """Copy ``size`` bytes between direct addresses, in pieces that the backend expands.

        Both alignments matter: without the second one it copies byte by byte.
        """
        for at in range(0, size, INLINE_BYTES):
            self.transfer(
                "memcpy",
                (self.offset(to, at), common_align(to_align, at)),
                (self.offset(source, at), common_align(source_align, at)),
                min(INLINE_BYTES, size - at),
            )

    def transfer(
        self, which: str, to: tuple[str, int], source: tuple[str, int], size: int | str
    ) -> None:
        """Call the intrinsic ``memcpy`` or ``memmove`` on (address, alignment) pairs."""
        intrinsic = f"llvm.{which}.p0.p0.i64"
        name = self.module.declare(intrinsic, f"void @{intrinsic}(ptr, ptr, i64, i1 immarg)")
        self.do(
            f"call void {name}(ptr align {to[1]} {to[0]}, ptr align {source[1]} {source[0]}, "
            f"i64 {size}, i1 false)"
        )

    def fill(self, to: str, byte: str, size: int | str, align: int) -> None:
        """Set ``size`` bytes to the i8 operand ``byte``."""
        name = self.module.declare(
            "llvm.memset.p0.i64", "void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)"
        )
        pieces: list[tuple[int, int | str]] = [(0, size)]
        if isinstance(size, int):
            starts = range(0, size, INLINE_BYTES)
            pieces = [(at, min(INLINE_BYTES, size - at)) for at in starts]
        for at, piece in pieces:
            self.do(
                f"call void {name}(ptr align {common_align(align, at)} {self.offset(to, at)}, "
                f"i8 {byte}, i64 {piece}, i1 false)"
            )

    def probe(self, to: str, size: int | str, address: str, helper: int = 0) -> str:
        """Read kernel or user memory with a helper; it zeroes the destination when it fails."""
        return self.get(
            f"call i64 inttoptr (i64 {helper or self._read_helper} to ptr)"
            f"(ptr {to}, i32 {size}, ptr {address})"
        )

    def copy_place(self, to: str, to_align: int, source: Place) -> None:
        """Copy the record at ``source``."""
        source = self.reach(source)
        size = size_of(source.type)
        if source.access is Access.DIRECT:
            self.copy(to, source.address, size, to_align, source.align)
        elif size:
            self.probe(to, size, source.address, source.helper)

    # ------------------------------------------------------------ scalars

    def load(self, place: Place, loc: Loc) -> str:
        """The value of a scalar object."""
        place = self.reach(place)
        if place.bits is not None:
            return self._load_bits(place, place.bits, loc)
        kind = kind_of(place.type, loc)
        if place.access in BY_HELPER:
            size = size_of(place.type)
            slot = self._probe_slot(size)
            self.probe(slot, size, place.address, place.helper)
            return self.get(f"load {kind}, ptr {slot}, align {min(size, 8)}")
        volatile = "volatile " if is_volatile(place.type) else ""
        return self.get(f"load {volatile}{kind}, ptr {place.address}, align {place.align}")

    def store(self, place: Place, value: str, loc: Loc) -> None:
        """Store a scalar value."""
        check_store(place.access, loc)
        place = self.reach(place)
        if place.bits is not None:
            if place.relocated:
                raise Rejection(
                    "a relocated bit-field cannot be written",
                    loc,
                    "copy the record into one of your own and change that",
                )
            self._store_bits(place, place.bits, value)
            return
        volatile = "volatile " if is_volatile(place.type) else ""
        kind = kind_of(place.type, loc)
        self.do(f"store {volatile}{kind} {value}, ptr {place.address}, align {place.align}")

    def _probe_slot(self, size: int) -> str:
        if size > 8:
            return self.alloca(f"[{size} x i8]", 8)
        if not self._slot:
            self._slot = self.alloca("i64", 8)
        return self._slot

    # ------------------------------------------------------------ bit-fields

    def _unit(self, place: Place, bits: Field) -> tuple[int, int, int]:
        """(byte offset, bits, shift) of the memory unit to access for a bit-field.

        The smallest aligned unit inside the record, or for packed records the bytes it covers.
        """
        first, width = bits.bit_offset, bits.bit_width or 0
        limit = bits.record.size if bits.record is not None else 0
        for size in (8, 16, 32, 64):
            start = first // size * size
            if first + width <= start + size and (start + size) // 8 <= limit:
                break
        else:
            start = first // 8 * 8
            size = (first + width - start + 7) // 8 * 8
        shift = first - start
        if self.module.byte_order == "big":
            shift = size - width - shift
        return start // 8, size, shift

    def _load_bits(self, place: Place, bits: Field, loc: Loc) -> str:
        if place.relocated:
            return self._load_relocated_bits(place, loc)
        at, size, shift = self._unit(place, bits)
        address = self.offset(place.address, at)
        align = common_align(place.align, at)
        if place.access is not Access.DIRECT:
            slot = self._probe_slot(size // 8)
            self.probe(slot, size // 8, address, place.helper)
            address, align = slot, 8
        volatile = "volatile " if is_volatile(place.type) else ""
        unit = self.get(f"load {volatile}i{size}, ptr {address}, align {align}")
        return self._extract(unit, size, shift, bits.bit_width or 0, as_int(place.type))

    def _extract(self, unit: str, size: int, shift: int, width: int, t: Int) -> str:
        if t.signed:
            high = self.get(f"shl i{size} {unit}, {size - width - shift}")
            value = self.get(f"ashr i{size} {high}, {size - width}")
        else:
            low = self.get(f"lshr i{size} {unit}, {shift}")
            value = self.get(f"and i{size} {low}, {(1 << width) - 1}")
        return self.resize(value, size, t.size * 8, signed=t.signed)

    def _store_bits(self, place: Place, bits: Field, value: str) -> None:
        at, size, shift = self._unit(place, bits)
        width = bits.bit_width or 0
        address = self.offset(place.address, at)
        align = common_align(place.align, at)
        mask = ((1 << width) - 1) << shift
        volatile = "volatile " if is_volatile(place.type) else ""
        old = self.get(f"load {volatile}i{size}, ptr {address}, align {align}")
        wide = self.resize(value, as_int(place.type).size * 8, size, signed=False)
        moved = self.get(f"shl i{size} {wide}, {shift}")
        new = self.get(f"and i{size} {moved}, {mask}")
        kept = self.get(f"and i{size} {old}, {(1 << size) - 1 ^ mask}")
        both = self.get(f"or i{size} {kept}, {new}")
        self.do(f"store {volatile}i{size} {both}, ptr {address}, align {align}")

    def _load_relocated_bits(self, place: Place, loc: Loc) -> str:
        """Read a bit-field wherever the target kernel has it: all is relocated."""
        if self.module.byte_order == "big":
            raise Rejection(
                "a relocated bit-field cannot be read on big endian",
                loc,
                "read the word that holds it with bpf_probe_read_kernel(), and shift",
            )
        slot = self._probe_slot(8)
        at = self.field_info(place.address, 0)
        size = self.field_info(place.address, 1)
        up = self.field_info(place.address, 4)
        down = self.field_info(place.address, 5)
        self.do(f"store i64 0, ptr {slot}, align 8")
        at64 = self.get(f"zext i32 {at} to i64")
        self.probe(slot, size, self.offset(place.root, at64), place.helper)
        unit = self.get(f"load i64, ptr {slot}, align 8")
        high = self.get(f"shl i64 {unit}, {self.get(f'zext i32 {up} to i64')}")
        t = as_int(place.type)
        shift = "ashr" if t.signed else "lshr"
        value = self.get(f"{shift} i64 {high}, {self.get(f'zext i32 {down} to i64')}")
        return self.resize(value, 64, t.size * 8, signed=t.signed)

    def field_info(self, chain: str, what: int) -> str:
        """One fact (enum bpf_core_relo_kind) of the field at the end of a CO-RE chain, as i32."""
        name = self.module.declare(
            "llvm.bpf.preserve.field.info.p0",
            "i32 @llvm.bpf.preserve.field.info.p0(ptr, i64 immarg)",
        )
        return self.get(f"call i32 {name}(ptr {chain}, i64 {what})")

    # ------------------------------------------------------------ conversions

    def resize(self, value: str, bits: int, to_bits: int, *, signed: bool) -> str:
        """Truncate or extend an integer operand."""
        if bits == to_bits:
            return value
        how = "trunc" if to_bits < bits else "sext" if signed else "zext"
        return self.get(f"{how} i{bits} {value} to i{to_bits}")

    def truth(self, value: str, t: Type, loc: Loc) -> str:
        """Compare a scalar with zero: an i1."""
        zero = "null" if isinstance(bare(t), (Pointer, Function, Array)) else "0"
        return self.get(f"icmp ne {kind_of(t, loc)} {value}, {zero}")

    def convert(self, value: str, source: Type, to: Type, loc: Loc) -> str:
        """Convert a scalar between C types."""
        source, to = bare(source), bare(to)
        if isinstance(to, Void):
            return ""
        if isinstance(source, Float) or isinstance(to, Float):
            kind_of(source, loc)
            kind_of(to, loc)
        if isinstance(to, Int) and to.is_bool:
            if isinstance(source, Int) and source.is_bool:
                return value
            return self.get(f"zext i1 {self.truth(value, source, loc)} to i8")
        if isinstance(source, (Int, Enum)):
            number = as_int(source)
            if isinstance(to, Pointer):
                if value == "0":
                    return "null"
                wide = self.convert(value, source, LONG if number.signed else ULONG, loc)
                return self.get(f"inttoptr i64 {wide} to {kind_of(to)}")
            if isinstance(to, (Int, Enum)):
                target = as_int(to)
                if value.lstrip("-").isdigit():
                    return _convert_literal(int(value), number, target)
                return self.resize(value, number.size * 8, target.size * 8, signed=number.signed)
        elif isinstance(to, (Int, Enum)):
            return self.get(f"ptrtoint {kind_of(source)} {value} to {kind_of(to)}")
        elif kind_of(source) != kind_of(to):
            return self.move_address(value, space_of(source), space_of(to))
        return value


def space_of(t: Type) -> int:
    """The address space that pointers of type ``t`` lead to."""
    pointer = bare(t)
    return pointer.address_space if isinstance(pointer, Pointer) else 0


def _convert_literal(value: int, source: Int, to: Int) -> str:
    bits = source.size * 8
    value &= (1 << bits) - 1
    if source.signed and value >> (bits - 1):
        value -= 1 << bits
    return literal(value, to)
