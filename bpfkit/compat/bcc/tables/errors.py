"""Errors of tables: bcc's words first, then what the kernel was asked and what to try.

bcc raises bare Exception and KeyError. These are both, and SyscallError besides, so that a script
may catch whichever it knows.
"""

from __future__ import annotations

import os

from ....errors import SyscallError


class TableError(SyscallError):
    """An operation on a table failed; ``.errno`` says how."""

    def __init__(self, words: str, code: int, call: str, subject: str, hint: str = "") -> None:
        super().__init__(code, call, subject, hint)
        self.words = words

    def __str__(self) -> str:
        return f"{self.words}: {os.strerror(self.errno or 0)} ({super().__str__()})"


class RefusedLookupError(SyscallError, KeyError):
    """A lookup or a delete failed otherwise than because the key is missing.

    bcc raises KeyError for every errno.
    """


class NoSuchIndexError(IndexError, KeyError):
    """An index below the first element of an array: bcc finds nothing there."""


def table_error(words: str, error: SyscallError) -> TableError:
    """The error of a system call, in bcc's words."""
    return TableError(words, error.errno or 0, error.call, error.subject, error.hint)
