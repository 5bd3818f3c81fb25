"""Compiler builtins, except those about blocks, atomics and CO-RE (files of their own)."""

from __future__ import annotations

from collections.abc import Callable

from ..ctype import Pointer, bare, size_of
from ..diagnostics import Rejection
from ..tree import Builtin
from .blocks import Blocks
from .memory import kind_of
from .overflow import overflow

# name -> (intrinsic, bits of the operand)
BIT_COUNTS = {
    f"__builtin_{name}{suffix}": (name, bits)
    for name in ("clz", "ctz", "popcount", "ffs", "parity")
    for suffix, bits in (("", 32), ("l", 64), ("ll", 64))
}
INTRINSICS = {"clz": "ctlz", "ctz": "cttz", "popcount": "ctpop"}
SWAPS = {f"__builtin_bswap{bits}": bits for bits in (16, 32, 64)}
REFUSED = {
    "__builtin_trap": "a BPF program cannot trap; return instead",
    "__builtin_debugtrap": "a BPF program cannot trap; return instead",
    "__builtin_return_address": "a BPF program has no return address; use bpf_get_func_ip()",
    "__builtin_frame_address": "a BPF program has no frame address",
}


class Builtins(Blocks):
    """``__builtin_*``, ``__sync_*`` and ``__atomic_*``."""

    def builtin(self, e: Builtin, *, unused: bool = False) -> str:
        """Lower a builtin; ``unused`` when nobody wants its value."""
        name = e.name
        if name in REFUSED:
            raise Rejection(f"{name} is not available", e.loc, REFUSED[name])
        if name.startswith(("__sync_", "__atomic_", "__c11_atomic_")):
            return self.atomic(e, unused=unused)
        if name.startswith(("__builtin_preserve_", "__builtin_btf_")):
            return self.relocation(e)
        if name in BIT_COUNTS:
            return self._count_bits(e, *BIT_COUNTS[name])
        if name in SWAPS:
            return self._swap(e, SWAPS[name])
        if name.endswith("_overflow"):
            return overflow(self, e)
        found = self._others().get(name.removeprefix("__builtin_"))
        if found is None:
            raise Rejection(f"{name} is not supported", e.loc)
        return found(e)

    def _others(self) -> dict[str, Callable[[Builtin], str]]:
        return {
            "expect": self._expect,
            "expect_with_probability": self._expect,
            "constant_p": self._constant_p,
            "unreachable": self._unreachable,
            "assume": self._assume,
            "abs": self._absolute,
            "labs": self._absolute,
            "llabs": self._absolute,
            "object_size": self._object_size,
            "dynamic_object_size": self._object_size,
            "prefetch": self._nothing,
            "memcpy": self.memory_copy,
            "memcpy_inline": self.memory_copy,
            "memmove": self.memory_move,
            "memset": self.memory_fill,
            "memset_inline": self.memory_fill,
            "memcmp": self.memory_compare,
            "bcmp": self.memory_compare,
            "bzero": self.memory_clear,
            "strlen": self.string_length,
        }

    # ------------------------------------------------------------ integers

    def _count_bits(self, e: Builtin, name: str, bits: int) -> str:
        value = self.resize(self.value(e.args[0]), size_of(e.args[0].type) * 8, bits, signed=False)
        kind = f"i{bits}"
        if name in ("ffs", "parity"):
            if name == "parity":
                count = self._intrinsic("ctpop", kind, value)
                result = self.get(f"and {kind} {count}, 1")
            else:
                zeros = self._intrinsic("cttz", kind, value)
                after = self.get(f"add {kind} {zeros}, 1")
                zero = self.get(f"icmp eq {kind} {value}, 0")
                result = self.get(f"select i1 {zero}, {kind} 0, {kind} {after}")
        else:
            result = self._intrinsic(INTRINSICS[name], kind, value)
        return self.resize(result, bits, size_of(e.type) * 8, signed=False)

    def _intrinsic(self, name: str, kind: str, value: str) -> str:
        flag = ", i1 immarg" if name != "ctpop" else ""
        symbol = self.module.declare(
            f"llvm.{name}.{kind}", f"{kind} @llvm.{name}.{kind}({kind}{flag})"
        )
        return self.get(f"call {kind} {symbol}({kind} {value}{', i1 false' if flag else ''})")

    def _swap(self, e: Builtin, bits: int) -> str:
        kind = f"i{bits}"
        value = self.resize(self.value(e.args[0]), size_of(e.args[0].type) * 8, bits, signed=False)
        symbol = self.module.declare(f"llvm.bswap.{kind}", f"{kind} @llvm.bswap.{kind}({kind})")
        swapped = self.get(f"call {kind} {symbol}({kind} {value})")
        return self.resize(swapped, bits, size_of(e.type) * 8, signed=False)

    def _absolute(self, e: Builtin) -> str:
        value, kind = self.value(e.args[0]), kind_of(e.type)
        symbol = self.module.declare(
            f"llvm.abs.{kind}", f"{kind} @llvm.abs.{kind}({kind}, i1 immarg)"
        )
        return self.get(f"call {kind} {symbol}({kind} {value}, i1 false)")

    # ------------------------------------------------------------ hints

    def _expect(self, e: Builtin) -> str:
        value = self.convert(self.value(e.args[0]), e.args[0].type, e.type, e.loc)
        wanted = self.folder.value(e.args[1])
        if not isinstance(wanted, int):
            return value
        kind = kind_of(e.type)
        symbol = self.module.declare(
            f"llvm.expect.{kind}", f"{kind} @llvm.expect.{kind}({kind}, {kind})"
        )
        return self.get(f"call {kind} {symbol}({kind} {value}, {kind} {wanted})")

    def _constant_p(self, e: Builtin) -> str:
        operand = e.args[0]
        if self.folder.value(operand) is not None:
            return "1"
        if isinstance(bare(operand.type), Pointer):
            return "0"
        kind = kind_of(operand.type)
        symbol = self.module.declare(
            f"llvm.is.constant.{kind}", f"i1 @llvm.is.constant.{kind}({kind})"
        )
        known = self.get(f"call i1 {symbol}({kind} {self.value(operand)})")
        return self.get(f"zext i1 {known} to {kind_of(e.type)}")

    def _unreachable(self, _e: Builtin) -> str:
        self.end("unreachable")
        return ""

    def _assume(self, e: Builtin) -> str:
        truth = self.truth(self.value(e.args[0]), e.args[0].type, e.loc)
        symbol = self.module.declare("llvm.assume", "void @llvm.assume(i1 noundef)")
        self.do(f"call void {symbol}(i1 {truth})")
        return ""

    def _object_size(self, e: Builtin) -> str:
        mode = self.folder.value(e.args[1])
        return "0" if isinstance(mode, int) and mode & 2 else "-1"

    def _nothing(self, _e: Builtin) -> str:
        return ""
