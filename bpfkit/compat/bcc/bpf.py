"""bcc's BPF class, over a `Collection`.

The class is put together from three parts: this file compiles, loads and keeps the tables;
``hooks.py`` attaches; ``output.py`` reads buffers and the trace pipe; ``kernel.py`` has the static
questions about the kernel.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...errors import NotSupportedError
from ...uapi.bpf import AttachType, ProgType
from . import constants, live
from .autoload import autoload
from .hooks import Hooks
from .kernel import KernelQuestions, shared_system
from .network_hooks import NetworkHooks
from .output import Output
from .text import WE, Text, to_bytes, to_text

if TYPE_CHECKING:
    from ...collection import Collection
    from ...links.base import Link
    from ...programs.program import Program
    from .usdt import USDT

# Which class of table it is, and so which methods it has, the map's type tells at run time.
AnyTable = Any


class LoadedFunction:
    """A loaded program as bcc hands it out: ``fd``, ``name`` (bytes) and, for raw sockets,
    ``sock``.
    """

    def __init__(self, bpf: BPF, name: bytes, program: Program) -> None:
        self.bpf = bpf
        self.name = name
        self.program = program
        self.sock = -1

    @property
    def fd(self) -> int:
        """The program's descriptor."""
        return self.program.fileno()


class BPF(Hooks, NetworkHooks, Output, KernelQuestions, constants.Constants):
    """A compiled text, its maps and its programs; bcc's constructor, argument for argument."""

    Function = LoadedFunction

    def __init__(
        self,
        src_file: Text = b"",
        hdr_file: Text = b"",
        text: Text | None = None,
        debug: int = 0,
        cflags: Sequence[Text] = (),
        usdt_contexts: Sequence[USDT] = (),
        allow_rlimit: bool = True,
        device: Text | None = None,
        attach_usdt_ignore_pid: bool = False,
    ) -> None:
        """Compile, create the maps, then load and attach every program whose name says where.

        Types come from the kernel's BTF; from kernel headers where BCC_KERNEL_SOURCE names a tree.
        RLIMIT_MEMLOCK is lifted where it stops a map, whatever ``allow_rlimit`` says.
        """
        if text and src_file:
            raise AssertionError("BPF() takes text or src_file, not both")
        if text is None and not src_file:
            raise TypeError("BPF() needs text= or src_file=")
        if device:
            raise NotSupportedError(f"offload to the device '{to_text(device)}'", who=WE)
        path = find_source(to_text(src_file)) if src_file else None
        if hdr_file:
            find_source(to_text(hdr_file))
        self.debug = debug
        self.tables: dict[Text, AnyTable] = {}
        self.funcs: dict[bytes, LoadedFunction] = {}
        super().__init__()
        source = path.read_text() if path else to_text(text or b"")
        name = str(path) if path else "program.c"
        source = with_arguments(source, usdt_contexts)
        flags = [to_text(flag) for flag in cflags]
        named = os.environ.get("BCC_KERNEL_SOURCE")
        headers = Path(named) if named else False
        if debug & constants.DEBUG_PREPROCESSOR:
            whole = live.preprocess_text(
                source, name=name, cflags=flags, system=shared_system(), kernel_headers=headers
            )
            sys.stderr.write(whole + "\n")
        self.collection = live.load(
            source, name=name, cflags=flags, system=shared_system(), kernel_headers=headers
        )
        self._text, self._text_name = source, name
        self._at_exit = self._close_at_exit()
        try:
            self._show_debug()
            for context in usdt_contexts:
                context.attach_uprobes(self, attach_usdt_ignore_pid)
            autoload(self)
        except BaseException:
            self.cleanup()
            raise

    def explain(self) -> str:
        """Which expression of the text reads memory by which helper, and why; not in bcc.

        DEBUG_PREPROCESSOR prints the same.
        """
        compiled = self.collection.compiled
        return live.list_reads(compiled.reads, self._text, self._text_name) if compiled else ""

    @property
    def _log_level(self) -> int:
        if self.debug & constants.DEBUG_BPF_REGISTER_STATE:
            return 2
        return 1 if self.debug & constants.DEBUG_BPF else 0

    def _show_debug(self) -> None:
        compiled = self.collection.compiled
        if compiled is None:
            return
        for warning in compiled.warnings:
            sys.stderr.write(warning.render() + "\n")
        if self.debug & constants.DEBUG_PREPROCESSOR:
            sys.stderr.write(self.explain())
        for piece in live.debug_output(self.debug, self.collection.spec, compiled):
            sys.stderr.write(piece)

    # ------------------------------------------------------------ programs

    def load_func(
        self,
        func_name: Text,
        prog_type: int,
        device: Text | None = None,
        attach_type: int = -1,
    ) -> LoadedFunction:
        """Load a program, once: a later call gives the same Function whatever type it names."""
        if device:
            raise NotSupportedError(f"offload to the device '{to_text(device)}'", who=WE)
        name = to_bytes(func_name)
        function = self.funcs.get(name)
        if function is None:
            if name.decode() not in self.collection.spec.programs:
                raise Exception(f"Unknown program {name!r}; this text has {self._program_names()}")
            program = self.collection.load_program(
                name.decode(),
                ProgType(prog_type),
                None if attach_type < 0 else AttachType(attach_type),
                log_level=self._log_level,
            )
            if program.log:
                sys.stderr.write(program.log)
            function = self.funcs[name] = LoadedFunction(self, name, program)
        return function

    def load_funcs(self, prog_type: int = ProgType.KPROBE) -> list[LoadedFunction]:
        """Load every program of the text as one type."""
        return [self.load_func(name, prog_type) for name in self.collection.spec.programs]

    def _program_names(self) -> str:
        return ", ".join(self.collection.spec.programs) or "no programs"

    # ------------------------------------------------------------ tables

    def get_table(
        self,
        name: Text,
        keytype: type[Any] | None = None,
        leaftype: type[Any] | None = None,
        reducer: Callable[[Any, Any], Any] | None = None,
    ) -> AnyTable:
        """Open a table by name; KeyError when the text has none of that name.

        ``keytype`` and ``leaftype`` are ctypes classes to take for those of the declaration; with
        ``reducer`` a per-CPU table's elements are joined two by two: ``reducer(a, b)``.
        """
        map = self.collection.maps.get(to_text(name))
        if map is None:
            raise KeyError
        return live.open_table(self, map.raw, keytype, leaftype, reducer)

    def __getitem__(self, name: Text) -> AnyTable:
        if name not in self.tables:
            self.tables[name] = self.get_table(name)
        return self.tables[name]

    def __setitem__(self, name: Text, table: AnyTable) -> None:
        self.tables[name] = table

    def __delitem__(self, name: Text) -> None:
        del self.tables[name]

    def __len__(self) -> int:
        return len(self.tables)

    def __iter__(self) -> Iterator[Text]:
        return iter(self.tables)

    # ------------------------------------------------------------ life

    def _close_at_exit(self) -> weakref.finalize[..., Self]:
        """Close everything when this object or the interpreter ends, whichever comes first.

        bcc keeps every object alive until exit; a weak reference cleans up just the same.
        """
        return weakref.finalize(self, _close, os.getpid(), self._readers, self.collection)

    def own(self, link: Link) -> None:
        """Close ``link`` with this object. At exit the newest finalizer runs first: be newer."""
        self.collection.own(link)
        self._at_exit.detach()
        self._at_exit = self._close_at_exit()

    def cleanup(self) -> None:
        """Detach and close everything. Calling it twice is harmless."""
        self._at_exit.detach()
        self.close_output()
        self.collection.close()
        self.funcs.clear()
        self.tables.clear()

    def close(self) -> None:
        """The same as `cleanup`."""
        self.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()


def _close(pid: int, readers: contextlib.ExitStack, collection: Collection) -> None:
    # A forked child has copies of the descriptors, but what is attached is its parent's.
    if os.getpid() != pid:
        return
    with contextlib.closing(collection), readers:
        pass


def with_arguments(source: str, contexts: Sequence[USDT]) -> str:
    """A text behind the functions that read the arguments of USDT probes.

    They are one long line, so that the text's own lines keep their numbers.
    """
    readers = "".join(context.get_text() for context in contexts)
    return readers.replace("\n", " ") + source


def find_source(name: str) -> Path:
    """The file ``name`` from here, or beside the running script."""
    beside = Path(sys.argv[0] or ".").parent / name
    for path in (Path(name), beside):
        if path.is_file():
            return path
    raise FileNotFoundError(f"Could not find file {name}; looked here and in {beside.parent}")
