"""Facts of a kernel that does not run here, from a file: a recording, or what its types alone say.

A recording (`recorded`) answers everything. Bare BTF, a vmlinux or a bzImage answers for types, and
for architecture and version where the file tells them; asking for anything else raises an error
that says so.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn

from ..btf.decode import decode
from ..btf.types import Btf
from ..elf.kernel import is_kernel_file, read_kernel_file
from ..errors import FormatError, NotSupportedError
from ..uapi.btf import BTF_MAGIC
from .recorded import MAGIC, RecordedFacts
from .version import Version, parse_version

_BTF_MAGICS = (BTF_MAGIC.to_bytes(2, "little"), BTF_MAGIC.to_bytes(2, "big"))
_RECORD = "record that kernel there with 'python -m bpfkit record FILE', and compile for FILE"
_GIVE = f"give it (version=, --kernel-version), or {_RECORD}"


class BtfFacts:
    """Facts of a kernel of which only the types are known.

    No configuration option has a value. NotSupportedError is raised by the other unknown facts.
    """

    def __init__(
        self, btf: bytes, name: str, version: Version | None, arch: str, release: str = ""
    ) -> None:
        """``btf`` is raw BTF; ``name`` is of the file it came from, for messages."""
        self._data = btf
        self._name = name
        self._version = version
        self.arch = arch
        """The architecture, as ``Target.arch`` names it."""
        self.release = release
        """The release name, "" where it is unknown."""

    @property
    def version(self) -> Version:
        """Version, patch level, sublevel."""
        if self._version is None:
            self._refuse("what depends on the kernel's version", _GIVE)
        return self._version

    @cached_property
    def btf(self) -> Btf:
        """The kernel's own types."""
        return decode(self._data)

    def btf_bytes(self, module: str) -> bytes:
        """The types of "vmlinux"; none of a module."""
        return self._data if module == "vmlinux" else b""

    def btf_identity(self, module: str) -> str:
        """A name for the types of "vmlinux"; "" for those of a module."""
        data = self.btf_bytes(module)
        return blake2b(data, digest_size=20).hexdigest() if data else ""

    def module_btf(self, module: str) -> Btf | None:
        """None: modules bring their types in files of their own."""

    def modules_with_btf(self) -> list[str]:
        """None."""
        return []

    @property
    def possible_cpus(self) -> int:
        """How many CPUs there could be: unknown."""
        self._refuse("what depends on its number of CPUs")

    @property
    def online_cpus(self) -> int:
        """How many CPUs there are: unknown."""
        self._refuse("what depends on its number of CPUs")

    def tracepoint_format(self, category: str, event: str) -> str | None:
        """The text of an event's format: unknown."""
        self._refuse(f"the tracepoint {category}:{event}")

    def tracepoints(self, category: str) -> Sequence[str]:
        """Names of the events of a category: unknown."""
        self._refuse(f"the tracepoints {category}:*")

    def config(self, option: str) -> str | None:
        """None: unknown."""

    def config_text(self) -> str | None:
        """None: unknown."""

    def has_symbol(self, name: str) -> bool:
        """Whether the kernel has a symbol: unknown."""
        self._refuse(f"looking for the symbol '{name}'")

    def _refuse(self, what: str, hint: str = _RECORD) -> NoReturn:
        raise NotSupportedError(what, hint=hint, who=f"compiling for the types in {self._name}")


def read_facts(
    path: Path, *, version: Version | None = None, arch: str = ""
) -> RecordedFacts | BtfFacts:
    """Read whatever file tells about a kernel: a recording, raw BTF, a vmlinux or a bzImage.

    ``version`` and ``arch`` are for files that do not tell; raw BTF without ``arch`` is taken to be
    of this machine's architecture. Raises FormatError, and OSError when it cannot be read.
    """
    data = path.read_bytes()
    if data.startswith(MAGIC):
        facts = RecordedFacts(data, str(path))
        _check_arch(path, facts.arch, arch)
        return facts
    return facts_from_btf(path, data, version=version, arch=arch)


def facts_from_btf(
    path: Path, data: bytes | None = None, *, version: Version | None = None, arch: str = ""
) -> BtfFacts:
    """Read the types out of raw BTF, a vmlinux or a bzImage; ``data`` is the file's content."""
    data = path.read_bytes() if data is None else data
    if data[:2] in _BTF_MAGICS:
        return BtfFacts(data, str(path), version, arch or platform.machine())
    if not is_kernel_file(data):
        raise FormatError(
            f"{path} is neither a recording of a kernel, nor BTF, nor a vmlinux or bzImage", 0
        )
    try:
        kernel = read_kernel_file(data)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    if kernel.btf is None:
        raise FormatError(
            f"{path} has no section .BTF: that kernel was built without CONFIG_DEBUG_INFO_BTF"
        )
    if kernel.arch:
        _check_arch(path, kernel.arch, arch)
    if version is None and kernel.release:
        version = parse_version(kernel.release, kernel.version_text)
    arch = kernel.arch or arch or platform.machine()
    return BtfFacts(kernel.btf, str(path), version, arch, kernel.release)


def _check_arch(path: Path, found: str, wanted: str) -> None:
    if wanted and found != wanted:
        raise FormatError(f"{path} is of a kernel for {found}, not for {wanted}")
