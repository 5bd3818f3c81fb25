"""What ``kernels/manifest/*.toml`` and ``kernels/sets.toml`` declare, read into `Kernel` values.

Reading checks only what the lab relies on, so that a run does not pay for a schema validator;
`validate_data` checks every file against ``kernels/schema.json`` and serves the tests and ``vmlab
doctor``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmlab.errors import ManifestError
from vmlab.model import Kernel, SourceSpec

KERNELS_DIR = Path(__file__).resolve().parent.parent / "kernels"
"""Beside the package, in a checkout and in an installed wheel alike."""

SOURCE_KINDS = frozenset({"debian", "mainline", "image"})


@dataclass(frozen=True, slots=True)
class KernelSet:
    """A named set of kernels, in the order they are run."""

    name: str
    doc: str
    kernels: tuple[str, ...]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of the lab; a missing or malformed one is a `ManifestError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(
            f"{path}: no such file", "reinstall bpfkit or repair the checkout"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{path}: not valid TOML: {error}") from error


def parse_manifest(data: Mapping[str, Any], path: Path) -> Kernel:
    """Make a `Kernel` of one manifest's data; ``path`` is for messages, its stem must be the id."""
    identifier = _text(data, "id", path)
    if identifier != path.stem:
        raise ManifestError(f"{path}: id is {identifier!r}, but the file is named {path.stem!r}")
    sources = data.get("source")
    if not isinstance(sources, list) or not sources:
        raise ManifestError(f"{path}: 'source' must be a list of at least one table")
    return Kernel(
        id=identifier,
        series=_text(data, "series", path),
        why=_text(data, "why", path),
        differs=_text(data, "differs", path),
        sources=tuple(_source(item, path) for item in sources),
        cmdline=_texts(data.get("cmdline", []), "cmdline", path),
    )


def load_kernel(identifier: str, root: Path = KERNELS_DIR) -> Kernel:
    """Read one kernel's manifest; an unknown id is a `ManifestError` with the nearest names."""
    path = root / "manifest" / f"{identifier}.toml"
    if "/" in identifier or not path.is_file():
        raise _unknown("kernel", identifier, kernel_ids(root), "vmlab list")
    return parse_manifest(read_toml(path), path)


def kernel_ids(root: Path = KERNELS_DIR) -> tuple[str, ...]:
    """Return the ids of all declared kernels, oldest series first."""
    return tuple(sorted((path.stem for path in (root / "manifest").glob("*.toml")), key=_age))


def load_kernels(root: Path = KERNELS_DIR) -> tuple[Kernel, ...]:
    """Read every manifest, oldest series first."""
    return tuple(load_kernel(identifier, root) for identifier in kernel_ids(root))


def load_sets(root: Path = KERNELS_DIR) -> dict[str, KernelSet]:
    """Read the named sets; a set that names an undeclared kernel is a `ManifestError`."""
    path = root / "sets.toml"
    tables = read_toml(path).get("sets")
    if not isinstance(tables, dict):
        raise ManifestError(f"{path}: holds no [sets] table")
    known = frozenset(kernel_ids(root))
    sets = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ManifestError(f"{path}: set {name!r} must be a table")
        members = _texts(table.get("kernels"), f"sets.{name}.kernels", path)
        for member in members:
            if member not in known:
                raise ManifestError(
                    f"{path}: set {name!r} names kernel {member!r}, which no manifest declares"
                )
        sets[name] = KernelSet(name, _text(table, "doc", path), members)
    return sets


def resolve_set(text: str, root: Path = KERNELS_DIR) -> tuple[Kernel, ...]:
    """Return the kernels of a set, or of a comma-separated list of sets and ids."""
    sets = load_sets(root)
    chosen: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part in sets:
            chosen.update(dict.fromkeys(sets[part].kernels))
        elif part in kernel_ids(root):
            chosen[part] = None
        else:
            raise _unknown("set or kernel", part, (*sets, *kernel_ids(root)), "vmlab list")
    if not chosen:
        raise ManifestError("no set or kernel was named", f"the sets are {', '.join(sets)}")
    return tuple(load_kernel(identifier, root) for identifier in chosen)


def validate_data(root: Path = KERNELS_DIR) -> tuple[str, ...]:
    """Check every data file against the schema and return the problems found, one line each."""
    import jsonschema

    schema = json.loads((root / "schema.json").read_text(encoding="utf-8"))
    checks = [(path, "manifest") for path in sorted((root / "manifest").glob("*.toml"))]
    checks += [(root / "sets.toml", "sets"), (root / "lock.toml", "lock")]
    problems = []
    for path, definition in checks:
        validator = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{definition}"})
        for error in validator.iter_errors(read_toml(path)):
            problems.append(f"{path}: {error.json_path}: {error.message}")
    return tuple(problems)


def _source(item: object, path: Path) -> SourceSpec:
    if not isinstance(item, dict):
        raise ManifestError(f"{path}: each 'source' must be a table")
    kind = _text(item, "kind", path)
    if kind not in SOURCE_KINDS:
        raise ManifestError(
            f"{path}: source kind {kind!r} is none of {', '.join(sorted(SOURCE_KINDS))}"
        )
    if kind == "debian":
        suites = _texts(item.get("suites"), "suites", path)
        if not suites:
            raise ManifestError(f"{path}: a debian source must name at least one suite")
    elif kind == "mainline":
        _text(item, "version", path)
    else:
        _text(item, "image_env", path)
    return SourceSpec(kind, {key: value for key, value in item.items() if key != "kind"})


def _text(data: Mapping[str, Any], key: str, path: Path) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{path}: {key!r} must be a text that is not empty")
    return value


def _texts(value: object, key: str, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ManifestError(f"{path}: {key!r} must be a list of texts")
    return tuple(value)


def _unknown(what: str, name: str, known: Iterable[str], command: str) -> ManifestError:
    import difflib

    candidates = tuple(known)
    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(candidates)}"
    return ManifestError(f"unknown {what} {name!r}", f"{hint} ({command} shows all)")


def _age(identifier: str) -> tuple[tuple[int, ...], str]:
    """Sort key: the leading dotted numbers as numbers, so that 5.10 comes after 5.9."""
    numbers = []
    for part in identifier.split("-")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers), identifier
