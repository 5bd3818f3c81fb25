"""C's types as annotations of a dataclass.

    @dataclass(frozen=True)
    class Key:
        pid: u32
        port: be16
        comm: Annotated[bytes, 16]
        address: IPv6Address
        slots: Annotated[tuple[u64, ...], 4]
        state: Annotated[State, u8]         # an IntEnum or IntFlag and its width

To a type checker `u32` is int, so that the class is used like any other. `codec_from` lays it out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from ..btf.types import ByteOrder

_HERE: ByteOrder = "little" if sys.byteorder == "little" else "big"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A C type of one value: what kind of number, and how wide."""

    name: str
    size: int
    kind: Literal["signed", "unsigned", "bool", "float", "pointer"]
    order: ByteOrder = _HERE


u8 = Annotated[int, Scalar("u8", 1, "unsigned")]
u16 = Annotated[int, Scalar("u16", 2, "unsigned")]
u32 = Annotated[int, Scalar("u32", 4, "unsigned")]
u64 = Annotated[int, Scalar("u64", 8, "unsigned")]
u128 = Annotated[int, Scalar("u128", 16, "unsigned")]
s8 = Annotated[int, Scalar("s8", 1, "signed")]
s16 = Annotated[int, Scalar("s16", 2, "signed")]
s32 = Annotated[int, Scalar("s32", 4, "signed")]
s64 = Annotated[int, Scalar("s64", 8, "signed")]
s128 = Annotated[int, Scalar("s128", 16, "signed")]
be16 = Annotated[int, Scalar("be16", 2, "unsigned", "big")]
be32 = Annotated[int, Scalar("be32", 4, "unsigned", "big")]
be64 = Annotated[int, Scalar("be64", 8, "unsigned", "big")]
f32 = Annotated[float, Scalar("f32", 4, "float")]
f64 = Annotated[float, Scalar("f64", 8, "float")]
ptr = Annotated[int, Scalar("ptr", 8, "pointer")]

IntName = Literal[
    "u8", "u16", "u32", "u64", "u128", "s8", "s16", "s32", "s64", "s128", "be16", "be32", "be64",
    "ptr",
]  # fmt: skip
FloatName = Literal["f32", "f64"]

_ALL = (
    u8, u16, u32, u64, u128, s8, s16, s32, s64, s128, be16, be32, be64, f32, f64, ptr,
    Annotated[bool, Scalar("bool", 1, "bool")],
)  # fmt: skip
SCALARS: dict[str, Scalar] = {found.name: found for _, found in map(get_args, _ALL)}
"""Every name that `codec_from` knows."""
BOOL = SCALARS["bool"]
