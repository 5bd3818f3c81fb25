from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kernel_files import script
from vmlab.errors import CacheError, FetchError, LabError, ToolMissingError
from vmlab.sources.apt import PrivateApt, explain_failure, machine_settings, parse_show
from vmlab.sources.mirrors import Mirror

MIRROR = Mirror("http://mirror.example/debian", "http://mirror.example/security", "test")

SHOW = """\
Package: linux-image-7.3.4-amd64
Version: 7.3.4-1
Depends: dracut | initramfs-tools (>= 0.120), linux-binary-7.3.4-amd64 (= 7.3.4-1), kmod:any
Size: 1900
SHA256: {hash}
Description-en: text
 more text

""".format(hash="A" * 64)


def private(root: Path, *, allow_expired: bool = False) -> PrivateApt:
    suites = ("trixie", "trixie-security")
    return PrivateApt(
        root, MIRROR, Path("/k.gpg"), suites, allow_expired, ('Acquire::Retries "3";',)
    )


def test_show_gives_plain_dependencies_and_each_package_once() -> None:
    (stanza,) = parse_show(SHOW + SHOW)
    assert stanza.depends == ("linux-binary-7.3.4-amd64", "kmod")
    assert (stanza.size, stanza.sha256) == (1900, "a" * 64)


def test_a_stanza_cut_short_is_left_out_not_guessed() -> None:
    for length in range(len(SHOW.split("Description")[0]) - 1):
        for stanza in parse_show(SHOW[:length]):
            assert stanza.version == "7.3.4-1"


@pytest.mark.parametrize(
    ("messages", "kind", "text"),
    [
        pytest.param(
            "E: Release file for http://mirror.example/x is expired (invalid since 17d).",
            FetchError,
            "VMLAB_ALLOW_EXPIRED=1",
            id="expired",
        ),
        pytest.param(
            "W: GPG error: http://mirror.example/x InRelease: NO_PUBKEY 01\n"
            "E: The repository 'x' is not signed.",
            FetchError,
            "VMLAB_DEBIAN_KEYRING",
            id="key-missing",
        ),
        pytest.param(
            "E: Failed to fetch http://mirror.example/x  Could not resolve 'mirror.example'\n"
            "E: The repository 'x' is not signed.",
            FetchError,
            "no network",
            id="no-network",
        ),
        pytest.param(
            "E: Failed to fetch http://mirror.example/x  404  Not Found\n"
            "E: The repository 'x' does not have a Release file.",
            FetchError,
            "not there",
            id="not-there",
        ),
        pytest.param(
            "E: Write error - write (28: No space left on device)",
            CacheError,
            "vmlab prune",
            id="full-disk",
        ),
        pytest.param("E: Something new", FetchError, "vmlab doctor", id="unknown"),
        pytest.param("", FetchError, "no reason", id="silent"),
    ],
)
def test_each_failure_of_apt_becomes_one_error_with_what_to_try(
    messages: str, kind: type[LabError], text: str
) -> None:
    error = explain_failure(messages, MIRROR, ["trixie"])
    assert isinstance(error, kind)
    assert text in str(error)
    assert "\n" not in str(error)
    assert error.hint


def test_a_failure_names_the_area_the_suite_is_served_from() -> None:
    assert MIRROR.security in str(explain_failure("E: x", MIRROR, ["bullseye-security"]))


def test_the_private_root_trusts_one_keyring_and_asks_the_right_areas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin", "apt-get", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    root = tmp_path / "root"
    with private(root).locked():
        sources = (root / "etc/apt/sources.list").read_text()
        configuration = (root / "apt.conf").read_text()
        assert (root / "var/lib/dpkg/status").is_file()
    assert sources.splitlines() == [
        f"deb [arch=amd64 signed-by=/k.gpg] {MIRROR.main} trixie main",
        f"deb [arch=amd64 signed-by=/k.gpg] {MIRROR.security} trixie-security main",
    ]
    assert 'Dir::Etc::parts "/dev/null";' in configuration
    assert 'Dir::Etc::trusted "/dev/null";' in configuration
    assert 'Acquire::AllowInsecureRepositories "false";' in configuration
    assert 'Acquire::Check-Valid-Until "true";' in configuration
    assert 'Acquire::Retries "3";' in configuration
    assert not (root / "var").exists(), "indexes are not kept"


def test_expired_indexes_are_taken_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin", "apt-get", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with private(tmp_path / "root", allow_expired=True).locked():
        text = (tmp_path / "root/apt.conf").read_text()
    assert 'Acquire::Check-Valid-Until "false";' in text
    assert 'Acquire::AllowInsecureRepositories "false";' in text


def test_apt_reads_the_private_configuration_before_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin", "apt-get", f'echo "$APT_CONFIG" > {tmp_path}/seen')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    with private(tmp_path / "root").locked() as _:
        private(tmp_path / "root").update()
    assert (tmp_path / "seen").read_text().strip() == str(tmp_path / "root/apt.conf")


def test_a_failing_update_is_a_fetch_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        tmp_path / "bin", "apt-get", "echo 'E: Failed to fetch x  Connection failed' >&2; exit 100"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    with private(tmp_path / "root").locked(), pytest.raises(FetchError, match="no network"):
        private(tmp_path / "root").update()


def test_only_the_way_to_the_network_is_taken_from_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        'Acquire::http::Proxy "http://proxy.example:1";',
        'Acquire::Check-Valid-Until "false";',
        'Acquire::AllowInsecureRepositories "true";',
        'APT::Update::Post-Invoke:: "rm -rf x";',
        'Acquire::Retries "5";',
    ]
    dump = "\n".join(lines)
    script(tmp_path / "bin", "apt-config", f"cat <<'E'\n{dump}\nE")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert machine_settings() == (lines[0], lines[4])


def test_without_apt_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmlab.tools.shutil.which", lambda *_args, **_kw: None)
    with pytest.raises(ToolMissingError, match="apt-get install apt"), private(tmp_path).locked():
        pass
