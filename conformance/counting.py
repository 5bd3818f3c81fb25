"""The texts of conformance/hook_texts in the kernel: their programs count what they see."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bpfkit.collection import Collection, load
from bpfkit.links.hooked import HookedProgram
from bpfkit.system import System

from .objects import object_of
from .texts import HOOKS, read_text


@functools.cache
def elf_of(name: str) -> bytes:
    """The object of a text for the running kernel."""
    return object_of(read_text(HOOKS, f"{name}.bpf"), System.live())


class Loaded:
    """A text in the kernel."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.system = collection.system

    def program(self, name: str) -> HookedProgram:
        """A program, loaded as its section says."""
        return self.collection.load_program(name)

    def hits(self, index: int) -> int:
        """How often ``COUNT(index)`` was passed."""
        found = self.collection.globals["hits"]
        assert isinstance(found, tuple)
        count = found[index]
        assert isinstance(count, int)
        return count

    def waited(self, index: int, count: int = 1, seconds: float = 10.0) -> bool:
        """Whether ``COUNT(index)`` is passed so often within a time."""
        deadline = time.monotonic() + seconds
        while self.hits(index) < count:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


@contextlib.contextmanager
def loaded(name: str) -> Iterator[Loaded]:
    """Load a text of conformance/hook_texts."""
    with load(elf_of(name)) as collection:
        yield Loaded(collection)


@contextlib.contextmanager
def bpffs() -> Iterator[Path]:
    """A BPF file system of its own, for pins."""
    with tempfile.TemporaryDirectory(prefix="bk-") as directory:
        subprocess.run(["mount", "-t", "bpf", "none", directory], check=True)
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
