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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from .compiler.cache import LIMIT_BYTES, Directory, ObjectCache, read_size
from .compiler.compiled import Compiled
from .compiler.diagnostics import Loc
from .compiler.dialect.detect import dialect_of
from .compiler.isolated import compile_isolated
from .compiler.target import Target, cpu_for
from .errors import CompileError, VerifierError
from .host.cache_directory import objects_directory, precompiled_directory
from .host.facts import LiveFacts
from .host.kernel_headers import find_kernel_headers
from .host.own_headers import read_own_headers
from .links.base import Link
from .links.closing import close_links
from .links.hooked import HookedProgram
from .links.struct_ops import attach_struct_ops
from .loader import LoadedObject, load_object
from .maps.families import typed_map
from .maps.globals import Globals, with_globals
from .maps.typed import TypedMap
from .obj.read import read_object
from .obj.spec import ObjectSpec
from .programs.program import Program
from .programs.struct_ops import StructOpsMap
from .syscalls.api import MappedMemory, SupportsFileno
from .system import System
from .uapi.bpf import AttachType, ProgType

if TYPE_CHECKING:
    from .host.files import BtfFacts
    from .host.recorded import RecordedFacts
    from .links.usdt_spec import UsdtSpecs

    Facts = LiveFacts | RecordedFacts | BtfFacts
    """What can be known of a kernel to compile for."""

Recompile = Callable[[frozenset[Loc]], Compiled]
MAX_RECOMPILATIONS = 8
AUTO = "auto"
"""The dialect that the text itself tells."""


class Closable(Protocol):
    """Anything a collection can own."""

    def close(self) -> None:
        """Let go of it; calling twice is harmless."""


