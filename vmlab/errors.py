"""Every exception of the lab.

    LabError
    ├── ManifestError      a manifest, a set or the lock file is wrong
    ├── FetchError         a kernel could not be had
    ├── CacheError         the cache could not be written or read (full disk, permissions)
    ├── ToolMissingError   a program of the system is not installed
    └── EngineError        an engine cannot work here (not: a command failed in a guest)

The text says what, on which object, why, and what to try.
"""

from __future__ import annotations


class LabError(Exception):
    """Base of every error the lab raises on purpose; ``hint`` says what to try."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.hint = hint


class ManifestError(LabError):
    """A manifest, ``sets.toml`` or the lock file does not hold what it must."""


class FetchError(LabError):
    """A kernel could not be had from any of its sources."""


class CacheError(LabError):
    """The cache could not be read or written."""


class ToolMissingError(LabError):
    """A program of the system is missing; ``hint`` is the command that installs it."""


class EngineError(LabError):
    """An engine cannot work on this machine."""
