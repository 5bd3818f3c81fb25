"""The types of a BTF one a line, by id: what is in an object, for people who debug it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from .types import Btf, Type

_PARTS = ("members", "values", "params", "variables")
"""Fields that hold rows of their own: members, enumerators, parameters, variables."""


def list_types(btf: Btf) -> Iterator[str]:
    """Give the types of ``btf``, those of its base left out, in the order of their ids.

    A type is ``[id] KIND 'name' field=value …``; its members and the like follow, indented.
    """
    for type_id, found in btf:
        rows = [row for name in _PARTS for row in _rows(found, name)]
        yield "\n".join([f"[{type_id}] {found.kind.name} '{found.name}'{_settings(found)}", *rows])


def _rows(found: Type, name: str) -> Iterable[str]:
    for part in getattr(found, name, ()):
        yield f"\t'{getattr(part, 'name', '')}'{_settings(part)}"


def _settings(found: object) -> str:
    names = [f.name for f in fields(found) if f.name not in (*_PARTS, "name")]  # type: ignore[arg-type]
    return "".join(f" {name}={getattr(found, name)}" for name in names)
