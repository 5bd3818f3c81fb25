"""What a BTF-based program attaches to: a type of the kernel, of a module, or of another program.

The verifier wants to know it when the program is loaded. A section names it, ``fentry/vfs_read``
or ``fentry/nf_conntrack:nf_ct_get_tuple``, and in bcc's dialect the program's own name:
``kfunc__vmlinux__vfs_read``. Source: the names libbpf derives from sections; kernel/bpf/verifier.c,
bpf_check_attach_target (v5.5).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from ..btf.decode import decode
from ..btf.types import Btf
from ..errors import LoadError
from ..obj.spec import ProgramSpec
from ..syscalls.api import SupportsFileno
from ..syscalls.requests import ObjectKind
from ..system import System
from ..uapi.bpf import AttachType, ProgType
from ..uapi.btf import BtfKind

_BTF_BASED = (ProgType.TRACING, ProgType.LSM, ProgType.EXT)
VMLINUX = "vmlinux"
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an attach type attaches to: how it is called, and how its types are named."""

    word: str
    noun: str = "function"
    prefix: str = ""
    kind: BtfKind = BtfKind.FUNC


_KINDS = {
    AttachType.TRACE_FENTRY: _Kind("fentry"),
    AttachType.TRACE_FEXIT: _Kind("fexit"),
    AttachType.TRACE_FSESSION: _Kind("fsession"),
    AttachType.MODIFY_RETURN: _Kind("fmod_ret"),
    AttachType.TRACE_RAW_TP: _Kind("tp_btf", "tracepoint", "btf_trace_", BtfKind.TYPEDEF),
    AttachType.TRACE_ITER: _Kind("iter", "iterator", "bpf_iter_"),
    AttachType.LSM_MAC: _Kind("lsm", "LSM hook", "bpf_lsm_"),
    AttachType.LSM_CGROUP: _Kind("lsm_cgroup", "LSM hook", "bpf_lsm_"),
}
_REPLACED = _Kind("freplace")

# Beginnings of program names, as bcc's macros make them. Those of the first group go on with a
# module: kfunc__MODULE__FUNCTION.
_WITH_MODULE = ("kfunc__", "kretfunc__")
_NAMED = (*_WITH_MODULE, "kmod_ret__", "lsm__", "bpf_iter__")


@dataclass(frozen=True, slots=True)
class AttachTarget:
    """A type id, and the module whose BTF it is in ("" for the kernel itself)."""

    btf_id: int
    module: str = ""
    text: str = ""
    """What a person calls it: "fentry of vfs_read"."""


def attach_target_of(
    program: ProgramSpec,
    kind: ProgType,
    attach_type: AttachType | None,
    system: System,
    *,
    name: str = "",
    owner: SupportsFileno | None = None,
) -> AttachTarget | None:
    """Find what the section or the name of ``program`` says; None when it needs no such thing.

    ``name`` is taken instead of what the section says. ``owner`` is a loaded program whose
    function it is. Raises LoadError when neither the kernel nor a module, or not the owner, has it.
    """
    wanted = name or program.attach_to or named_target(program.name)
    if kind not in _BTF_BASED or not wanted:
        return None
    what = _REPLACED
    if kind is not ProgType.EXT and attach_type is not None:
        what = _KINDS.get(attach_type, _Kind("tracing"))
    if owner is not None:
        return _in_program(program.name, wanted, what, system, owner)
    if kind is ProgType.EXT:
        raise LoadError(
            f"program '{program.name}' replaces function '{wanted}' of another program: pass that "
            "program as attach_target"
        )
    module, colon, plain = wanted.rpartition(":")
    for found, types in _types(system, module if colon else None):
        ids = types.by_name(what.prefix + plain, (what.kind,))
        if ids:
            return AttachTarget(ids[0], found, f"{what.word} of {plain}")
    where = f"module '{module}'" if colon and module != VMLINUX else "this kernel and its modules"
    raise LoadError(
        f"program '{program.name}' attaches to {what.noun} '{plain}', which the BTF of {where} "
        f"does not have{_nearest(system, what, plain)}"
    )


def named_target(name: str) -> str:
    """What a program's name says in bcc's dialect: "vfs_read" or "MODULE:FUNCTION"; else empty."""
    for prefix in _NAMED:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            if prefix in _WITH_MODULE:
                module, separator, function = rest.partition("__")
                return f"{module}:{function}" if separator else rest
            return rest
    return ""


def _types(system: System, module: str | None) -> Iterator[tuple[str, Btf]]:
    """The types to search: (module, types), "" for the kernel, which comes first."""
    facts = system.facts
    if module is None or module == VMLINUX:
        yield "", facts.btf
    for name in facts.modules_with_btf():
        if module is None or module == name:
            types = facts.module_btf(name)
            if types is not None:
                yield name, types


def function_of(system: System, owner: SupportsFileno, name: str) -> AttachTarget:
    """A function of a loaded program: its number there. Raises LoadError."""
    return _in_program("", name, _REPLACED, system, owner)


def _in_program(
    program: str, name: str, what: _Kind, system: System, owner: SupportsFileno
) -> AttachTarget:
    """A function of a loaded program, which must have been loaded with its types."""
    calls = system.syscalls
    info = calls.prog_info(owner.fileno())
    if not info.btf_id:
        raise LoadError(
            f"program '{program}' attaches to '{name}' of program '{info.name}', which was loaded "
            "without types (BTF)"
        )
    with calls.open_id(ObjectKind.BTF, info.btf_id) as fd:
        types = decode(calls.btf_info(fd.fileno()).data)
    ids = types.by_name(name, (BtfKind.FUNC,))
    if not ids:
        known = (t.name for _, t in types if t.kind is BtfKind.FUNC)
        raise LoadError(
            f"program '{program}' attaches to '{name}', which program '{info.name}' does not have; "
            f"its functions: {', '.join(sorted(known))}"
        )
    return AttachTarget(ids[0], "", f"{what.word} of {name} in program '{info.name}'")


def _nearest(system: System, what: _Kind, name: str) -> str:
    """The nearest names of what there is; long to find, but only for an error."""
    types = system.facts.btf
    own = (types.name(i) for i in types.own_ids() if types.kind(i) is what.kind)
    names = {n.removeprefix(what.prefix) for n in own if n.startswith(what.prefix)}
    near = difflib.get_close_matches(name, names, n=_NEAREST, cutoff=0.75)
    return f"; the nearest names are {', '.join(near)}" if near else ""
