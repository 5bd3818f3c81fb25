"""Calls: of functions of the unit (a clone each), helpers, kernel functions and builtins."""

from __future__ import annotations

from ..constants import fold
from ..ctype import Array, Pointer, Record, bare, size_of
from ..diagnostics import Loc
from ..tree import (
    AddrOf,
    Builtin,
    Call,
    Cast,
    Decay,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    HelperCall,
    Stmt,
)
from .clones import Clone, Clones, Forced
from .decide import Readers, classify
from .effects import (
    CALLBACKS,
    FILLS,
    GIVES_VARIABLE,
    KFUNC_CALLBACKS,
    READ_ONLY,
    Callback,
    callback_value,
    helper_result,
    kfunc_result,
)
from .execute import execute
from .kernel import KernelTypes
from .memory import Memory
from .plan import Access
from .transfer import Transfer
from .values import SCALARS, VISIBLES, Atoms, Kind, btf, stack

# Builtins that only look at the form of their operand.
UNEVALUATED = (
    "__builtin_preserve_field_info",
    "__builtin_preserve_type_info",
    "__builtin_preserve_enum_value",
    "__builtin_btf_type_id",
    "__builtin_constant_p",
    "__builtin_object_size",
    "__builtin_dynamic_object_size",
)

# Builtins that give their first argument.
TRANSPARENT = (
    "__builtin_expect",
    "__builtin_expect_with_probability",
    "__builtin_preserve_access_index",
    "__builtin_assume_aligned",
    "__builtin_launder",
)

ATOMIC = ("__sync_", "__atomic_")
FENCES = ("__sync_synchronize", "__atomic_thread_fence", "__atomic_signal_fence")
# Atomics that leave a number at a second address: the operand with it.
ATOMIC_RESULTS = {
    "__atomic_load": 1,
    "__atomic_exchange": 2,
    "__atomic_compare_exchange": 1,
    "__atomic_compare_exchange_n": 1,
}

# Builtins that go through addresses: the operands they read and those they write.
READS = {
    "__builtin_memcpy": (1,),
    "__builtin_memcpy_inline": (1,),
    "__builtin_memmove": (1,),
    "__builtin_memcmp": (0, 1),
    "__builtin_bcmp": (0, 1),
}
WRITES = {
    "__builtin_memcpy": 0,
    "__builtin_memcpy_inline": 0,
    "__builtin_memmove": 0,
    "__builtin_memset": 0,
    "__builtin_memset_inline": 0,
    "__builtin_bzero": 0,
}