class Collection:
    """The maps and programs of one object in the kernel, and what was attached from them."""

    def __init__(
        self,
        loaded: LoadedObject,
        system: System,
        compiled: Compiled | None,
        recompile: Recompile | None = None,
        globals: Mapping[str, object] | None = None,
    ) -> None:
        """Take over ``loaded``. ``recompile`` compiles its text again, reading some places by
        helper; ``globals`` are the values its variables were given.
        """
        self.system = system
        self.compiled = compiled
        self._loaded = loaded
        self._recompile = recompile
        self._given = dict(globals or {})
        self._programs: dict[str, HookedProgram] = {}
        self._owned: dict[int, Closable] = {}
        self._maps: dict[str, TypedMap] | None = None
        self._usdt_specs: UsdtSpecs | None = None

    @property
    def spec(self) -> ObjectSpec:
        """The object as it was declared."""
        return self._loaded.spec

    @property
    def maps(self) -> Mapping[str, TypedMap]:
        """Live maps by name, each of its family, with keys and values as the C text types them.

        ``maps[name].raw`` is the map as bytes.
        """
        if self._maps is None:
            spec = self._loaded.spec
            self._maps = {
                name: typed_map(raw, self.system, spec.maps[name], spec.btf)
                for name, raw in self._loaded.maps.items()
            }
        return self._maps

    @property
    def globals(self) -> Globals:
        """The object's global variables by name, as the programs see them now."""
        return Globals(self._loaded.spec, self._loaded.maps, self._loaded.arenas)

    @property
    def arenas(self) -> Mapping[str, MappedMemory]:
        """The memory of the object's arenas by name, shared with its programs.

        Pointers in an arena are addresses of this process. Release what you derive from a view
        before closing the collection.
        """
        return self._loaded.arenas

    @property
    def programs(self) -> Mapping[str, HookedProgram]:
        """The programs loaded so far, by name."""
        return self._programs

    def load_program(
        self,
        name: str,
        type: ProgType | None = None,
        attach_type: AttachType | None = None,
        *,
        attach_to: str = "",
        attach_target: SupportsFileno | None = None,
        log_level: int = 0,
    ) -> HookedProgram:
        """Load a program once; later calls give the same one, whatever type they name.

        ``attach_to`` names what it attaches to where its section does not, or something else;
        ``attach_target`` is the loaded program whose function that is. ``log_level`` 1 or 2 keeps
        the verifier's log (`Program.log`).

        Raises VerifierError when the kernel refuses it and KeyError when the object has no such
        program.
        """
        program = self._programs.get(name)
        if program is None:
            program = self.load_another(
                name,
                type,
                attach_type,
                attach_to=attach_to,
                attach_target=attach_target,
                log_level=log_level,
            )
            self._programs[name] = program
        return program

    def load_another(
        self,
        name: str,
        type: ProgType | None = None,
        attach_type: AttachType | None = None,
        *,
        attach_to: str = "",
        attach_target: SupportsFileno | None = None,
        log_level: int = 0,
    ) -> HookedProgram:
        """Load a program once more, say for another attach type; the caller closes it.

        Raises as `load_program` does.
        """

        def load(loaded: LoadedObject) -> Program:
            return loaded.load_program(
                name,
                type,
                attach_type=attach_type,
                attach_to=attach_to,
                attach_target=attach_target,
                log_level=log_level,
            )

        try:
            program: Program | None = load(self._loaded)
        except VerifierError as refused:
            program = self._load_with_reads(refused, load)
            if program is None:
                raise
        assert program is not None
        return HookedProgram.adopt(program, self)

    def make_struct_ops(self, name: str) -> StructOpsMap:
        """Load the programs of a structure of operations and fill its map; the caller closes it.

        For `StructOpsLink.replace`; a structure in section ``.struct_ops`` is registered by it.
        """
        ops = self.spec.struct_ops[name]
        programs = {program: self.load_program(program) for _, program in ops.programs}
        return self._loaded.make_struct_ops(name, programs)

    def attach_struct_ops(self, name: str) -> Link:
        """Register the structure of operations in variable ``name``.

        Raises KeyError for an unknown name, LoadError, VerifierError, SyscallError or AttachError.
        """
        ops = self.make_struct_ops(name)
        local = self.spec.btf
        kind = local.name(self.spec.struct_ops[name].type_id) if local is not None else ""
        link = attach_struct_ops(self.system, ops, kind)
        self.own(link)
        return link

    def usdt_specs(self) -> UsdtSpecs | None:
        """Where programs find the arguments of USDT probes; None when they do not ask."""
        from .links.usdt_spec import ADDRESSES_MAP, SPECS_MAP, UsdtSpecs  # few programs ask

        raw = self._loaded.maps
        if self._usdt_specs is None and SPECS_MAP in raw and ADDRESSES_MAP in raw:
            cookies = self.system.features.has("helper/bpf_get_attach_cookie")
            self._usdt_specs = UsdtSpecs(raw[SPECS_MAP], raw[ADDRESSES_MAP], cookies=cookies)
        return self._usdt_specs

    def section_of(self, program: str) -> str:
        """The section that a program was declared in."""
        return self.spec.programs[program].section

    def _load_with_reads(
        self, refused: VerifierError, load: Callable[[LoadedObject], Program]
    ) -> Program | None:
        """Load a program whose plain load was refused with a helper's read in its place.

        The analysis of pointers takes a few for what the verifier can follow that it cannot. None
        when that is not what is wrong.
        """
        places: set[Loc] = set()
        last: VerifierError | None = refused
        while last is not None and last.refused_load and self._recompile is not None:
            place = Loc(*last.refused_load)
            if place in places:
                place = replace(place, column=0)  # it is something else on the line
            if place in places or len(places) == MAX_RECOMPILATIONS:
                return None
            places.add(place)
            try:
                again = read_object(self._recompile(frozenset(places)).elf)
                spec = with_globals(again, self._given)
            except CompileError:
                return None
            other = self._loaded.with_other_code(spec)
            if other is None:
                return None
            try:
                return load(other)
            except VerifierError as error:
                last = error
            finally:
                other.close_types()
        return None

    def own(self, thing: Closable) -> None:
        """Close ``thing`` together with the collection, before its programs."""
        count = len(self._owned)
        if count >= 64 and not count & (count - 1):  # now and then, forget what was closed
            open_ = {k: t for k, t in self._owned.items() if not (isinstance(t, Link) and t.closed)}
            self._owned = open_
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
            links = [thing for thing in self._owned.values() if isinstance(thing, Link)]
            for thing in self._owned.values():
                if not isinstance(thing, Link):
                    rest.callback(thing.close)
            rest.callback(close_links, links)
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
    external: frozenset[Loc] = frozenset(),
) -> Compiled:
    """Compile C text for a kernel; CompileError says what is wrong with it.

    The kernel is that of ``facts`` (`read_facts`: any file that tells about one), else that of
    ``system``, else the running one. Types come from its BTF, or from ``kernel_headers``: a
    directory, True for those that are installed for that kernel. ``dialect`` is "bcc", "libbpf", or
    what the text itself tells. ``external``: see `compile_c`. Raises MissingDependencyError when
    the headers are not there, and NotSupportedError when the text needs a fact that is not known.
    Headers in quotation marks are looked for in the directory of ``name``.
    """
    target = _target(text, name, cflags, facts or _facts(system), kernel_headers, dialect)
    cache = object_cache(os.environ)
    own = read_own_headers(text, Path(name).parent)
    return compile_isolated(text, target, name=name, includes=own, external=external, cache=cache)


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
    from .compiler.source import Source, assemble  # seldom asked for, and large

    own = read_own_headers(text, Path(name).parent)
    parts = assemble(Source(text, name, own), target)
    return f"{parts.base}{parts.prelude}\n{parts.text}"


