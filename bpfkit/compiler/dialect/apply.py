"""bcc's dialect as a whole: what stands for something else becomes what it stands for, in place.

After `apply_dialect` a unit is plain C over helper calls; the later stages know nothing of bcc.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ctype import VOID, Pointer
from ..diagnostics import Diagnostic, Rejection
from ..target import Target
from ..tree import (
    AddrOf,
    Call,
    DeclRef,
    Expr,
    FunctionDecl,
    HelperCall,
    Load,
    MapAddress,
    MapDecl,
    Member,
    Unit,
    VarDecl,
)
from . import build, printk
from .builtins import expand_builtin
from .functions import sort_functions
from .license import apply_license
from .method_call import CURRENT_CPU, MethodCall, method_of
from .methods import expand
from .packet import PacketAccess
from .probes import bind_parameters
from .tables import collect_maps
from .walk import expressions, rewrite_function


def apply_dialect(unit: Unit, target: Target) -> list[Diagnostic]:
    """Rewrite ``unit``, which bcc's macros were used in; give the warnings. Raises Rejection."""
    apply_license(unit, target)
    maps = collect_maps(unit, target)
    for function in sort_functions(unit):
        bind_parameters(function, target)
    warnings: list[Diagnostic] = []
    for function in unit.functions:
        _Rewriter(unit, target, function, maps, warnings).run()
    return warnings


@dataclass
class _Rewriter:
    """Rewrites one function."""

    unit: Unit
    target: Target
    function: FunctionDecl
    maps: dict[VarDecl, MapDecl]
    warnings: list[Diagnostic]
    packet: PacketAccess = field(init=False)

    def __post_init__(self) -> None:
        self.packet = PacketAccess(self.function, self.target)

    def run(self) -> None:
        rewrite_function(self.function, self.change)
        for node in expressions(self.function):
            if isinstance(node, DeclRef) and node.decl in self.maps:
                raise Rejection(
                    f"map '{node.decl.name}' can only be used through its methods",
                    node.loc,
                    "call a method on its name, or pass its address to a helper",
                )

    def change(self, node: Expr) -> Expr:
        """What ``node`` becomes; its parts have been rewritten already."""
        match node:
            case Call():
                return self._call(node)
            case HelperCall(number=printk.NUMBER):
                return printk.expand_printk(node, self.warnings)
            case AddrOf(operand=DeclRef(decl=VarDecl() as var)) if var in self.maps:
                return MapAddress(Pointer(VOID), node.loc, self.maps[var])
            case Load(lvalue=Member(base=DeclRef(decl=VarDecl() as var))) if var in self.maps:
                return self._setting(node, self.maps[var])
        return self.packet.change(node)

    def _call(self, call: Call) -> Expr:
        method = method_of(call)
        if method is not None:
            return self._method(call, *method)
        match call.callee:
            case DeclRef(decl=FunctionDecl(name=name, body=None)):
                if name == printk.NAME:
                    return printk.expand_printk(call, self.warnings)
                replaced = expand_builtin(call, name, self.function, self.unit, self.target)
                return call if replaced is None else replaced
        return call

    def _method(self, call: Call, var: VarDecl, name: str) -> Expr:
        map_ = self.maps.get(var)
        if map_ is None:
            raise Rejection(
                f"reference to undefined table '{var.name}'",
                call.loc,
                "declare it with a BPF_* macro in the same text",
            )
        cpu = self.unit.macros.get("CUR_CPU_IDENTIFIER", "").rstrip("uUlL ")
        return expand(
            MethodCall(
                map=map_,
                name=name,
                args=call.args,
                type=call.type,
                loc=call.loc,
                function=self.function,
                warnings=self.warnings,
                current_cpu=int(cpu, 0) if cpu.isalnum() else CURRENT_CPU,
            )
        )

    def _setting(self, node: Load, map_: MapDecl) -> Expr:
        """``NAME.max_entries`` and ``NAME.flags`` are constants; a method stays for its call."""
        assert isinstance(node.lvalue, Member)
        match node.lvalue.field.name:
            case "max_entries":
                return build.number(map_.max_entries, node.loc, node.type)
            case "flags":
                return build.number(map_.flags, node.loc, node.type)
        return node