class Program:
    """One program under analysis: its memory, its clones, and the functions it may call."""

    def __init__(
        self,
        memory: Memory,
        functions: dict[str, FunctionDecl],
        types: KernelTypes,
        forced: Forced,
        readers: Readers,
    ) -> None:
        self.memory = memory
        self._functions = functions
        self._types = types
        self._forced = forced
        self._clones = Clones(readers)

    def root(self, function: FunctionDecl) -> Clone:
        """The clone of the program's own function."""
        return self._clones.make(function, None, function.loc)

    def run(self, clone: Clone) -> Atoms:
        """Execute ``clone`` once; give what it may return."""
        transfer = Transfer(
            clone,
            self.memory,
            self._call,
            _execute,
            self._address_taken,
            self._types,
            self._forced,
        )
        execute(transfer, clone.body)
        return frozenset(clone.result)

    def _with_body(self, function: FunctionDecl) -> FunctionDecl | None:
        """The definition of ``function`` in the unit."""
        if function.body is not None:
            return function
        return self._functions.get(function.name)

    # ------------------------------------------------------------ kinds of calls

    def _call(self, transfer: Transfer, node: Call | HelperCall | Builtin) -> Atoms:
        if isinstance(node, Builtin):
            return self._builtin(transfer, node)
        args = [transfer.value(arg) for arg in node.args]
        if isinstance(node, HelperCall):
            return self._helper(transfer, node, args)
        if isinstance(node.callee, DeclRef) and isinstance(node.callee.decl, FunctionDecl):
            function = self._with_body(node.callee.decl)
            if function is not None:
                return self._function(transfer, node, function, args)
            return self._kernel_function(transfer, node, node.callee.decl.name, args)
        transfer.value(node.callee)
        self.memory.fill_arguments(args)
        return helper_result(0, node.type)

    def _function(
        self, transfer: Transfer, node: Call, function: FunctionDecl, args: list[Atoms]
    ) -> Atoms:
        clone = transfer.clone.calls.get(node)
        if clone is None:
            clone = self._clones.make(function, transfer.clone, node.loc)
            transfer.clone.calls[node] = clone
            self.memory.changed = True
        for parameter, arg, value in zip(function.params, node.args, args, strict=False):
            obj = clone.object_of(parameter)
            if isinstance(bare(parameter.type), (Record, Array)):
                access = transfer.record_access(arg, value)
                self.memory.copy(frozenset({stack(obj)}), value, size_of(parameter.type), access)
            else:
                self.memory.write(obj, 0, value)
        return self.run(clone)

    def _kernel_function(
        self, transfer: Transfer, node: Call, name: str, args: list[Atoms]
    ) -> Atoms:
        callback = KFUNC_CALLBACKS.get(name)
        if callback is None:
            self.memory.fill_arguments(args)
        else:
            self._run_callbacks(transfer, callback, args)
        return kfunc_result(name, node.type)

    def _helper(self, transfer: Transfer, node: HelperCall, args: list[Atoms]) -> Atoms:
        buffer = FILLS.get(node.number)
        if buffer is not None and buffer.size < len(args):
            size = fold(node.args[buffer.size])
            for atom in args[buffer.data]:
                if atom.object is not None:
                    self.memory.fill(atom.object, atom.offset, size, buffer.value)
        elif node.number not in READ_ONLY and node.number not in CALLBACKS:
            self.memory.fill_arguments(args)
        if node.number in CALLBACKS:
            self._run_callbacks(transfer, CALLBACKS[node.number], args)
        if node.number in GIVES_VARIABLE:
            return _per_cpu(node)
        return helper_result(node.number, node.type)

    # ------------------------------------------------------------ callbacks

    def _address_taken(self, transfer: Transfer, function: FunctionDecl, loc: Loc) -> None:
        """Make sure that a function whose address is taken gets emitted."""
        definition = self._with_body(function)
        if definition is None:
            return
        clone = transfer.clone.callbacks.get(definition)
        if clone is None:
            clone = self._clones.make(definition, transfer.clone, loc)
            transfer.clone.callbacks[definition] = clone
            self.memory.changed = True
        self.run(clone)

    def _run_callbacks(self, transfer: Transfer, callback: Callback, args: list[Atoms]) -> None:
        for atom in args[callback.function]:
            definition = self._with_body(atom.function) if atom.function is not None else None
            clone = transfer.clone.callbacks.get(definition) if definition is not None else None
            if clone is None:
                continue
            for parameter, name in zip(clone.function.params, callback.params, strict=False):
                value = callback_value(name, args, parameter.type)
                self.memory.write(clone.object_of(parameter), 0, value)
            self.run(clone)

    # ------------------------------------------------------------ builtins

    def _builtin(self, transfer: Transfer, node: Builtin) -> Atoms:
        if node.name in UNEVALUATED:
            return SCALARS
        args = [transfer.value(arg) for arg in node.args]
        if node.name in TRANSPARENT:
            return args[0]
        for index in READS.get(node.name, ()):
            _operand(transfer, node.args[index], store=False)
        if node.name in WRITES:
            _operand(transfer, node.args[WRITES[node.name]], store=True)
        if "memcpy" in node.name or "memmove" in node.name:
            access = _copied(args[1])
            self.memory.copy(args[0], args[1], _constant(node, 2), access)
            return args[0]
        if "memset" in node.name:
            return args[0]
        if node.name.startswith(ATOMIC) and node.name not in FENCES:
            _operand(transfer, node.args[0], store=True)
            self.memory.store(args[0], SCALARS)  # whatever it was, a number is left there
            if node.name in ATOMIC_RESULTS:
                self.memory.store(args[ATOMIC_RESULTS[node.name]], SCALARS)
        return SCALARS


def _execute(transfer: Transfer, node: Stmt) -> Atoms:
    return execute(transfer, node)


def _operand(transfer: Transfer, arg: Expr, *, store: bool) -> None:
    """Remember how a builtin goes through its operand ``arg``, as `Instance` is asked for it."""
    inner = arg
    while isinstance(inner, Cast) and isinstance(bare(inner.operand.type), Pointer):
        inner = inner.operand
    if isinstance(inner, (AddrOf, Decay)):
        transfer.access(inner.operand, store=store)
        return
    if not store:
        transfer.clone.read[inner] = Deref(inner.type, inner.loc, inner)
    transfer.decide(inner, transfer.value(inner), store=store)


def _per_cpu(node: HelperCall) -> Atoms:
    """A CPU's own copy of a kernel variable: typed as the variable is."""
    arg: Expr = node.args[0]
    while isinstance(arg, Cast):
        arg = arg.operand
    pointer = bare(arg.type)
    record = bare(pointer.to) if isinstance(pointer, Pointer) else None
    return frozenset({btf(record)}) if isinstance(record, Record) else VISIBLES


def _copied(source: Atoms) -> Access:
    """How a memory copy from ``source`` is done: out of BTF memory always by helper."""
    access = classify(source)
    has_btf = any(atom.kind is Kind.BTF for atom in source)
    return Access.EXTERNAL if has_btf else access


def _constant(node: Builtin, index: int) -> int | None:
    arg: Expr | None = node.args[index] if index < len(node.args) else None
    return None if arg is None else fold(arg)
