from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.errors import FetchError
from vmlab.sources.mirrors import (
    KEYRING,
    find_keyring,
    find_mirror,
    parse_deb822,
    parse_one_line,
    parse_stanzas,
)

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # why
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
"""


def test_deb822_gives_enabled_binary_sources() -> None:
    sources = parse_deb822(DEB822, Path("debian.sources"))
    assert [source.uri for source in sources] == [
        "http://mirror.example/debian",
        "http://mirror.example/security",
    ]
    assert sources[0].suites == ("bookworm", "bookworm-updates")


def test_one_line_gives_enabled_binary_sources() -> None:
    first, second = parse_one_line(ONE_LINE, Path("sources.list"))
    assert (first.uri, first.suites) == ("http://mirror.example/debian", ("bookworm",))
    assert (first.components, first.signed_by) == (("main", "contrib"), "/k.gpg")
    assert second.suites == ("bookworm-security",)


@pytest.mark.parametrize(
    ("name", "text", "security"),
    [
        pytest.param("sources.list.d/debian.sources", DEB822, "security", id="deb822"),
        pytest.param("sources.list", ONE_LINE, "debian-security", id="one-line"),
    ],
)
def test_the_machines_mirror_is_found(tmp_path: Path, name: str, text: str, security: str) -> None:
    write(tmp_path / "etc/apt" / name, text)
    mirror = find_mirror({}, tmp_path)
    assert mirror.uri("trixie-backports") == "http://mirror.example/debian"
    assert mirror.uri("bullseye-security") == f"http://mirror.example/{security}"
    assert name in mirror.found_in


def test_debian_itself_is_preferred_to_those_who_borrow_its_names(tmp_path: Path) -> None:
    apt = tmp_path / "etc/apt/sources.list.d"
    write(apt / "aaa.list", "deb http://vendor.example/apt bookworm main\n")
    write(apt / "debian.sources", DEB822)
    write(apt / "zzz.list", "deb http://vendor.example/other stable main\n")
    assert find_mirror({}, tmp_path).main == "http://mirror.example/debian"


def test_other_distributions_have_no_debian_mirror(tmp_path: Path) -> None:
    write(tmp_path / "etc/apt/sources.list", "deb http://mirror.example/ubuntu noble main\n")
    with pytest.raises(FetchError, match="VMLAB_DEBIAN_MIRROR"):
        find_mirror({}, tmp_path)


def test_the_environment_wins_and_gives_the_security_area_too(tmp_path: Path) -> None:
    write(tmp_path / "etc/apt/sources.list", ONE_LINE)
    mirror = find_mirror({"VMLAB_DEBIAN_MIRROR": "http://own.example/debian/"}, tmp_path)
    assert mirror.main == "http://own.example/debian"
    assert mirror.security == "http://own.example/debian-security"
    own = {
        "VMLAB_DEBIAN_MIRROR": "http://own.example/debian",
        "VMLAB_DEBIAN_SECURITY_MIRROR": "http://own.example/s",
    }
    assert find_mirror(own, tmp_path).security == "http://own.example/s"


def test_the_keyring_is_the_machines_or_that_of_the_environment(tmp_path: Path) -> None:
    own = write(tmp_path / "own.gpg")
    assert find_keyring({"VMLAB_DEBIAN_KEYRING": str(own)}, tmp_path) == own
    with pytest.raises(FetchError, match="apt-get install debian-archive-keyring"):
        find_keyring({}, tmp_path)
    installed = write(tmp_path / KEYRING)
    assert find_keyring({}, tmp_path) == installed


def test_stanzas_join_continuation_lines_and_lower_names() -> None:
    text = "Package: a\nDescription: x\n more\nSIZE: 1\n\n\nPackage: b\n"
    assert list(parse_stanzas(text)) == [
        {"package": "a", "description": "x\nmore", "size": "1"},
        {"package": "b"},
    ]


def test_every_truncation_of_a_file_still_parses() -> None:
    for length in range(len(DEB822)):
        parse_deb822(DEB822[:length], Path("f"))
        parse_one_line(ONE_LINE[:length], Path("f"))
