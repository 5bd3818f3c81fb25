"""`LiveFacts`: what this machine's kernel says about itself, read when first asked for.

It answers all that the compiler's ``KernelFacts`` asks, and what the live side needs besides. The
files are below ``root``, so that a test, or a look at another machine's files, brings its own.
"""

from __future__ import annotations

import platform
import re
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from ..btf.types import Btf
from .cpus import read_cpus
from .identity import btf_identity, config_mark
from .kallsyms import Kallsyms
from .kconfig import parse_kconfig, read_kconfig
from .tracefs import Tracefs
from .version import Version, parse_version
from .vmlinux import module_names, read_btf_bytes, read_module_btf, read_vmlinux_btf

_SLASH = Path("/")


class LiveFacts:
    """Facts of the running kernel."""

    def __init__(
        self, root: Path = _SLASH, release: str = "", version_text: str = "", arch: str = ""
    ) -> None:
        """Read files below ``root``. Without ``release`` uname(2) is asked, as for ``arch``."""
        self.root = root
        self.arch = arch or platform.machine()
        """The architecture: "x86_64", "aarch64" …"""
        if not release:
            uname = platform.uname()
            release, version_text = uname.release, uname.version
        self.release = release
        """The release name: "6.1.0-13-amd64"."""
        self.version_text = version_text
        """What uname(2) calls version: who built the kernel and when."""
        self._modules: dict[str, Btf | None] = {}
        self._traceable: dict[str, tuple[str, list[bytes]]] = {}

    @cached_property
    def version(self) -> Version:
        """Version, patch level, sublevel: (6, 12, 117)."""
        signature = self._read("proc/version_signature") or ""
        return parse_version(self.release, self.version_text, signature)

    @cached_property
    def btf(self) -> Btf:
        """The kernel's own types. Raises NotSupportedError when it has no BTF."""
        return read_vmlinux_btf(self.root)

    def btf_bytes(self, module: str) -> bytes:
        """The types of "vmlinux" or a module as the kernel gives them; NotSupportedError."""
        return read_btf_bytes(self.root, module)

    def btf_identity(self, module: str) -> str:
        """A name for the types of "vmlinux" or a module, "" for a module without."""
        if module != "vmlinux" and module not in self.modules_with_btf():
            return ""
        found = btf_identity(self.root, module)
        return found or blake2b(self.btf_bytes(module), digest_size=20).hexdigest()

    def mark(self, *question: str) -> str:
        """A name for what `config` answers, which is long to read; "" for other questions."""
        return config_mark(self.root, self.release) if question[0] == "config" else ""

    def module_btf(self, module: str) -> Btf | None:
        """A module's types on top of the kernel's; None when it has none."""
        if module not in self._modules:
            self._modules[module] = read_module_btf(self.root, module, self.btf)
        return self._modules[module]

    def modules_with_btf(self) -> list[str]:
        """Names of the loaded modules that bring BTF."""
        return module_names(self.root)

    @cached_property
    def possible_cpu_list(self) -> tuple[int, ...]:
        """Numbers of the CPUs that could ever be present."""
        return read_cpus(self.root, "possible")

    @property
    def online_cpu_list(self) -> tuple[int, ...]:
        """Numbers of the CPUs that run now; asked again each time."""
        return read_cpus(self.root, "online")

    @property
    def possible_cpus(self) -> int:
        """How many CPUs could ever be present: the size of per-CPU values."""
        return len(self.possible_cpu_list)

    @property
    def online_cpus(self) -> int:
        """How many CPUs run now."""
        return len(self.online_cpu_list)

    @cached_property
    def tracefs(self) -> Tracefs:
        """Trace events."""
        return Tracefs(self.root)

    def tracepoint_format(self, category: str, event: str) -> str | None:
        """The text of an event's format, None when there is no such event.

        Raises NotSupportedError when that cannot be told, usually for want of root.
        """
        found = self.tracefs.format(category, event)
        if found is None:
            _ = self.tracefs.path  # without tracefs the event may well be there: this raises
        return found

    def tracepoints(self, category: str) -> list[str]:
        """Names of the events of a category."""
        return [name for group, name in self.tracefs.events() if group == category]

    @cached_property
    def kallsyms(self) -> Kallsyms:
        """The kernel's symbols."""
        return Kallsyms.read(self.root)

    def has_symbol(self, name: str) -> bool:
        """Whether kallsyms lists ``name``."""
        return name in self.kallsyms

    def traceable_functions(self, name: str) -> list[bytes]:
        """Lines of a list of functions in tracefs; it is read anew when modules came or went.

        The kernel takes half a second to write it, and tools ask several times.
        """
        modules = self._read("proc/modules") or ""
        known = self._traceable.get(name)
        if known is None or known[0] != modules:
            known = (modules, self.tracefs.read_bytes(name).splitlines())
            self._traceable[name] = known
        return known[1]

    def module_names(self) -> frozenset[str] | None:
        """Names of the loaded modules; None when they cannot be listed."""
        text = self._read("proc/modules")
        return None if text is None else frozenset(m.split()[0] for m in text.splitlines())

    def lockdown(self) -> str:
        """How the kernel is locked down: "integrity", "confidentiality", or "" for not at all."""
        # none [integrity] confidentiality
        chosen = re.search(r"\[(\w+)\]", self._read("sys/kernel/security/lockdown") or "")
        return "" if chosen is None or chosen[1] == "none" else chosen[1]

    def kprobe_blacklist(self) -> frozenset[str]:
        """Functions that kprobes must not touch; empty when debugfs is not readable."""
        text = self._read("sys/kernel/debug/kprobes/blacklist") or ""
        # 0xffffffff81000000-0xffffffff81000010	name
        return frozenset(line.split()[-1] for line in text.splitlines() if line.strip())

    def config(self, option: str) -> str | None:
        """Value of a CONFIG option, None when it is unset or the configuration is unknown."""
        return self._config.get(option if option.startswith("CONFIG_") else f"CONFIG_{option}")

    def config_text(self) -> str | None:
        """The kernel's configuration, None when it cannot be found."""
        return self._config_text

    @cached_property
    def _config_text(self) -> str | None:
        return read_kconfig(self.root, self.release)

    @cached_property
    def _config(self) -> dict[str, str]:
        return parse_kconfig(self._config_text or "")

    def _read(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text()
        except OSError:
            return None
