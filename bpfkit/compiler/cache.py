"""Objects kept on disk under what they were made from, so that the same text compiles once.

What a compilation depends on is known in two steps. The text, its flags and this compiler are known
before: they name a file with the questions that the compilation asked about the kernel. The answers
to those, this kernel's, name the file with the result. So one text may have results for many
kernels, and what it never asked about may change.

The directory belongs to one user and is closed to others; a file of somebody else, a cut off one, a
damaged one is as good as none. Every failure to read or write means that nothing is kept: a full
disk or a read-only home never stops a compilation. Files appear whole (written aside, then
renamed), so that any number of processes may share the directory. When it grows over its limit the
files that were not used for longest go.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from .compiled import Compiled
from .values import read_value, write_value

LIMIT_BYTES = 256 << 20
"""What the files may take together: a tool's object takes 50 to 200 kB."""
LISTS = 8
"""So many lists of questions are kept for one text: different kernels may be asked differently."""

MAGIC = b"bpfkit1\n"
_DIGEST = 16
_SIZE = re.compile(r"(\d+)([KMG]?)", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}

Question = tuple[str, ...]
Answer = Callable[[Question], str]
"""Gives the mark of the kernel's answer to a question: another answer, another mark."""


def digest(*parts: object) -> str:
    """A name for ``parts``, which are told apart by their ``repr``."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def read_size(text: str) -> int | None:
    """Bytes written as ``1000000``, ``512K``, ``256M`` or ``2G``; None for anything else."""
    found = _SIZE.fullmatch(text.strip())
    return None if found is None else int(found[1]) << _UNITS[found[2].upper()]


@dataclass(frozen=True, slots=True)
class Directory:
    """Files under names, in a directory that is this user's alone."""

    path: Path
    limit_bytes: int = LIMIT_BYTES

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        """The directory's descriptor. Raises OSError when it is not to be trusted."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path, flags)
        try:
            _check_owner(fd)
            yield fd
        finally:
            os.close(fd)

    def read(self, name: str) -> bytes | None:
        """The content of a file, which counts as used now; None when there is none to trust."""
        try:
            with self._open() as folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
                with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
                    _check_owner(file.fileno())
                    data = file.read()
                    with contextlib.suppress(OSError):
                        os.utime(file.fileno())
        except OSError:
            return None
        body = memoryview(data)[len(MAGIC) + _DIGEST :]
        return bytes(body) if data[: -len(body) or None] == _mark(body) else None

    def write(self, name: str, content: bytes) -> None:
        """Keep a file if that is possible; others that read meanwhile see the old or the new."""
        with contextlib.suppress(OSError):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open() as folder:
                temporary = f".{os.urandom(8).hex()}"
                _write_aside(folder, temporary, name, content)
                self._shrink(folder)

    def _shrink(self, folder: int) -> None:
        """Remove what was not used for longest until a tenth of the limit is free."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, status.st_size, entry.name))
        total = sum(size for _, size, _ in found)
        if total <= self.limit_bytes:
            return
        for _, size, name in sorted(found):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            total -= size
            if total <= self.limit_bytes * 9 // 10:
                return


def _check_owner(fd: int) -> None:
    status = os.fstat(fd)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"not this user's alone: {status.st_uid}, {status.st_mode:o}")


def _mark(body: bytes | memoryview) -> bytes:
    return MAGIC + blake2b(body, digest_size=_DIGEST).digest()


def _write_aside(folder: int, temporary: str, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(_mark(content))
            file.write(content)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


@dataclass(frozen=True, slots=True)
class ObjectCache:
    """Results of compilations. ``key`` of its methods is all that is known before one."""

    files: Directory

    def find(self, key: str, answer: Answer) -> Compiled | None:
        """The result for the kernel that ``answer`` tells about, None when it is not here."""
        for questions in self._lists(key):
            name = digest(key, [(question, answer(question)) for question in questions])
            data = self.files.read(f"{name}.object")
            if data is not None:
                return _unpack(data)
        return None

    def keep(self, key: str, asked: Sequence[tuple[Question, str]], compiled: Compiled) -> None:
        """Keep a result, and what was asked and answered on the way to it."""
        questions = tuple(question for question, _ in asked)
        lists = [questions, *(q for q in self._lists(key) if q != questions)]
        self.files.write(f"{key}.questions", write_value(tuple(lists[:LISTS])))
        self.files.write(f"{digest(key, list(asked))}.object", _pack(compiled))

    def _lists(self, key: str) -> Sequence[Sequence[Question]]:
        data = self.files.read(f"{key}.questions")
        if data is None:
            return ()
        with contextlib.suppress(ValueError):
            return tuple(read_value(data))
        return ()


def _pack(compiled: Compiled) -> bytes:
    """The IR is large and seldom looked at: it is packed, the object is not."""
    ir = zlib.compress(compiled.ir.encode("utf-8", "surrogateescape"), 1)
    return write_value((replace(compiled, ir=""), ir))


def _unpack(data: bytes) -> Compiled | None:
    with contextlib.suppress(ValueError, TypeError, zlib.error):
        compiled, ir = read_value(data)
        if isinstance(compiled, Compiled):
            return replace(compiled, ir=zlib.decompress(ir).decode("utf-8", "surrogateescape"))
    return None
