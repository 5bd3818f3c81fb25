"""Kernels out of Debian's archive: which packages make one, and unpacking them.

Up to 6.18 ``linux-image-REL`` holds everything. From 6.19 on it is a shell that depends on
``linux-binary-REL`` (the image), ``linux-modules-REL`` and ``linux-base-REL`` (configuration). An
index may name an image whose modules were already dropped, so a version counts only when all of its
parts are there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vmlab.errors import CacheError, FetchError
from vmlab.lock import Package, Pin
from vmlab.sources.apt import ALLOW_EXPIRED_ENV, PrivateApt, Stanza, machine_settings
from vmlab.sources.debversion import version_key
from vmlab.sources.mirrors import find_keyring, find_mirror
from vmlab.tools import last_line, run_tool

Notice = Callable[[str], None]


class PackageIndex(Protocol):
    """What choosing a kernel asks of an archive."""

    def package_names(self, prefix: str) -> tuple[str, ...]:
        """Return the names that start with ``prefix``."""

    def show(self, names: Sequence[str]) -> tuple[Stanza, ...]:
        """Return every version of the named packages."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The packages to take, and what to tell about them."""

    pin: Pin
    notice: str = ""


def open_archive(suites: Sequence[str], cache: Path, environ: Mapping[str, str]) -> PrivateApt:
    """Return apt for these suites of the machine's mirror; its indexes are kept under ``cache``."""
    return PrivateApt(
        root=cache / "apt" / "+".join(suites),
        mirror=find_mirror(environ),
        keyring=find_keyring(environ),
        suites=tuple(suites),
        allow_expired=environ.get(ALLOW_EXPIRED_ENV, "") not in ("", "0"),
        carried=machine_settings(),
    )


def choose(index: PackageIndex, series: str, pin: Pin | None) -> Choice:
    """Choose the pinned kernel if the index has it, else the newest of its series, with a notice.

    A package whose name and version are pinned but whose hash differs is a `FetchError`: an archive
    never changes a file in place.
    """
    if pin is None:
        return newest_of_series(index, series)
    if _holds(index, pin):
        return Choice(pin)
    found = newest_of_series(index, series).pin
    return Choice(
        found,
        f"the pinned kernel {pin.release} is no longer in the archive, took {found.release}"
        f" ({found.packages[0].version}); vmlab fetch --update-lock pins it",
    )


def newest_of_series(index: PackageIndex, series: str) -> Choice:
    """Choose the newest kernel of a series whose parts are all in the index."""
    pattern = image_pattern(series)
    names = [
        name for name in index.package_names(f"linux-image-{series}.") if pattern.fullmatch(name)
    ]
    # A signed package and its unsigned twin have the same version; the signed name is shorter.
    images = sorted(
        index.show(names),
        key=lambda stanza: (version_key(stanza.version), -len(stanza.name)),
        reverse=True,
    )
    incomplete: list[str] = []
    for image in images:
        release = image_release(image.name)
        parts, missing = resolve_parts(index, image, release)
        if not missing:
            notice = (
                f"passed over {', '.join(incomplete)}, whose parts are missing"
                if incomplete
                else ""
            )
            return Choice(Pin(release, tuple(map(_package, (image, *parts)))), notice)
        incomplete.append(f"{image.name} {image.version}")
    reason = f"only incomplete ones: {', '.join(incomplete)}" if incomplete else "none in the index"
    raise FetchError(
        f"no kernel of series {series} can be had ({reason})",
        "give an image of your own with --image PATH --modules DIR",
    )


def resolve_parts(
    index: PackageIndex, image: Stanza, release: str
) -> tuple[tuple[Stanza, ...], tuple[str, ...]]:
    """Return the packages an image is split into, and the names of needed ones that are missing.

    ``linux-base-REL`` holds only the configuration when there is ``linux-binary-REL``, and nothing
    we need before that split, so its absence is no obstacle.
    """
    wanted = [f"linux-{part}-{release}" for part in ("binary", "modules", "base")]
    wanted = [name for name in wanted if name in image.depends]
    found = {
        stanza.name: stanza for stanza in index.show(wanted) if stanza.version == image.version
    }
    parts = tuple(found[name] for name in wanted if name in found)
    optional = f"linux-base-{release}"
    return parts, tuple(name for name in wanted if name not in found and name != optional)


def image_pattern(series: str) -> re.Pattern[str]:
    """Return what the plain amd64 images of a series are called: no cloud, rt or debug flavour."""
    return re.compile(
        rf"linux-image-{re.escape(series)}\.[0-9][0-9a-z.+~]*(?:-[0-9][0-9a-z.+~]*)?-amd64(?:-unsigned)?"
    )


def image_release(name: str) -> str:
    """Return the kernel release a ``linux-image`` package is named after."""
    return name.removeprefix("linux-image-").removesuffix("-unsigned")


def download(archive: PrivateApt, pin: Pin, into: Path, notice: Notice) -> list[Path]:
    """Download a kernel's packages; each is checked against the pin, besides apt's checks."""
    into.mkdir(parents=True, exist_ok=True)
    files = []
    for package in pin.packages:
        notice(f"downloading {package.name} {package.version} ({package.size / 1e6:.1f} MB)")
        file = archive.download(package.name, package.version, into)
        check_file(file, package)
        files.append(file)
    return files


def check_file(file: Path, package: Package) -> None:
    """Raise `FetchError` unless a file has the pinned hash."""
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        raise FetchError(
            f"{package.name} {package.version} has SHA256 {found}, not {package.sha256} as pinned",
            "do not use this mirror; name another with VMLAB_DEBIAN_MIRROR",
        )


def unpack(files: Iterable[Path], into: Path) -> None:
    """Unpack packages over each other; each file is deleted as soon as it is unpacked."""
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        # No maintainer script runs, so root is not needed.
        done = run_tool("dpkg-deb", ["--extract", file, into], purpose="unpacking Debian kernels")
        if done.returncode != 0:
            why = last_line(done.stderr)
            if b"No space left" in done.stderr:
                raise CacheError("no space left to unpack a kernel", "free some with: vmlab prune")
            raise FetchError(f"{file.name} could not be unpacked: {why}")
        file.unlink()


def _holds(index: PackageIndex, pin: Pin) -> bool:
    offered = {(row.name, row.version): row for row in index.show([p.name for p in pin.packages])}
    for package in pin.packages:
        stanza = offered.get((package.name, package.version))
        if stanza is None:
            return False
        if stanza.sha256 != package.sha256:
            raise FetchError(
                f"{package.name} {package.version} has SHA256 {stanza.sha256} in the archive,"
                f" but {package.sha256} in the lock file",
                "find out why before using it; vmlab fetch --update-lock accepts it",
            )
    return True


def _package(stanza: Stanza) -> Package:
    return Package(stanza.name, stanza.version, stanza.size, stanza.sha256)
