"""Where the compiler and the live side meet: C text or an object file in, live maps and programs
out.

    with bpfkit.load("BPF_HASH(counts, u32); …") as collection:
        counts = collection.maps["counts"]

A `Collection` owns everything it made: closing it closes maps, programs and whatever was handed to
`own`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .compiler.api import Compiled, compile_c
from .compiler.dialect.detect import dialect_of
from .compiler.source import Source, assemble
from .compiler.target import Target, cpu_for
from .host.cache_directory import precompiled_directory
from .host.facts import LiveFacts
from .host.files import BtfFacts
from .host.files import read_facts as read_facts
from .host.kernel_headers import find_kernel_headers
from .host.recorded import RecordedFacts
from .loader import LoadedObject, load_object
from .maps.base import Map
from .obj.read import read_object
from .obj.spec import ObjectSpec
from .programs.program import Program
from .system import System
from .uapi.bpf import AttachType, ProgType

Facts = LiveFacts | RecordedFacts | BtfFacts
"""What can be known of a kernel to compile for."""
AUTO = "auto"
"""The dialect that the text itself tells."""


class Closable(Protocol):
    """Anything a collection can own."""

    def close(self) -> None:
        """Let go of it; calling twice is harmless."""


class Collection:
    """The maps and programs of one object in the kernel, and what was attached from them."""

    def __init__(self, loaded: LoadedObject, system: System, compiled: Compiled | None) -> None:
        self.system = system
        self.compiled = compiled
        self._loaded = loaded
        self._programs: dict[str, Program] = {}
        self._owned: dict[int, Closable] = {}

    @property
    def spec(self) -> ObjectSpec:
        """The object as it was declared."""
        return self._loaded.spec

    @property
    def maps(self) -> Mapping[str, Map]:
        """Live maps by name."""
        return self._loaded.maps

    @property
    def programs(self) -> Mapping[str, Program]:
        """The programs loaded so far, by name."""
        return self._programs

    def load_program(
        self,
        name: str,
        type: ProgType | None = None,
        attach_type: AttachType | None = None,
        *,
        log_level: int = 0,
    ) -> Program:
        """Load a program once; later calls give the same one, whatever type they name.

        ``log_level`` 1 or 2 keeps the verifier's log (`Program.log`).

        Raises VerifierError when the kernel refuses it and KeyError when the object has no such
        program.
        """
        program = self._programs.get(name)
        if program is None:
            program = self._loaded.load_program(
                name, type, attach_type=attach_type, log_level=log_level
            )
            self._programs[name] = program
        return program

    def own(self, thing: Closable) -> None:
        """Close ``thing`` together with the collection, before its programs."""
        self._owned[id(thing)] = thing

    def disown(self, thing: Closable) -> None:
        """Forget a thing that its user closes; one that is not owned is fine."""
        self._owned.pop(id(thing), None)

    def close(self) -> None:
        """Detach and close everything. Calling it twice is harmless."""
        with contextlib.ExitStack() as rest:
            rest.callback(self._loaded.close)
            for program in self._programs.values():
                rest.callback(program.close)
            for thing in self._owned.values():
                rest.callback(thing.close)
            self._programs, self._owned = {}, {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def compile_text(
    text: str,
    *,
    name: str = "program.c",
    cflags: Sequence[str] = (),
    system: System | None = None,
    facts: Facts | None = None,
    kernel_headers: Path | bool = False,
    dialect: str = AUTO,
) -> Compiled:
    """Compile C text for a kernel; CompileError says what is wrong with it.

    The kernel is that of ``facts`` (`read_facts`: any file that tells about one), else that of
    ``system``, else the running one. Types come from its BTF, or from ``kernel_headers``: a
    directory, True for those that are installed for that kernel. ``dialect`` is "bcc", "libbpf", or
    what the text itself tells. Raises MissingDependencyError when the headers are not there, and
    NotSupportedError when the text needs a fact that is not known.
    """
    target = _target(text, name, cflags, facts or _facts(system), kernel_headers, dialect)
    return compile_c(Source(text, name), target)


def preprocess_text(
    text: str,
    *,
    name: str = "program.c",
    cflags: Sequence[str] = (),
    system: System | None = None,
    facts: Facts | None = None,
    kernel_headers: Path | bool = False,
    dialect: str = AUTO,
) -> str:
    """What is compiled in place of ``text``: all that is put before it, then the text."""
    target = _target(text, name, cflags, facts or _facts(system), kernel_headers, dialect)
    parts = assemble(Source(text, name), target)
    return f"{parts.base}{parts.prelude}\n{parts.text}"


def _facts(system: System | None) -> LiveFacts:
    return (system or System.live()).facts


def _target(
    text: str,
    name: str,
    cflags: Sequence[str],
    facts: Facts,
    kernel_headers: Path | bool,
    dialect: str,
) -> Target:
    target = Target(
        kernel=facts,
        arch=facts.arch,
        cpu=cpu_for(facts.version, cflags),
        cflags=tuple(cflags),
        dialect=dialect_of(text, name) if dialect == AUTO else dialect,
    )
    if not kernel_headers:
        return target
    directory = kernel_headers if isinstance(kernel_headers, Path) else None
    root = facts.root if isinstance(facts, LiveFacts) else Path("/")
    tree = find_kernel_headers(directory, facts.release, root)
    return replace(target, headers=tree, keep=precompiled_directory(os.environ))


def load(
    source: str | Path | bytes | ObjectSpec,
    *,
    name: str = "program.c",
    cflags: Sequence[str] = (),
    system: System | None = None,
    kernel_headers: Path | bool = False,
    dialect: str = AUTO,
) -> Collection:
    """Bring C text, an object file (path or bytes) or an `ObjectSpec` into the kernel.

    A path that ends in ``.c`` is compiled; ``kernel_headers`` and ``dialect`` as for
    `compile_text`. No program is loaded yet: see `Collection.load_program`.
    """
    system = system or System.live()
    compiled = None
    if isinstance(source, Path):
        name = source.name
        source = source.read_text() if source.suffix == ".c" else source.read_bytes()
    if isinstance(source, str):
        compiled = compile_text(
            source,
            name=name,
            cflags=cflags,
            system=system,
            kernel_headers=kernel_headers,
            dialect=dialect,
        )
        source = compiled.elf
    spec = source if isinstance(source, ObjectSpec) else read_object(source)
    return Collection(load_object(spec, system), system, compiled)