def object_cache(environ: Mapping[str, str]) -> ObjectCache | None:
    """Where compiled objects are kept; None for nowhere. BPFKIT_CACHE_SIZE bounds it in bytes
    (or ``512M``, ``2G``).
    """
    path = objects_directory(environ)
    limit = read_size(environ.get("BPFKIT_CACHE_SIZE", ""))
    if path is None:
        return None
    return ObjectCache(Directory(path, LIMIT_BYTES if limit is None else limit))


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
    globals: Mapping[str, object] | None = None,
) -> Collection:
    """Bring C text, an object file (path or bytes) or an `ObjectSpec` into the kernel.

    A path that ends in ``.c`` is compiled; ``kernel_headers`` and ``dialect`` as for
    `compile_text`. ``globals`` gives global variables other values than the text does, before the
    verifier sees them: by name, as C's values in Python. No program is loaded yet: see
    `Collection.load_program`.

    Raises LoadError for a variable that the object does not have.
    """
    system = system or System.live()
    compiled = recompile = None
    if isinstance(source, Path):
        name = str(source)
        source = source.read_text() if source.suffix == ".c" else source.read_bytes()
    if isinstance(source, str):
        recompile = partial(
            _compile_again, source, name, tuple(cflags), system, kernel_headers, dialect
        )
        compiled = recompile(frozenset())
        source = compiled.elf
    spec = source if isinstance(source, ObjectSpec) else read_object(source)
    spec = with_globals(spec, globals or {})
    loaded = load_object(spec, system, compiled.resolved if compiled is not None else ())
    return Collection(loaded, system, compiled, recompile, globals)


def _compile_again(
    text: str,
    name: str,
    cflags: Sequence[str],
    system: System,
    kernel_headers: Path | bool,
    dialect: str,
    external: frozenset[Loc],
) -> Compiled:
    """`compile_text` with what differs from one time to the next as the last argument."""
    return compile_text(
        text,
        name=name,
        cflags=cflags,
        system=system,
        kernel_headers=kernel_headers,
        dialect=dialect,
        external=external,
    )
