"""What a BTF-based program attaches to: a type of the kernel, or of a module, by its name.

The verifier wants to know it when the program is loaded. Source: the names libbpf derives from
sections; kernel/bpf/verifier.c, bpf_check_attach_target (v5.5).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import LoadError
from ..obj.spec import ProgramSpec
from ..system import System
from ..uapi.bpf import AttachType, ProgType
from ..uapi.btf import BtfKind

_BTF_BASED = (ProgType.TRACING, ProgType.LSM)
_FUNCTION = ("", BtfKind.FUNC)
_NAMES = {
    AttachType.TRACE_RAW_TP: ("btf_trace_", BtfKind.TYPEDEF),
    AttachType.TRACE_ITER: ("bpf_iter_", BtfKind.FUNC),
    AttachType.LSM_MAC: ("bpf_lsm_", BtfKind.FUNC),
    AttachType.LSM_CGROUP: ("bpf_lsm_", BtfKind.FUNC),
}


@dataclass(frozen=True, slots=True)
class AttachTarget:
    """A type id, and the module whose BTF it is in ("" for the kernel itself)."""

    btf_id: int
    module: str = ""


def attach_target_of(
    program: ProgramSpec, kind: ProgType, attach_type: AttachType | None, system: System
) -> AttachTarget | None:
    """Find what the section of ``program`` names; None when it needs no such thing.

    Raises LoadError when neither the kernel nor a module has it.
    """
    if kind not in _BTF_BASED or not program.attach_to:
        return None
    prefix, wanted = _NAMES.get(attach_type, _FUNCTION) if attach_type is not None else _FUNCTION
    name = prefix + program.attach_to
    found = system.facts.btf.by_name(name, (wanted,))
    if found:
        return AttachTarget(found[0])
    for module in system.facts.modules_with_btf():
        types = system.facts.module_btf(module)
        found = types.by_name(name, (wanted,)) if types is not None else []
        if found:
            return AttachTarget(found[0], module)
    what = {"btf_trace_": "tracepoint", "bpf_lsm_": "LSM hook", "bpf_iter_": "iterator"}
    raise LoadError(
        f"program '{program.name}' attaches to {what.get(prefix, 'function')} "
        f"'{program.attach_to}', which the BTF of this kernel and its modules does not have"
    )
