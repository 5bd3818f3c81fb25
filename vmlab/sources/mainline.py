"""Ubuntu's mainline builds, through virtme-ng's own downloader, which knows where they are.

Those builds are not signed; the connection is all that vouches for them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from vmlab.errors import FetchError, ToolMissingError

Downloader = Callable[[str, Path], None]
"""Unpacks the packages of a version such as ``v5.15`` into a directory."""


def fetch_mainline(version: str, into: Path, downloader: Downloader | None = None) -> None:
    """Download and unpack a mainline build; whatever goes wrong is a `FetchError`."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        # The downloader shows its progress on stdout, which belongs to the command that is run.
        with contextlib.redirect_stdout(sys.stderr):
            (downloader or download_with_virtme_ng)(version, into)
    except ToolMissingError:
        raise
    # requests raises subclasses of OSError, the unpacking CalledProcessError.
    except Exception as error:
        raise FetchError(
            f"the mainline build {version} could not be had: {_reason(error)}",
            "check the network, or give an image of your own with --image PATH --modules DIR",
        ) from error


def download_with_virtme_ng(version: str, into: Path) -> None:
    """Run virtme-ng's downloader, kept to ``into`` rather than its own cache.

    Its cache takes any .deb that exists for whole, so an interrupted download would stay broken for
    ever.
    """
    try:
        from virtme_ng.mainline import KernelDownloader  # type: ignore[import-untyped]
    except ImportError as error:
        raise ToolMissingError(
            "virtme-ng is not installed, needed for mainline kernels",
            "install it with: pip install virtme-ng",
        ) from error

    class _Downloader(KernelDownloader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.version = version
            self.arch = "amd64"
            self.verbose = False
            self.kernel_dir = str(into)
            self.target = str(into / "boot/vmlinuz*generic")
            self._fetch_kernel()

    _Downloader()


def _reason(error: BaseException) -> str:
    """Return the innermost cause: the outer ones of requests repeat it in an object's notation."""
    seen = error
    while (inner := seen.__cause__ or seen.__context__) is not None:
        seen = inner
    return f"{type(error).__name__}: {seen}"
