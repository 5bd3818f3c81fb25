"""Which kinds of BTF the kernel takes: a few types with one of the kind are loaded.

An old kernel refuses a whole object for one kind it does not know, so the loader asks here what to
leave out.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from functools import partial
from typing import Protocol

from ..btf.encode import encode
from ..btf.types import (
    Datasec,
    DeclTag,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Int,
    Param,
    Ptr,
    SecVar,
    Type,
    TypeTag,
    Var,
)
from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.fd import OwnedFd
from ..uapi.btf import BtfKind, FuncLinkage, VarLinkage
from .probe import Feature, Features, Probe, Support

_UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
_INT = Int("int", 4, 32, signed=True)

# Kinds newer than BTF itself (v4.18), each with types that hold one of them. Ids count from 1.
_SAMPLES: dict[BtfKind, tuple[Type, ...]] = {
    BtfKind.FUNC: (_INT, FuncProto(0, (Param("a", 1),)), Func("a", 2)),
    BtfKind.FUNC_PROTO: (_INT, FuncProto(0, (Param("a", 1),))),
    BtfKind.VAR: (_INT, Var("x", 1, VarLinkage.STATIC)),
    BtfKind.DATASEC: (
        _INT,
        Var("x", 1, VarLinkage.STATIC),
        Datasec(".data", 4, (SecVar(2, 0, 4),)),
    ),
    BtfKind.FLOAT: (Float("float", 4),),
    BtfKind.DECL_TAG: (_INT, Var("x", 1, VarLinkage.STATIC), DeclTag("tag", 2)),
    BtfKind.TYPE_TAG: (_INT, TypeTag("tag", 1), Ptr(2)),
    BtfKind.ENUM64: (Enum64("e", 8, (Enumerator("A", 1 << 40),)),),
}
_GLOBAL_FUNCTION: tuple[Type, ...] = (
    _INT,
    FuncProto(0, (Param("a", 1),)),
    Func("a", 2, FuncLinkage.GLOBAL),
)
_SINCE = {
    BtfKind.FUNC: ("5.0", "2667a2626f4d"),
    BtfKind.FUNC_PROTO: ("5.0", "2667a2626f4d"),
    BtfKind.VAR: ("5.2", "f063c889c9458"),
    BtfKind.DATASEC: ("5.2", "1dc92851849c"),
    BtfKind.FLOAT: ("5.13", "b1828f0b0482"),
    BtfKind.DECL_TAG: ("5.16", "b5ea834dde6b"),
    BtfKind.TYPE_TAG: ("5.17", "8c42d2fa4eeab"),
    BtfKind.ENUM64: ("6.0", "6089fb325cf7"),
}

GLOBAL_FUNCTION = Feature("btf/global_func", "5.6", "51c39bb1d5d1")
FEATURES = (
    Feature("btf/load", "4.18", "f56a653c1fd1"),
    *(
        Feature(f"btf/{kind.name.lower()}", since, commit)
        for kind, (since, commit) in _SINCE.items()
    ),
    GLOBAL_FUNCTION,
)


class HasFeatures(Protocol):
    """A system, as far as it is needed here."""

    @property
    def features(self) -> Features:
        """Its answers."""


def probes(syscalls: Syscalls) -> Mapping[str, Probe]:
    """Return the probe of each kind."""
    found: dict[str, Probe] = {
        f"btf/{kind.name.lower()}": partial(probe_types, syscalls, types)
        for kind, types in _SAMPLES.items()
    }
    found["btf/load"] = partial(probe_types, syscalls, (_INT,))
    found[GLOBAL_FUNCTION.name] = partial(probe_types, syscalls, _GLOBAL_FUNCTION)
    return found


def probe_types(syscalls: Syscalls, types: tuple[Type, ...]) -> Support:
    """Try to load some types."""
    try:
        syscalls.btf_load(encode(types, byteorder=sys.byteorder)).close()
    except SyscallError as error:
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def load_int(syscalls: Syscalls) -> OwnedFd:
    """Load BTF whose type 1 is ``int``; the caller closes it."""
    return syscalls.btf_load(encode((_INT,), byteorder=sys.byteorder))


def known_kinds(system: HasFeatures) -> frozenset[BtfKind]:
    """Return the kinds the kernel takes. One that could not be probed counts as known."""
    unknown = {
        kind for kind in _SAMPLES if system.features.get(f"btf/{kind.name.lower()}") is Support.NO
    }
    return frozenset(BtfKind) - unknown
