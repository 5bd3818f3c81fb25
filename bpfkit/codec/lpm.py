"""Keys of longest-prefix-match maps as `ipaddress` networks, for key types declared in C."""

from __future__ import annotations

from ..btf.layout import flat_members, member_bits, size_of
from ..btf.types import Btf, Int, Struct
from ..errors import DecodeError
from .addresses import PREFIX_BYTES, Network, NetworkKey
from .codec import Codec


def network_codec_of(btf: Btf, type_id: int) -> Codec[Network]:
    """Make the codec of a key that begins with a u32 prefix length, an address after it.

    The address has 4 bytes for IPv4 or 16 for IPv6, however it is declared. Raises DecodeError for
    a key that is no network: one with more in it is written as a record.
    """
    _, found = btf.resolve(type_id)
    size = size_of(btf, type_id)
    if size - PREFIX_BYTES not in (4, 16):
        raise DecodeError(f"a key of {size} bytes is no network: 8 are IPv4, 20 are IPv6")
    if not isinstance(found, Struct) or not _begins_with_prefix(btf, found):
        raise DecodeError(f"{found.kind} {found.name} does not begin with a u32 prefix length")
    return Codec(NetworkKey(size - PREFIX_BYTES, btf.byteorder), btf, type_id)


def _begins_with_prefix(btf: Btf, found: Struct) -> bool:
    """Tell whether four bytes of integer come first, and the next member behind them."""
    places = []
    for member, base in flat_members(btf, found):
        first, bits = member_bits(btf, member)
        places.append((base + first, bits, btf.resolve(member.type_id)[1]))
    if len(places) < 2 or places[0][0]:
        return False
    first, bits, kind = places[0]
    alone = all(place[0] >= 8 * PREFIX_BYTES for place in places[1:])
    return alone and not bits and isinstance(kind, Int) and kind.size == PREFIX_BYTES
