"""Atomic builtins, as far as BPF has instructions for them: 32 and 64 bits, no nand.

An operation whose old value nobody wants is emitted with relaxed order: that gives the
instruction that every kernel has (BPF_XADD), while fetching ones came with Linux 5.12. Atomic
loads and stores are volatile ones: the backend has no others below CPU v4.
"""

from __future__ import annotations

import re
from abc import abstractmethod

from ..ctype import ULONG, Pointer, Type, align_of, bare, is_scalar, size_of
from ..diagnostics import Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access
from ..tree import AddrOf, Builtin, Cast, Expr
from .calls import Calls
from .memory import kind_of

# C's word in the builtin's name -> LLVM's operation
OPERATIONS = {"add": "add", "sub": "sub", "and": "and", "or": "or", "xor": "xor"}
FENCES = ("__sync_synchronize", "__atomic_thread_fence", "__atomic_signal_fence")
LOADS = ("__atomic_load_n", "__atomic_load")
STORES = ("__atomic_store_n", "__atomic_store", "__sync_lock_release")
EXCHANGES = (
    "__sync_lock_test_and_set",
    "__sync_swap",
    "__atomic_exchange_n",
    "__atomic_exchange",
)
COMPARED = ("__sync_val_compare_and_swap", "__sync_bool_compare_and_swap")
# These are given their values by address.
BY_ADDRESS = ("__atomic_store", "__atomic_exchange", "__atomic_compare_exchange")


class Atomics(Calls):
    """``__sync_*`` and ``__atomic_*``, and CO-RE builtins from ``relocations``."""

    @abstractmethod
    def relocation(self, e: Builtin) -> str:
        """A CO-RE builtin; the stage above has it."""

    def atomic(self, e: Builtin, *, unused: bool) -> str:
        """Lower an atomic builtin."""
        name = e.name
        if name in FENCES:
            # Only the compiler is held back: BPF has no fence.
            self.do('call void asm sideeffect "", "~{memory}"()')
            return ""
        address, t = self._atomic_operand(e)
        if name in LOADS:
            value = self.get(f"load volatile {kind_of(t)}, ptr {address}, align {size_of(t)}")
            return value if name.endswith("_n") else self._give(value, e.args[1], t)
        if name in STORES:
            zero = "null" if kind_of(t).startswith("ptr") else "0"
            value = self._operand(e, 1, t) if len(e.args) > 1 else zero
            self.do(f"store volatile {kind_of(t)} {value}, ptr {address}, align {size_of(t)}")
            return ""
        if name in EXCHANGES:
            value = self._operand(e, 1, t)
            old = self._read_modify_write("xchg", address, value, kind_of(t), unused=False)
            return self._give(old, e.args[2], t) if name == "__atomic_exchange" else old
        if name in COMPARED:
            wanted, new = self._operand(e, 1, t), self._operand(e, 2, t)
            found, same = self._compare_exchange(address, wanted, new, kind_of(t))
            return self._flag(same, e.type) if "bool" in name else found
        if name.startswith("__atomic_compare_exchange"):
            return self._compare_and_tell(e, address, t)
        return self._named(e, address, t, unused=unused)

    def _named(self, e: Builtin, address: str, t: Type, *, unused: bool) -> str:
        """An operation that stands in the name of its builtin."""
        match = re.fullmatch(
            r"__(?:sync|atomic)_(?:fetch_(?:and_)?(\w+)|(\w+?)_(?:and_)?fetch)", e.name
        )
        word = (match.group(1) or match.group(2)) if match else ""
        if match is None or word not in OPERATIONS:
            raise Rejection(f"{e.name} is not supported", e.loc, "use a compare-and-swap loop")
        # Addresses are computed with as numbers.
        number = ULONG if isinstance(t, Pointer) else t
        kind = kind_of(number)
        value = self.convert(self._operand(e, 1, t), t, number, e.loc)
        result = self._read_modify_write(OPERATIONS[word], address, value, kind, unused=unused)
        if match.group(2) and not unused:
            result = self.get(f"{OPERATIONS[word]} {kind} {result}, {value}")
        return self.convert(result, number, t, e.loc)

    def _operand(self, e: Builtin, which: int, t: Type) -> str:
        """An operand as a value of type ``t``; where there is no ``_n``, it tells its address."""
        operand = e.args[which]
        if e.name in BY_ADDRESS:
            return self.get(
                f"load {kind_of(t)}, ptr {self.near_value(operand)}, align {align_of(t)}"
            )
        return self.value_as(operand, t)

    def _give(self, value: str, to: Expr, t: Type) -> str:
        """Store a result where an operand says."""
        self.do(f"store {kind_of(t)} {value}, ptr {self.near_value(to)}, align {align_of(t)}")
        return ""

    def value_as(self, e: Expr, t: Type) -> str:
        """The value of ``e`` converted to ``t``."""
        return self.convert(self.value(e), e.type, t, e.loc)

    def _atomic_operand(self, e: Builtin) -> tuple[str, Type]:
        """The address, and the type of the object there."""
        operand = e.args[0]
        inner = operand
        while isinstance(inner, Cast) and not inner.explicit:
            inner = inner.operand
        if isinstance(inner, AddrOf):
            place = self.reach(self.place(inner.operand))
            if place.access is not Access.DIRECT and "load" in e.name:
                raise Rejection(
                    "atomics do not reach kernel or user memory",
                    e.loc,
                    "read it with a plain load, or keep a copy in a map",
                )
            check_store(place.access, e.loc)
            address = place.address
        else:
            address = self.near_value(operand)
        pointer = bare(operand.type)
        if not isinstance(pointer, Pointer) or not is_scalar(pointer.to):
            raise Rejection(
                f"{e.name} needs a pointer to an integer",
                e.loc,
                "cast the operand to a pointer to an integer",
            )
        return address, bare(pointer.to)

    def _read_modify_write(
        self, op: str, address: str, value: str, kind: str, *, unused: bool
    ) -> str:
        order = "monotonic" if unused else "seq_cst"
        return self.get(f"atomicrmw {op} ptr {address}, {kind} {value} {order}")

    def _compare_exchange(self, address: str, old: str, new: str, kind: str) -> tuple[str, str]:
        pair = self.get(f"cmpxchg ptr {address}, {kind} {old}, {kind} {new} seq_cst seq_cst")
        shape = f"{{ {kind}, i1 }}"
        return (
            self.get(f"extractvalue {shape} {pair}, 0"),
            self.get(f"extractvalue {shape} {pair}, 1"),
        )

    def _compare_and_tell(self, e: Builtin, address: str, t: Type) -> str:
        """``__atomic_compare_exchange(p, &expected, …)`` leaves what was found in ``expected``."""
        kind = kind_of(t)
        expected = self.near_value(e.args[1])
        new = self._operand(e, 2, t)
        old = self.get(f"load {kind}, ptr {expected}, align {align_of(t)}")
        found, same = self._compare_exchange(address, old, new, kind)
        self.do(f"store {kind} {found}, ptr {expected}, align {align_of(t)}")
        return self._flag(same, e.type)

    def _flag(self, bit: str, t: Type) -> str:
        return self.get(f"zext i1 {bit} to {kind_of(t)}")
