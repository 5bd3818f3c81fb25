"""Externs of section ``.kconfig``: facts of the kernel that a program reads like constants.

The object only declares them, so the map that holds them is laid out here. It is filled before any
program is loaded and frozen, so that the verifier knows every value and drops the code it makes
dead. Source: libbpf's documentation of ``__kconfig`` externs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..btf.layout import align_of, size_of
from ..btf.types import Array, Btf, Enum, Int, Var
from ..errors import LoadError
from .btf_maps import datasec
from .spec import KconfigVar

SECTION = ".kconfig"
VERSION = "LINUX_KERNEL_VERSION"
HAS_COOKIE = "LINUX_HAS_BPF_COOKIE"
HAS_WRAPPER = "LINUX_HAS_SYSCALL_WRAPPER"
_TRISTATE = "libbpf_tristate"
_LETTERS = {"n": 0, "y": 1, "m": 2}


def read_kconfig(btf: Btf, weak: Collection[str]) -> tuple[KconfigVar, ...]:
    """Lay out the externs that ``btf`` declares; ``weak`` names those that may be missing."""
    section = datasec(btf, SECTION)
    found = []
    at = 0
    for entry in section.variables if section is not None else ():
        var = btf.type(entry.type_id)
        if isinstance(var, Var):
            size = size_of(btf, var.type_id)
            at = -(-at // align_of(btf, var.type_id)) * align_of(btf, var.type_id)
            found.append(KconfigVar(var.name, var.type_id, at, size, var.name in weak))
            at += size
    return tuple(found)


def kconfig_size(variables: Sequence[KconfigVar]) -> int:
    """Bytes of the map."""
    return max((v.offset + v.size for v in variables), default=0)


def kconfig_data(
    btf: Btf, variables: Sequence[KconfigVar], answer: Callable[[str], str | None]
) -> bytes:
    """The content of the map. ``answer`` gives an option's value as the configuration has it.

    Raises LoadError when an option is not set and not weak, or does not fit its type.
    """
    data = bytearray(kconfig_size(variables))
    for variable in variables:
        text = answer(variable.name)
        if text is None:
            if not variable.weak:
                raise LoadError(
                    f"this kernel does not tell '{variable.name}': the option is not set, or its "
                    "configuration cannot be read; declare it __weak to get 0"
                )
            continue
        value = _encode(btf, variable, text)
        data[variable.offset : variable.offset + len(value)] = value
    return bytes(data)


def _encode(btf: Btf, variable: KconfigVar, text: str) -> bytes:
    _, kind = btf.resolve(variable.type_id)
    if text.startswith('"'):
        if not (isinstance(kind, Array) and size_of(btf, kind.type_id) == 1):
            raise _misfit(variable, text, "an array of char")
        content = text[1:-1].encode("utf-8", "surrogateescape")
        return content[: max(variable.size - 1, 0)] + b"\0"
    if text in _LETTERS:
        return _letter(btf, variable, kind, text)
    if not isinstance(kind, Int):
        raise _misfit(variable, text, "an integer")
    try:
        number = int(text, 0)
        return number.to_bytes(variable.size, btf.byteorder, signed=number < 0 or kind.signed)
    except (ValueError, OverflowError):
        raise _misfit(variable, text, "a larger integer") from None


def _letter(btf: Btf, variable: KconfigVar, kind: object, text: str) -> bytes:
    """``y``, ``n`` or ``m`` as a truth value, as one of three states, or as the letter itself."""
    match kind:
        case Int(bool_=True) if text != "m":
            return bytes([_LETTERS[text]])
        case Enum(name=name, size=size) if name == _TRISTATE:
            return _LETTERS[text].to_bytes(size, btf.byteorder)
        case Int(size=1, bool_=False):
            return text.encode()
    raise _misfit(variable, text, "enum libbpf_tristate" if text == "m" else "bool")


def _misfit(variable: KconfigVar, text: str, wanted: str) -> LoadError:
    return LoadError(
        f"'{variable.name}' is {text} in this kernel, which its declaration cannot hold; "
        f"declare it as {wanted}"
    )
