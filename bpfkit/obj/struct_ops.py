"""Structures of operations that programs implement: variables in ``.struct_ops`` sections.

    SEC(".struct_ops.link") struct tcp_congestion_ops mine = {.ssthresh = (void *)mine_ssthresh, …};

In section ``.struct_ops.link`` the structure is registered by a bpf_link, in ``.struct_ops`` by
filling its map. A ``?`` in front, which tells libbpf not to attach by itself, changes nothing here:
nothing is registered before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..btf.layout import size_of
from ..btf.types import Btf, Struct
from ..errors import FormatError
from .btf_maps import variables
from .spec import StructOpsSpec

_PLAIN, _LINK = ".struct_ops", ".struct_ops.link"


def is_struct_ops(section: str) -> bool:
    """Whether a section holds structures of operations."""
    return section.lstrip("?") in (_PLAIN, _LINK)


def read_struct_ops(
    btf: Btf,
    section: str,
    data: bytes,
    places: Callable[[str], int],
    pointers: Iterable[tuple[int, str]],
) -> Iterator[StructOpsSpec]:
    """Read the structures of one section.

    ``places`` tells where a variable begins, and ``pointers`` which program each pointer of the
    section leads to. Raises FormatError.
    """
    pointers = list(pointers)
    for name, type_id in variables(btf, section):
        record_id, record = btf.resolve(type_id)
        if not isinstance(record, Struct) or not record.name:
            raise FormatError(f"'{name}' in section {section} is no structure with a name")
        start, size = places(name), size_of(btf, type_id)
        yield StructOpsSpec(
            name=name,
            type_id=record_id,
            data=data[start : start + size],
            programs=tuple(
                (offset - start, program)
                for offset, program in pointers
                if start <= offset < start + size
            ),
            link=section.lstrip("?") == _LINK,
        )
