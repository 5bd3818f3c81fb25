"""Constants that come from the target: version, configuration and BPF's own enumerators."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache

from ..target import KernelFacts
from .supply import INCLUDE

_VERSION_NAMES = frozenset({"LINUX_VERSION_CODE", "UTS_RELEASE"})

# What holds on every kernel of an architecture, for a target whose configuration is not known.
_ASSUMED = {
    "x86_64": {
        "CONFIG_X86_64": "y",
        "CONFIG_X86": "y",
        "CONFIG_64BIT": "y",
        "CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "y",
    },
    "aarch64": {
        "CONFIG_ARM64": "y",
        "CONFIG_64BIT": "y",
        "CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "y",
    },
}


def version_code(version: tuple[int, int, int]) -> int:
    """Return LINUX_VERSION_CODE; the sublevel has eight bits and stops at 255."""
    major, minor, sub = version
    return (major << 16) + (minor << 8) + min(sub, 255)


def version_macros(words: Iterable[str], kernel: KernelFacts) -> list[str]:
    """Define the version names that occur in ``words``."""
    used = _VERSION_NAMES.intersection(words)
    lines = []
    if "LINUX_VERSION_CODE" in used:
        lines.append(f"#define LINUX_VERSION_CODE {version_code(kernel.version)}")
    if "UTS_RELEASE" in used:
        release = ".".join(str(part) for part in kernel.version)
        lines.append(f'#define UTS_RELEASE "{release}"')
    return lines


def config_value(option: str, kernel: KernelFacts, arch: str) -> str | None:
    """Return the value of a CONFIG option, with what the architecture always has as a fallback."""
    return kernel.config(option) or _ASSUMED.get(arch, {}).get(option)


def config_macros(words: Iterable[str], kernel: KernelFacts, arch: str) -> list[str]:
    """Define the CONFIG names that occur in ``words`` as the kernel's autoconf.h does."""
    lines = []
    for name in sorted({w for w in words if w.startswith("CONFIG_")}):
        option = name.removesuffix("_MODULE")
        value = config_value(option, kernel, arch)
        if value == "m":
            lines.append(f"#define {option}_MODULE 1")
        elif value == "y":
            lines.append(f"#define {option} 1")
        elif value not in (None, "n"):
            lines.append(f"#define {option} {value}")
    return lines


@cache
def bpf_enumerators() -> Mapping[str, int]:
    """Return the enumerators of BPF's UAPI in the newest kernel."""
    data = json.loads((INCLUDE / "uapi_enumerators.json").read_text(encoding="utf-8"))
    del data["ORIGIN"]
    return data  # type: ignore[no-any-return]


def bpf_constants(words: Iterable[str]) -> list[str]:
    """Define those of BPF's enumerators that occur in ``words``."""
    known = bpf_enumerators()
    return [f"#define {name} {_literal(known[name])}" for name in sorted(known.keys() & set(words))]


def _literal(value: int) -> str:
    if value < 0:
        return f"({value})"
    return str(value) if value < 1 << 31 else f"{value:#x}ULL"
