"""Symbols that an object leaves to the kernel: functions (kfuncs), variables (ksyms), addresses.

A symbol declared with a type is found in the kernel's BTF, one declared as ``void`` in its symbol
table. What is missing is an error, unless the declaration is weak: then a program can ask whether
the symbol is there, and a call that is reached all the same is refused by the verifier. Externs of
section ``.kconfig`` are data: ``kconfig.py``.
Source: BPF_PSEUDO_BTF_ID and BPF_PSEUDO_KFUNC_CALL in include/uapi/linux/bpf.h (v5.13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..btf.types import Btf, Datasec, Func, Var
from ..errors import LoadError
from ..uapi.btf import BtfKind

KSYMS = ".ksyms"


@dataclass(frozen=True, slots=True)
class Extern:
    """What a symbol comes to.

    With ``address`` the symbol is a number, 0 when a weak one is missing. Else it is the type
    ``btf_id`` of the BTF at place ``module`` of those searched: 0 is the kernel itself.
    """

    symbol: str
    btf_id: int = 0
    module: int = 0
    address: int | None = None

    @property
    def missing(self) -> bool:
        """Whether the kernel does not have it."""
        return self.address == 0


def resolve_extern(
    symbol: str,
    *,
    weak: bool,
    local: Btf | None,
    targets: Sequence[Btf],
    address_of: Callable[[str], int | None],
) -> Extern:
    """Find ``symbol`` as ``local`` declares it in ``targets``: the kernel first, then modules.

    Raises LoadError when the kernel does not have it.
    """
    kind = _declaration(symbol, local)
    # A name may end in ___flavour to tell several declarations of one symbol apart.
    name = symbol.partition("___")[0]
    if kind is None:
        address = address_of(name)
        if address:
            return Extern(symbol, address=address)
    else:
        for place, target in enumerate(targets):
            for btf_id in target.by_name(name, (kind,)):
                return Extern(symbol, btf_id, place)
    if weak:
        return Extern(symbol, address=0)
    what = "function" if kind is BtfKind.FUNC else "symbol"
    message = f"this kernel has no {what} '{name}' for programs to use"
    if kind is BtfKind.VAR and not any(_has_variables(target) for target in targets):
        message += ": its BTF describes no variables at all (pahole 1.18 to 1.21 leave them out)"
    raise LoadError(f"{message}; declare it __weak to go on without it")


def _has_variables(btf: Btf) -> bool:
    return any(isinstance(found, Var) for _, found in btf)


def _declaration(symbol: str, local: Btf | None) -> BtfKind | None:
    """The kind of type to look for; None where a symbol is declared as an address."""
    if local is None:
        return None
    for _, found in local:
        if not isinstance(found, Datasec) or found.name != KSYMS:
            continue
        for variable in found.variables:
            declared = local.type(variable.type_id)
            if isinstance(declared, Func) and declared.name == symbol:
                return BtfKind.FUNC
            if isinstance(declared, Var) and declared.name == symbol:
                void = local.resolve(declared.type_id)[0] == 0
                return None if void else BtfKind.VAR
    functions = local.by_name(symbol, (BtfKind.FUNC,))
    return BtfKind.FUNC if functions else None
