"""Values as numpy arrays on the memory they lie in, for those who have numpy.

Nothing else here needs numpy, and it is no dependency: it is imported when an array is asked for.
"""

from __future__ import annotations

from typing import Any

from .._lazy import need
from ..errors import DecodeError
from .addresses import AddressPlan
from .arrays import Chars, Items, Listed, Numbers, Text
from .from_ctypes import Instance
from .members import Members
from .plans import Plan
from .scalars import MARKS, Bool, Hidden, Named, Number, Real

# numpy is optional, so its classes have no name here: Any, at this edge only.
Array = Any
_KINDS = {"e": "f2", "f": "f4", "d": "f8"}


def array_of(plan: Plan, view: memoryview, count: int, step: int) -> Array:
    """Return ``count`` values that begin every ``step`` bytes. Raises MissingDependencyError."""
    numpy = need("numpy", install="numpy", purpose="to_numpy()")
    dtype = numpy.dtype(description(plan, ""))
    return numpy.ndarray((count,), dtype, view, strides=(step,))


def description(plan: Plan, name: str) -> Any:  # noqa: ANN401 - what numpy.dtype() takes
    """Describe a type as ``numpy.dtype`` takes it. Raises DecodeError naming a bit-field."""
    match plan:
        case Number(code=code, order=order):
            return f"{MARKS[order]}{'i' if code.islower() else 'u'}{plan.size}"
        case Real(code=code, order=order):
            return f"{MARKS[order]}{_KINDS[code]}"
        case Bool(number=Number(size=1)):
            return "?"
        case Named(number=number):
            return description(number, name)
        case Chars(size=size) | Text(size=size):
            return f"S{size}"
        case Hidden(size=size):
            return f"V{size}"
        case Numbers(item=item, count=count) | Items(item=item, count=count):
            return (description(item, name), (count,))
        case Listed(items=items):
            return description(items, name)
        case AddressPlan(size=4):
            return ">u4"
        case AddressPlan():
            return ("u1", (plan.size,))
        case Members():
            return _structured(plan, name)
        case Instance(members=members):
            return _structured(members, name)
        case _:
            raise DecodeError("bit-fields and integers of this width have no numpy type", name)


def _structured(plan: Members, name: str) -> dict[str, Any]:
    fields = [f for f in plan.fields if f.plan.size]
    return {
        "names": [f.name for f in fields],
        "formats": [description(f.plan, f"{name}.{f.name}" if name else f.name) for f in fields],
        "offsets": [f.offset for f in fields],
        "itemsize": plan.size,
    }
