"""Types of keys and values: from what `create` is given, from BTF, and BTF for the kernel to keep.

A map that is made with types can be opened by others who know nothing of it: its codecs come from
the BTF that the kernel holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import sys
from collections.abc import Iterator

from ..btf.decode import decode
from ..btf.types import Btf
from ..codec.codec import Codec, codec_of
from ..codec.from_class import codec_from
from ..codec.scalars import Number, Real
from ..codec.types_of import types_of
from ..errors import DecodeError, FormatError, SyscallError
from ..syscalls.requests import MapInfo, ObjectKind
from ..system import System
from .wire import AnyCodec, AnyWire, ByCodec, Bytes, Numbers, TypeLike

_HERE = "<" if sys.byteorder == "little" else ">"
# What C calls them, for those who think of it first.
_C_NAMES = {
    "char": "u8", "short": "s16", "int": "s32", "unsigned": "u32", "unsigned int": "u32",
    "long": "s64", "unsigned long": "u64",
}  # fmt: skip


def codec_for(what: TypeLike) -> AnyCodec:
    """The codec of a type. Raises DecodeError when ``what`` names none."""
    if isinstance(what, Codec):
        return what
    if isinstance(what, int):
        return codec_from(ctypes.c_char * what)
    if isinstance(what, str):
        name: object = _C_NAMES.get(what, what.removeprefix("__"))
        return codec_from(name)  # type: ignore[call-overload,no-any-return]  # it checks the name
    return codec_from(what)


@functools.lru_cache(maxsize=64)
def wire_of(what: TypeLike) -> AnyWire:
    """What converts values of a type. Raises DecodeError when ``what`` names none."""
    if isinstance(what, int):
        return Bytes(what)
    return wire_for(codec_for(what))


def wire_for(codec: AnyCodec) -> AnyWire:
    """What converts the values of a codec, in one call for many where they are plain numbers."""
    plan = codec.plan
    if isinstance(plan, Number | Real):
        layout = plan.packer.format
        if layout[0] in (_HERE, "=") and len(layout) == 2 and layout[1] != "e":
            return Numbers(layout[1])
    return ByCodec(codec)


def wire_from(btf: Btf | None, type_id: int, size: int) -> AnyWire:
    """What converts values of a BTF type; bytes when there is none or it is of another size."""
    if btf is None or not type_id:
        return Bytes(size)
    try:
        wire = wire_for(codec_of(btf, type_id))
    except (FormatError, DecodeError):
        return Bytes(size)
    return wire if wire.size == size else Bytes(size)


def kernel_types(system: System, info: MapInfo) -> Btf | None:
    """The BTF that the kernel holds for a map, None when there is none or it may not be read."""
    if not info.btf_id:
        return None
    try:
        with system.syscalls.open_id(ObjectKind.BTF, info.btf_id) as fd:
            found = system.syscalls.btf_info(fd.fileno())
    except SyscallError as error:
        # Opening by id takes CAP_SYS_ADMIN; the map can be used without its types.
        if error.errno in (errno.EPERM, errno.ENOENT):
            return None
        raise
    return decode(found.data)


@functools.lru_cache(maxsize=64)
def _types(*given: TypeLike) -> tuple[bytes, tuple[int, ...]]:
    """BTF with types, and the id of each. The same types are asked for again and again."""
    btf, ids = types_of(*map(codec_for, given))
    return btf.raw, ids


@contextlib.contextmanager
def told_types(
    system: System, key: TypeLike | None, value: TypeLike, *, needed: bool = False
) -> Iterator[dict[str, int]]:
    """Give the kernel the types of a key and value: attributes of `MapCreate` that name them.

    They are a help: none where the kernel does not take them, unless they are ``needed``. The
    kernel keeps them as long as the map.
    """
    data, ids = _types(*(what for what in (key, value) if what is not None))
    try:
        fd = system.syscalls.btf_load(data)
    except SyscallError:
        if needed:
            raise
        yield {}
        return
    with fd:
        yield {
            "btf_fd": fd.fileno(),
            "key_type_id": ids[0] if key is not None else 0,
            "value_type_id": ids[-1],
        }
