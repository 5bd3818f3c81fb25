"""Every exception bpfkit raises on purpose.

    BpfkitError
    ├── SyscallError            a system call failed (also an OSError: .errno)
    │   └── VerifierError       the verifier refused a program (.log, .program)
    ├── NotSupportedError       this kernel, or this library, lacks something (.feature, .since)
    ├── CompileError            the C text cannot be compiled (.diagnostics)
    ├── FormatError             bytes that are not what they should be (.offset)
    ├── LoadError               an object cannot be loaded (relocation, missing symbol, wrong type)
    ├── AttachError             a program cannot be attached (.target, .hint)
    ├── DecodeError             bytes do not fit the C type they are read as (.field)
    │   └── EncodeError         a Python value does not fit its C type (.field, .value, .accepts)
    └── MissingDependencyError  a package is not installed (also an ImportError)

The text has one order: what, on which object, errno name, what to try. Nothing here prints or
exits.
"""

from __future__ import annotations

import errno as _errno
import os
import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compiler.diagnostics import Diagnostic


class BpfkitError(Exception):
    """Base of every error raised on purpose."""


class SyscallError(BpfkitError, OSError):
    """A system call failed: ``call`` on ``subject``, with what to try in ``hint``."""

    def __init__(self, code: int, call: str, subject: str, hint: str = "") -> None:
        name = _errno.errorcode.get(code, str(code))
        text = f"{call} failed for {subject}: {name} ({os.strerror(code)})"
        super().__init__(code, f"{text}; {hint}" if hint else text)
        self.call = call
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        return str(self.strerror)


class VerifierError(SyscallError):
    """The kernel's verifier refused ``program``; ``log`` is its whole explanation."""

    def __init__(self, code: int, program: str, log: str, summary: str, hint: str = "") -> None:
        super().__init__(code, "BPF_PROG_LOAD", f"program '{program}'", hint)
        self.program = program
        self.log = log
        self.summary = summary
        self.refused_load: tuple[str, int, int] | None = None
        """(file, line, column) of the C text, when a plain load was refused that a helper could
        do."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n{self.summary}" if self.summary else text


class NotSupportedError(BpfkitError):
    """``who`` lacks ``feature``: the kernel, and ``since`` its first release if known, or we."""

    def __init__(
        self, feature: str, since: str = "", hint: str = "", *, who: str = "this kernel"
    ) -> None:
        text = f"{who} does not support {feature}"
        if since:
            text += f" (it came with Linux {since})"
        super().__init__(f"{text}; {hint}" if hint else text)
        self.feature = feature
        self.since = since
        self.hint = hint


class CompileError(BpfkitError):
    """The C text cannot be compiled; ``diagnostics`` has every message with its place."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(d.render() for d in self.diagnostics))


class FormatError(BpfkitError):
    """Bytes are not what they claim to be; ``offset`` is where that showed, in bytes."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset


class LoadError(BpfkitError):
    """An object cannot be loaded: a relocation, a symbol or a type does not fit this kernel."""


class AttachError(BpfkitError):
    """A program cannot be attached to ``target``; ``hint`` says what to try."""

    def __init__(self, program: str, target: str, reason: str, hint: str = "") -> None:
        text = f"cannot attach program '{program}' to {target}: {reason}"
        super().__init__(f"{text}; {hint}" if hint else text)
        self.program = program
        self.target = target
        self.reason = reason
        self.hint = hint


class DecodeError(BpfkitError):
    """Bytes do not fit the C type they are read as, or it has no values; ``field`` is its path."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"field '{field}': {message}" if field else message)
        self.field = field


class EncodeError(DecodeError):
    """``value`` does not fit the C type it is written to, which takes what ``accepts`` says."""

    def __init__(self, value: object, accepts: str, field: str = "", hint: str = "") -> None:
        text = f"{_shown(value)} does not fit: {accepts}"
        super().__init__(f"{text}; {hint}" if hint else text, field)
        self.value = value
        self.accepts = accepts


def _shown(value: object) -> str:
    """Show a value in a line; a ``repr`` that is long or fails must not hide the error."""
    try:
        return reprlib.repr(value)
    except Exception:
        return f"this {type(value).__name__}"


class MissingDependencyError(BpfkitError, ImportError):
    """A package that this task needs is not installed."""
