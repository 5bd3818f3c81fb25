"""Which Debian mirror and keyring to use: those of the machine's apt, or of the environment.

No address of a mirror is written here: a machine that runs Debian knows one, any other is told by
``VMLAB_DEBIAN_MIRROR``. Formats: sources.list(5), both the one-line style and deb822.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmlab.errors import FetchError

MIRROR_ENV = "VMLAB_DEBIAN_MIRROR"
SECURITY_ENV = "VMLAB_DEBIAN_SECURITY_MIRROR"
KEYRING_ENV = "VMLAB_DEBIAN_KEYRING"

KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
"""Where the package debian-archive-keyring of Debian and Ubuntu puts its keys."""

_CODENAMES = (
    "buster bullseye bookworm trixie forky duke sid oldoldstable oldstable stable testing unstable"
)
_DEBIAN_SUITE = re.compile(
    rf"(?:{'|'.join(_CODENAMES.split())})(?:-updates|-security|-backports|-proposed-updates)?(?:/updates)?"
)


@dataclass(frozen=True, slots=True)
class AptSource:
    """One enabled binary source of the machine's apt configuration."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str
    file: Path


@dataclass(frozen=True, slots=True)
class Mirror:
    """A Debian archive: the address of its main and security areas, and where that was read."""

    main: str
    security: str
    found_in: str

    def uri(self, suite: str) -> str:
        """Return the address that serves a suite."""
        return self.security if suite.endswith("-security") else self.main


def find_mirror(environ: Mapping[str, str], root: Path = Path("/")) -> Mirror:
    """Return the mirror to use; none at all is a `FetchError` that says how to name one."""
    main = environ.get(MIRROR_ENV, "").rstrip("/")
    security = environ.get(SECURITY_ENV, "").rstrip("/")
    found_in = f"${MIRROR_ENV}"
    if not main:
        ranked = sorted(_debian_sources(root), key=_confidence, reverse=True)
        for source in ranked:
            if any(suite.endswith(("-security", "/updates")) for suite in source.suites):
                security = security or source.uri
            elif not main:
                main, found_in = source.uri, str(source.file)
    if not main:
        raise FetchError(
            "no Debian mirror is known: apt on this machine has none",
            f"set {MIRROR_ENV} to the address of one (the directory that holds dists/ and pool/)",
        )
    return Mirror(main, security or f"{main}-security", found_in)


def find_keyring(environ: Mapping[str, str], root: Path = Path("/")) -> Path:
    """Return the file with Debian's archive keys; a missing one is a `FetchError`."""
    if own := environ.get(KEYRING_ENV):
        path = Path(own).expanduser().absolute()
        hint = f"{KEYRING_ENV} must name a keyring file"
    else:
        path = root / KEYRING
        hint = f"install it with: apt-get install debian-archive-keyring, or set {KEYRING_ENV}"
    if not path.is_file():
        raise FetchError(f"Debian's archive keys are not at {path}", hint)
    return path


def read_sources(root: Path = Path("/")) -> list[AptSource]:
    """Read every enabled ``deb`` source of the apt configuration below ``root``."""
    base = root / "etc/apt"
    files = [base / "sources.list", *sorted((base / "sources.list.d").glob("*"))]
    sources: list[AptSource] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:  # unreadable to this user, or a directory: apt ignores it too
            continue
        if file.suffix == ".list":
            sources += parse_one_line(text, file)
        elif file.suffix == ".sources":
            sources += parse_deb822(text, file)
    return sources


def parse_one_line(text: str, file: Path) -> list[AptSource]:
    """Parse the one-line style: ``deb [option=value …] uri suite component …``."""
    sources = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)", line)
        if match is None:
            continue
        options = dict(part.split("=", 1) for part in (match[1] or "").split() if "=" in part)
        sources.append(
            AptSource(
                uri=match[2].rstrip("/"),
                suites=(match[3],),
                components=tuple(match[4].split()),
                signed_by=options.get("signed-by", ""),
                file=file,
            )
        )
    return sources


def parse_deb822(text: str, file: Path) -> list[AptSource]:
    """Parse the deb822 style: stanzas of fields, several addresses and suites in each."""
    sources = []
    for fields in parse_stanzas(text):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "without", "off", "disable"):
            continue
        for uri in fields.get("uris", "").split():
            sources.append(
                AptSource(
                    uri=uri.rstrip("/"),
                    suites=tuple(fields.get("suites", "").split()),
                    components=tuple(fields.get("components", "").split()),
                    signed_by=fields.get("signed-by", ""),
                    file=file,
                )
            )
    return sources


def parse_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Parse the paragraphs of deb822(5): lower-cased names, continuation lines kept apart."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def _debian_sources(root: Path) -> Iterator[AptSource]:
    for source in read_sources(root):
        usable = source.uri.split(":", 1)[0] not in ("cdrom", "copy")
        if (
            usable
            and "main" in source.components
            and any(map(_DEBIAN_SUITE.fullmatch, source.suites))
        ):
            yield source


def _confidence(source: AptSource) -> int:
    """Rate how surely a source is Debian itself; others borrow its suite names and its 'main'.

    A wrong guess is no danger: only Debian's own keys are accepted.
    """
    path = source.uri.rsplit("/", 1)[-1]
    return (
        4 * ("debian-archive" in source.signed_by)
        + 2 * path.startswith("debian")
        + any("-" in suite for suite in source.suites)
    )
