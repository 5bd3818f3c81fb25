"""Atomic builtins, as far as BPF has instructions for them: 32 and 64 bits, no nand.

An operation whose old value nobody wants is emitted with relaxed order: that gives the
instruction that every kernel has (BPF_XADD), while fetching ones came with Linux 5.12. Atomic
loads and stores are volatile ones: the backend has no others below CPU v4.
"""

from __future__ import annotations

import re
from abc import abstractmethod

from ..ctype import Pointer, Type, bare, is_scalar, size_of
from ..diagnostics import Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access
from ..tree import AddrOf, Builtin, Cast, Expr
from .calls import Calls
from .memory import kind_of

# C's word in the builtin's name -> LLVM's operation
OPERATIONS = {"add": "add", "sub": "sub", "and": "and", "or": "or", "xor": "xor"}
EXCHANGES = ("__sync_lock_test_and_set", "__atomic_exchange_n", "__sync_swap")
COMPARED = ("__sync_val_compare_and_swap", "__sync_bool_compare_and_swap")


class Atomics(Calls):
    """``__sync_*`` and ``__atomic_*``, and CO-RE builtins from ``relocations``."""

    @abstractmethod
    def relocation(self, e: Builtin) -> str:
        """A CO-RE builtin; the stage above has it."""

    def atomic(self, e: Builtin, *, unused: bool) -> str:
        """Lower an atomic builtin."""
        name = re.sub(r"_(1|2|4|8|16)$", "", e.name).replace("__c11_atomic", "__atomic")
        if name in ("__sync_synchronize", "__atomic_thread_fence", "__atomic_signal_fence"):
            # Only the compiler is held back: BPF has no fence.
            self.do('call void asm sideeffect "", "~{memory}"()')
            return ""
        address, t = self._atomic_operand(e)
        kind = kind_of(t, e.loc)
        if name in ("__atomic_load_n", "__atomic_load"):
            return self._atomic_load(e, address, kind, t)
        if name in ("__atomic_store_n", "__atomic_store", "__sync_lock_release"):
            value = self.value_as(e.args[1], t) if len(e.args) > 1 and "lock" not in name else "0"
            if value == "0" and kind == "ptr":
                value = "null"
            self.do(f"store volatile {kind} {value}, ptr {address}, align {size_of(t)}")
            return ""
        if size_of(t) not in (4, 8):
            raise Rejection(
                f"BPF has no atomic operations on {size_of(t)} byte(s)",
                e.loc,
                "use a 32-bit or 64-bit variable",
            )
        if name in EXCHANGES:
            value = self.value_as(e.args[1], t)
            return self._read_modify_write("xchg", address, value, t, unused=False)
        if name in COMPARED:
            old, new = self.value_as(e.args[1], t), self.value_as(e.args[2], t)
            found, same = self._compare_exchange(address, old, new, kind)
            return self._flag(same, e.type) if "bool" in name else found
        if name == "__atomic_compare_exchange_n":
            return self._compare_exchange_n(e, address, t)
        return self._named(e, name, address, t, unused=unused)

    def _named(self, e: Builtin, name: str, address: str, t: Type, *, unused: bool) -> str:
        match = re.fullmatch(
            r"__(?:sync|atomic)_(?:fetch_(?:and_)?(\w+)|(\w+?)_(?:and_)?fetch)", name
        )
        word = (match.group(1) or match.group(2)) if match else ""
        if word == "nand":
            raise Rejection("BPF has no atomic nand", e.loc, "use a compare-and-swap loop")
        if word not in OPERATIONS:
            raise Rejection(f"{e.name} is not supported", e.loc)
        value = self.value_as(e.args[1], t)
        old = self._read_modify_write(OPERATIONS[word], address, value, t, unused=unused)
        if match is None or match.group(1) or unused:
            return old
        return self.get(f"{OPERATIONS[word]} {kind_of(t)} {old}, {value}")

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
            place = self.place(inner.operand)
            if place.access is not Access.DIRECT and "load" in e.name:
                raise Rejection(
                    "atomics do not reach kernel or user memory",
                    e.loc,
                    "read it with a plain load, or keep a copy in a map",
                )
            check_store(place.access, e.loc)
            address = place.address
        else:
            address = self.value(operand)
        pointer = bare(operand.type)
        if not isinstance(pointer, Pointer) or not is_scalar(pointer.to):
            raise Rejection(
                f"{e.name} needs a pointer to an integer",
                e.loc,
                "cast the operand to a pointer to an integer",
            )
        return address, bare(pointer.to)

    def _read_modify_write(
        self, op: str, address: str, value: str, t: Type, *, unused: bool
    ) -> str:
        order = "monotonic" if unused else "seq_cst"
        return self.get(
            f"atomicrmw {op} ptr {address}, {kind_of(t)} {value} {order}, align {size_of(t)}"
        )

    def _atomic_load(self, e: Builtin, address: str, kind: str, t: Type) -> str:
        value = self.get(f"load volatile {kind}, ptr {address}, align {size_of(t)}")
        if (
            e.name.endswith("_n")
            or len(e.args) < 2
            or not isinstance(bare(e.args[1].type), Pointer)
        ):
            return value
        self.do(f"store {kind} {value}, ptr {self.value(e.args[1])}")
        return ""

    def _compare_exchange(self, address: str, old: str, new: str, kind: str) -> tuple[str, str]:
        pair = self.get(f"cmpxchg ptr {address}, {kind} {old}, {kind} {new} seq_cst seq_cst")
        shape = f"{{ {kind}, i1 }}"
        return (
            self.get(f"extractvalue {shape} {pair}, 0"),
            self.get(f"extractvalue {shape} {pair}, 1"),
        )

    def _compare_exchange_n(self, e: Builtin, address: str, t: Type) -> str:
        """``__atomic_compare_exchange_n(p, &expected, desired, …)``; the orders come after."""
        kind = kind_of(t)
        expected = self.value(e.args[1])
        new = self.value_as(e.args[2], t)
        old = self.get(f"load {kind}, ptr {expected}, align {size_of(t)}")
        found, same = self._compare_exchange(address, old, new, kind)
        self.do(f"store {kind} {found}, ptr {expected}, align {size_of(t)}")
        return self._flag(same, e.type)

    def _flag(self, bit: str, t: Type) -> str:
        return self.get(f"zext i1 {bit} to {kind_of(t)}")
