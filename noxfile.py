"""Every task of the project, by name: ``scripts/nox -l`` lists them, ``scripts/nox -s NAME`` runs
one.

All sessions but ``bare`` share one virtual environment, ``.nox/project``, so that the lab's root
image, which holds its packages, is made once. nox has no such thing as a shared environment, so
those sessions have none of nox's own.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
PROJECT = ROOT / ".nox" / "project"
KERNELS = sorted(
    (path.stem for path in (ROOT / "kernels" / "manifest").glob("*.toml")),
    key=lambda name: [int(part) if part.isdigit() else part for part in name.split(".")],
)

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests"]


def run(session: nox.Session, program: str, *args: str) -> None:
    """Run a program of the shared environment."""
    session.run(str(PROJECT / "bin" / program), *args, external=True)


def project(session: nox.Session) -> None:
    """Make the shared environment: the project, editable, with what its tasks need.

    It is left alone until pyproject.toml changes: installing again touches the packages, and the
    lab would have to make its root image and its saved guests again.
    """
    stamp = PROJECT / "made-from"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode())
    if stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return
    session.run(sys.executable, "-m", "venv", str(PROJECT), external=True)
    quiet = ("-q", "--disable-pip-version-check")
    run(session, "python", "-m", "pip", "install", *quiet, "-e", ".[lab,test,dev]")
    stamp.write_text(wanted.hexdigest())


def check_style(session: nox.Session) -> None:
    """Style and types."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    run(session, "mypy")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Lint, types and the tests that need neither root, nor network, nor a guest; with coverage."""
    project(session)
    check_style(session)
    run(session, "coverage", "run", "-m", "pytest", *session.posargs)
    if not session.posargs:
        run(session, "coverage", "report")


@nox.session(venv_backend="none")
def unit(session: nox.Session) -> None:
    """The tests alone: ``nox -s unit -- tests/unit/btf -k round_trip``."""
    project(session)
    run(session, "pytest", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style and types alone."""
    project(session)
    check_style(session)


@nox.session(reuse_venv=True)
def bare(session: nox.Session) -> None:
    """The loader side with neither libclang nor llvmlite installed."""
    session.install("-q", "pyelftools", "pytest", "hypothesis")
    rooms = ("obj", "btf", "loader", "maps", "programs", "links", "events")
    session.run("pytest", "-p", "no:cacheprovider", *(f"tests/unit/{room}" for room in rooms))


@nox.session(venv_backend="none")
def lab(session: nox.Session) -> None:
    """The tests of the lab itself: they boot kernels (minutes)."""
    project(session)
    run(session, "pytest", "-m", "lab", "tests/lab", *session.posargs)


@nox.session(venv_backend="none")
def host(session: nox.Session) -> None:
    """The tests that load programs into the kernel of this machine (root)."""
    project(session)
    run(session, "pytest", "-m", "kernel", "tests/kernel", *session.posargs)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Generated programs against every way to run them: ``nox -s fuzz -- --minutes 20``."""
    project(session)
    run(session, "python", "-m", "tests.fuzz", *session.posargs)


@nox.session(venv_backend="none")
def kernels(session: nox.Session) -> None:
    """The conformance suite on a set of kernels, merged: ``nox -s kernels -- smoke``."""
    project(session)
    run(session, "python", "-m", "conformance", "set", *(session.posargs or ["smoke"]))


@nox.session(venv_backend="none")
def support(session: nox.Session) -> None:
    """Write docs/support.md from what ``nox -s kernels -- smoke`` has recorded."""
    project(session)
    records = session.posargs or ["reports/smoke.jsonl"]
    run(session, "python", "-m", "conformance.report", *records, "-o", "docs/support.md")


def _declare(kernel: str) -> None:
    @nox.session(name=f"kernel-{kernel}", venv_backend="none")
    def suite(session: nox.Session) -> None:
        project(session)
        run(session, "python", "-m", "conformance", "kernel", kernel, *session.posargs)

    suite.__doc__ = f"The conformance suite on Linux {kernel}; prints the report's path."


for _kernel in KERNELS:
    _declare(_kernel)
