"""The import rules of docs/architecture.md, executed: a unit imports only what stands below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bpfkit"

BASE = {"errors", "_lazy", "uapi"}
PURE = BASE | {"arch", "elf", "btf"}
LIVE_BASE = PURE | {"codec", "obj", "syscalls", "host"}
LIVE = LIVE_BASE | {"features", "system", "symbols", "handles"}
LOADED = LIVE | {"maps", "programs", "loader"}
HOOKED = LOADED | {"links", "events"}
WHOLE = HOOKED | {"compiler", "collection"}

# What each unit may import, itself apart. A unit that is missing here fails the test: give it a
# place.
ALLOWED: dict[str, set[str]] = {
    "errors": {"compiler"},  # only the type of a diagnostic, for annotations
    "_lazy": {"errors"},
    "uapi": set(),
    "arch": {"uapi"},
    "asm": {"uapi"},
    "elf": {"errors", "_lazy"},
    "btf": BASE | {"obj"},  # obj.spec names a CO-RE relocation, for annotations
    "codec": PURE,
    "obj": PURE | {"asm"},
    "compiler": PURE | {"obj"},
    "host": PURE,
    "syscalls": BASE,
    "features": LIVE_BASE,
    "system": LIVE_BASE | {"features"},
    "symbols": LIVE_BASE | {"features", "system"},
    "handles": LIVE_BASE | {"features", "system"},
    "maps": LIVE,
    "programs": LIVE,
    "loader": LIVE | {"maps", "programs"},
    "links": LOADED,
    "events": LOADED,
    "collection": HOOKED | {"compiler"},
    "compat": WHOLE,
    "commands": WHOLE | {"compat"},
    "cli": {"errors", "commands"},
    "__main__": {"cli"},
    "__init__": WHOLE | {"compat"},
}


def modules() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(path: Path) -> Iterator[tuple[int, str]]:
    """(line, unit) for each import of a part of the package, function-level ones included."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            anchor = package[: len(package) - (node.level - 1)]
            target = (*anchor, *(node.module or "").split(".")) if node.module else anchor
            names = [target[0]] if target else [alias.name for alias in node.names]
            for name in names:
                yield node.lineno, name


def test_every_unit_has_its_place() -> None:
    assert {unit_of(path) for path in modules()} <= set(ALLOWED)


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_unit_imports_only_what_stands_below_it(path: Path) -> None:
    unit = unit_of(path)
    wrong = [
        f"line {line}: {name}"
        for line, name in imported_units(path)
        if name != unit and name not in ALLOWED[unit]
    ]
    assert not wrong


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_inside_the_package_are_relative(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        assert not [n for n in names if n.split(".")[0] in {"bpfkit", "vmlab", "conformance"}]


HEAVY = {"llvmlite": {"compiler/backend/worker.py"}, "clang": {"compiler/frontend/clangffi.py"}}


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_named_in_one_file(package: str) -> None:
    users = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            if any(n.split(".")[0] == package for n in names):
                users.add(str(path.relative_to(PACKAGE)))
    assert users <= HEAVY[package]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        pytest.param("vmlab", {"bpfkit", "conformance"}, id="vmlab-knows-no-bpf"),
        pytest.param("bpfkit", {"vmlab", "conformance"}, id="bpfkit-knows-no-lab"),
    ],
)
def test_the_library_and_the_lab_do_not_know_each_other(package: str, forbidden: set[str]) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            assert not forbidden & {n.split(".")[0] for n in names}, path
