"""Maps that an object takes from an earlier one: bcc's tables of kind "extern"."""

from __future__ import annotations

from dataclasses import replace

from ..errors import LoadError
from ..obj.spec import MapSpec
from ..syscalls.fd import OwnedFd
from ..system import System
from .base import Map
from .raw import open_map

EXTERN = "extern"
OFFERED = ("export", "shared")


def import_map(declared: MapSpec, system: System) -> Map:
    """Open the map that an object of this system offers under the name of ``declared``.

    Raises LoadError when there is none, or when its sizes are others.
    """
    found = system.shared.find(declared.name)
    if found is None:
        raise LoadError(
            f"reference to undefined table '{declared.name}'; load the program that has it, "
            "declared by BPF_TABLE_PUBLIC, first and keep it loaded"
        )
    real, owner = found
    if (real.key_size, real.value_size) != (declared.key_size, declared.value_size):
        raise LoadError(
            f"table '{declared.name}' has keys of {real.key_size} and values of {real.value_size} "
            f"bytes; the program that imports it declares {declared.key_size} and "
            f"{declared.value_size}"
        )
    spec = replace(declared, type=real.type, max_entries=real.max_entries, flags=real.flags)
    return open_map(OwnedFd.duplicate(owner.fileno(), f"map '{declared.name}'"), spec, system)
