"""Plans for the types of a BTF."""

from __future__ import annotations

from collections.abc import Iterator

from ..btf.layout import POINTER_BYTES, member_bits, size_of
from ..btf.types import Array, Btf, Enum, Enum64, Float, Int, Member, Ptr, Struct, TypeTag, Union
from ..errors import DecodeError
from .arrays import Chars, Items, Numbers, Tail
from .enums import enum_class, named
from .members import Field, record_members
from .plans import Plan
from .scalars import Bool, Hidden, Number, Real, Wide, integer, real

_MAX_DEPTH = 32
# What the kernel hides in map values: btf_get_field_type() in kernel/bpf/btf.c.
_HIDDEN = frozenset(
    {
        "bpf_spin_lock",  # v5.1
        "bpf_timer",  # v5.15
        "bpf_list_head",  # v6.1
        "bpf_list_node",
        "bpf_rb_root",  # v6.3
        "bpf_rb_node",
        "bpf_refcount",  # v6.4
        "bpf_wq",  # v6.10
        "bpf_res_spin_lock",  # v6.15
        "bpf_task_work",  # v6.18
    }
)
# Tags of pointers that only programs set; what ``uptr`` marks comes from user space.
_KPTR_TAGS = frozenset({"kptr", "kptr_ref", "kptr_untrusted", "percpu_kptr"})


def plan_of(btf: Btf, type_id: int, *, names: bool) -> Plan:
    """Make the plan of a type. Raises FormatError when it has no size."""
    size_of(btf, type_id)
    return _Planner(btf, names).plan(type_id, 0, tail=True)


class _Planner:
    """Makes plans for the types of one BTF, each once."""

    def __init__(self, btf: Btf, names: bool) -> None:
        self._btf = btf
        self._names = names
        self._order = btf.byteorder
        self._made: dict[int, Plan] = {}

    def plan(self, type_id: int, depth: int, *, tail: bool = False) -> Plan:
        """Make the plan of one type; ``tail`` if nothing follows that belongs to something else."""
        if depth > _MAX_DEPTH:
            raise DecodeError(f"types are nested deeper than {_MAX_DEPTH}")
        found_id, _ = self._btf.resolve(type_id)
        if tail:
            return self._plan(found_id, depth, tail=True)
        made = self._made.get(found_id)
        if made is None:
            made = self._made[found_id] = self._plan(found_id, depth, tail=False)
        return made

    def _plan(self, type_id: int, depth: int, *, tail: bool) -> Plan:
        match self._btf.type(type_id):
            case Int() as found:
                return self._int(found)
            case Enum() | Enum64() as found:
                return self._named(
                    found, integer(found.size, signed=found.signed, order=self._order)
                )
            case Ptr(type_id=inner):
                return self._pointer(inner)
            case Float(size=size):
                return real(size, self._order) or Chars(size)
            case Array() as found:
                return self._array(found, depth)
            case Struct() | Union() as found:
                if found.name in _HIDDEN:
                    return Hidden(f"struct {found.name}", found.size)
                return self._record(found, depth, tail=tail)
            case found:
                raise DecodeError(f"{found.kind} {found.name} has no value")

    def _int(self, found: Int) -> Plan:
        number = integer(found.size, signed=found.signed, order=self._order)
        if found.bits != 8 * found.size:
            shift = found.offset
            if self._order == "big":
                shift = 8 * found.size - found.bits - found.offset
            number = Wide(found.size, found.bits, shift, found.signed, self._order)
        return Bool(number) if found.bool_ else number

    def _named(self, found: Enum | Enum64, number: Number | Wide) -> Plan:
        if not self._names:
            return number
        return named(number, enum_class(found))

    def _pointer(self, inner: int) -> Plan:
        tag = self._btf.type(inner)
        if isinstance(tag, TypeTag) and tag.name in _KPTR_TAGS:
            return Hidden(f"a pointer tagged {tag.name}", POINTER_BYTES)
        return integer(POINTER_BYTES, signed=False, order=self._order)

    def _array(self, found: Array, depth: int) -> Plan:
        _, element = self._btf.resolve(found.type_id)
        if isinstance(element, Int) and is_char(element):
            return Chars(found.count)
        item = self.plan(found.type_id, depth + 1)
        if isinstance(item, Number | Real):
            return Numbers(item, found.count)
        return Items(item, found.count)

    def _record(self, found: Struct | Union, depth: int, *, tail: bool) -> Plan:
        fields = list(self._fields(found, 0, depth, tail))
        word = "union" if isinstance(found, Union) else "struct"
        what = f"{word} {found.name}" if found.name else f"an unnamed {word}"
        return record_members(what, found.name, found.size, fields, self._order)

    def _fields(self, record: Struct | Union, base: int, depth: int, tail: bool) -> Iterator[Field]:
        """Give the members; ``base`` is the offset of an anonymous record in bytes."""
        last = len(record.members) - 1
        for i, member in enumerate(record.members):
            ends = tail and (i == last or isinstance(record, Union))
            offset, bits = member_bits(self._btf, member)
            _, inner = self._btf.resolve(member.type_id)
            if member.name:
                first = base + offset // 8
                if bits:
                    plan = self._bits(inner, offset % 8, bits)
                else:
                    plan = self._member(member, depth, ends, record.size - offset // 8)
                yield Field(member.name, first, plan)
            elif isinstance(inner, Struct | Union):
                if depth >= _MAX_DEPTH:
                    raise DecodeError(f"types are nested deeper than {_MAX_DEPTH}")
                yield from self._fields(inner, base + offset // 8, depth + 1, ends)

    def _member(self, member: Member, depth: int, ends: bool, room: int) -> Plan:
        _, inner = self._btf.resolve(member.type_id)
        if ends and isinstance(inner, Array) and not inner.count:
            _, element = self._btf.resolve(inner.type_id)
            if isinstance(element, Int) and is_char(element):
                return Tail(None, max(room, 0))
            return Tail(self.plan(inner.type_id, depth + 1), max(room, 0))
        return self.plan(member.type_id, depth + 1, tail=ends)

    def _bits(self, inner: object, first: int, bits: int) -> Plan:
        """Make the plan of a bit-field that begins at bit ``first`` of its first byte."""
        signed = isinstance(inner, Int | Enum | Enum64) and inner.signed
        size = (first + bits + 7) // 8
        shift = first if self._order == "little" else 8 * size - first - bits
        number = Wide(size, bits, shift, signed, self._order)
        if isinstance(inner, Int) and inner.bool_:
            return Bool(number)
        return self._named(inner, number) if isinstance(inner, Enum | Enum64) else number


def is_char(found: Int) -> bool:
    """Tell whether an integer is C's ``char``, whose arrays are text."""
    if found.name == "char":
        return True
    return found.char and found.size == 1 and "signed" not in found.name
