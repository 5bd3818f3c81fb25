"""`AskedFacts`: facts of a kernel that the helper asks its client for, one by one.

Types are sent once: what was decoded is kept under the identity the client gives it, so that the
children of later jobs find it ready.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from ...btf.decode import decode
from ...btf.types import Btf
from ...uapi.btf import BTF_MAGIC, BTF_VERSION

Ask = Callable[..., object]
VMLINUX = "vmlinux"
NO_TYPES = struct.pack("<HBBIIIII", BTF_MAGIC, BTF_VERSION, 0, 24, 0, 0, 0, 1) + b"\0"
"""A BTF without types: its header and the empty string."""
KEPT = 64
"""So many sets of types are kept: kernels of 5 to 40 MB once decoded, and small modules."""


@dataclass(slots=True)
class TypeStore:
    """Decoded types by identity; the least recently used go first."""

    limit: int = KEPT
    _types: dict[str, Btf] = field(default_factory=dict)

    def get(self, identity: str, make: Callable[[], Btf]) -> Btf:
        """The types called ``identity``, made now unless they are here."""
        found = self._types.pop(identity, None)
        if found is None:
            found = make()
            while len(self._types) >= self.limit:
                del self._types[next(iter(self._types))]
        self._types[identity] = found
        return found


class AskedFacts:
    """The `KernelFacts` of one job. ``ask`` takes the name of a fact and its arguments."""

    def __init__(self, ask: Ask, store: TypeStore) -> None:
        self._ask = ask
        self._store = store
        self._known: dict[tuple[str, ...], object] = {}

    def _fact(self, *question: str) -> object:
        if question not in self._known:
            self._known[question] = self._ask(*question)
        return self._known[question]

    @property
    def version(self) -> tuple[int, int, int]:
        """Version, patch level, sublevel."""
        return self._fact("version")  # type: ignore[return-value]

    @property
    def btf(self) -> Btf:
        """The kernel's own types."""
        return self._types(VMLINUX, None)

    def modules_with_btf(self) -> list[str]:
        """Names of the modules that bring types."""
        return self._fact("modules_with_btf")  # type: ignore[return-value]

    def module_btf(self, module: str) -> Btf | None:
        """A module's types on top of the kernel's."""
        if not self._fact("btf_identity", module):
            return None
        return self._types(module, self.btf)

    def _types(self, module: str, base: Btf | None) -> Btf:
        identity = str(self._fact("btf_identity", module))
        return self._store.get(identity, lambda: decode(self._bytes(module), base))

    def _bytes(self, module: str) -> bytes:
        data = self._ask("btf_bytes", module)
        assert isinstance(data, bytes)
        return data

    @property
    def possible_cpus(self) -> int:
        """How many CPUs could ever be present."""
        return self._fact("possible_cpus")  # type: ignore[return-value]

    @property
    def online_cpus(self) -> int:
        """How many CPUs run now."""
        return self._fact("online_cpus")  # type: ignore[return-value]

    def tracepoint_format(self, category: str, event: str) -> str | None:
        """The text of an event's format."""
        return self._fact("tracepoint_format", category, event)  # type: ignore[return-value]

    def tracepoints(self, category: str) -> list[str]:
        """Names of the events of a category."""
        return self._fact("tracepoints", category)  # type: ignore[return-value]

    def config(self, option: str) -> str | None:
        """Value of a CONFIG option."""
        return self._fact("config", option)  # type: ignore[return-value]

    def has_symbol(self, name: str) -> bool:
        """Whether kallsyms lists ``name``."""
        return self._fact("has_symbol", name)  # type: ignore[return-value]


class NoKernel(AskedFacts):
    """Facts of no kernel in particular, for a text that needs none: it has no types."""

    def __init__(self) -> None:
        super().__init__(
            lambda *question: NO_TYPES if question[0] == "btf_bytes" else None, TypeStore()
        )
        self._known = {
            ("version",): (6, 12, 0),
            ("possible_cpus",): 1,
            ("online_cpus",): 1,
            ("modules_with_btf",): (),
            ("btf_identity", VMLINUX): "none",
        }
