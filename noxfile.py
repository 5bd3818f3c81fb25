"""Every task of the project, by name: ``scripts/nox -l`` lists them, ``scripts/nox -s NAME`` runs
one.

All sessions but ``bare`` share one virtual environment, so that the lab's root image is made once.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
KERNELS = sorted(
    (path.stem for path in (ROOT / "kernels" / "manifest").glob("*.toml")),
    key=lambda name: [int(part) if part.isdigit() else part for part in name.split(".")],
)
SHARED = {"venv_location": str(ROOT / ".nox" / "project"), "reuse_venv": "yes"}

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True


def project(session: nox.Session) -> None:
    """Install the project, editable, with what its tasks need."""
    session.install("-q", "-e", ".[lab,test,dev]")


@nox.session(**SHARED)
def tests(session: nox.Session) -> None:
    """Lint, types and the tests that need neither root, nor network, nor a guest."""
    project(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("pytest", *session.posargs)


@nox.session(**SHARED)
def unit(session: nox.Session) -> None:
    """The tests alone: ``nox -s unit -- tests/unit/btf -k round_trip``."""
    project(session)
    session.run("pytest", *session.posargs)


@nox.session(**SHARED)
def lint(session: nox.Session) -> None:
    """Style and types alone."""
    project(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(reuse_venv=True)
def bare(session: nox.Session) -> None:
    """The loader side with neither libclang nor llvmlite installed."""
    session.install("-q", "pyelftools", "pytest", "hypothesis")
    session.run(
        "pytest",
        "-p",
        "no:cacheprovider",
        *(f"tests/unit/{room}" for room in ("obj", "btf", "loader", "maps", "programs", "links")),
        env={"PYTHONPATH": str(ROOT)},
    )


@nox.session(**SHARED)
def lab(session: nox.Session) -> None:
    """The tests of the lab itself: they boot kernels (minutes)."""
    project(session)
    session.run("pytest", "-m", "lab", "tests/lab", *session.posargs)


@nox.session(**SHARED)
def host(session: nox.Session) -> None:
    """The tests that load programs into the kernel of this machine (root)."""
    project(session)
    session.run("pytest", "-m", "kernel", "tests/kernel", *session.posargs)


@nox.session(**SHARED)
def kernels(session: nox.Session) -> None:
    """The conformance suite on a set of kernels, merged: ``nox -s kernels -- smoke``."""
    project(session)
    session.run("python", "-m", "conformance", "set", *(session.posargs or ["smoke"]))


def _declare(kernel: str) -> None:
    @nox.session(name=f"kernel-{kernel}", **SHARED)
    def run(session: nox.Session) -> None:
        project(session)
        session.run("python", "-m", "conformance", "kernel", kernel, *session.posargs)

    run.__doc__ = f"The conformance suite on Linux {kernel}; prints the report's path."


for _kernel in KERNELS:
    _declare(_kernel)

os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
