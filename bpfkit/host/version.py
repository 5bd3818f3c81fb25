"""The kernel's version as three numbers, also where the release name hides it.

Debian names its kernels after an ABI (release ``6.1.0-13-amd64``) and puts the version into the
text of uname(2) (``… Debian 6.1.192-1 …``). Ubuntu does the same and has /proc/version_signature,
whose last word is the version.
"""

from __future__ import annotations

import re

Version = tuple[int, int, int]

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_DEBIAN = re.compile(r"\bDebian (\d+\.\d+(?:\.\d+)?)")


def parse_version(release: str, version: str = "", signature: str = "") -> Version:
    """Return version, patch level and sublevel.

    ``release`` and ``version`` are the fields of uname(2), ``signature`` is the text of
    /proc/version_signature, empty where there is none. Raises ValueError when there is no number.
    """
    words = signature.split()
    if words and (found := _NUMBERS.fullmatch(words[-1])):
        return _three(found)
    if debian := _DEBIAN.search(version):
        found = _NUMBERS.match(debian[1])
    else:
        found = _NUMBERS.match(release)
    if found is None:
        raise ValueError(f"no version in the kernel release {release!r}")
    return _three(found)


def version_code(version: Version) -> int:
    """KERNEL_VERSION(a, b, c): what kprobe programs have to name before Linux 5.0."""
    major, minor, sub = version
    # Sublevels above 255 do not fit and are held at 255 since v4.4.256.
    return major << 16 | minor << 8 | min(sub, 255)


def _three(found: re.Match[str]) -> Version:
    return int(found[1]), int(found[2]), int(found[3] or 0)
