"""apt in a private root directory: indexes and packages of foreign suites, checked by apt itself.

apt verifies the signature of each index against one keyring and each package against the index.
Nothing of the machine's apt state is read or written, and its configuration only for how to reach
the network (proxies): hooks, pins, trusted keys and relaxed checks of the machine do not count. No
root is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from vmlab.errors import CacheError, FetchError
from vmlab.sources.mirrors import Mirror, parse_stanzas
from vmlab.tools import require_tool, run_tool

ALLOW_EXPIRED_ENV = "VMLAB_ALLOW_EXPIRED"

_PURPOSE = "fetching Debian kernels"
_FREE = "free some with: vmlab prune"
# What the machine may decide for us: the way to the network, nothing about trust.
_CARRIED = re.compile(
    r"Acquire::(?:https?::(?:Proxy|CaInfo|CaPath|SslCert|SslKey)|Retries|ForceIPv[46])\b"
)

_CONFIGURATION = """\
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "{user}";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Check-Valid-Until "{check_valid_until}";
Acquire::Languages "none";
"""


@dataclass(frozen=True, slots=True)
class Stanza:
    """What an index says of one binary package."""

    name: str
    version: str
    depends: tuple[str, ...]
    """Names of the packages it needs, without versions; alternatives are left out."""
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PrivateApt:
    """apt with its own root directory, for a few suites of one mirror."""

    root: Path
    mirror: Mirror
    keyring: Path
    suites: tuple[str, ...]
    allow_expired: bool = False
    carried: tuple[str, ...] = field(default=())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this root directory for oneself; apt fails, rather than waits, when it is busy."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CacheError(
                f"{self.root}: cannot be written: {error.strerror}", "set VMLAB_CACHE"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._prepare()
            yield
        finally:
            # The indexes take 70 MB a suite and are stale by the next time.
            shutil.rmtree(self.root / "var", ignore_errors=True)
            os.close(descriptor)

    def update(self) -> None:
        """Get the signed indexes; `FetchError` on a bad signature, an expired index, no network."""
        done = self._run("apt-get", ["update", "-q"])
        if done.returncode != 0:
            raise explain_failure(done.stderr.decode(errors="replace"), self.mirror, self.suites)

    def package_names(self, prefix: str) -> tuple[str, ...]:
        """Return the names in the indexes that start with ``prefix``."""
        done = self._run("apt-cache", ["pkgnames", prefix])
        return tuple(sorted(done.stdout.decode().split()))

    def show(self, names: Sequence[str]) -> tuple[Stanza, ...]:
        """Return every version the indexes have of these packages; unknown names are left out."""
        if not names:
            return ()
        done = self._run("apt-cache", ["show", "--all-versions", *names])
        return parse_show(done.stdout.decode(errors="replace"))

    def download(self, name: str, version: str, into: Path) -> Path:
        """Download one package, checked by apt against the signed index, and return its file."""
        done = self._run("apt-get", ["download", "-q", f"{name}={version}"], cwd=into)
        if done.returncode != 0:
            raise explain_failure(done.stderr.decode(errors="replace"), self.mirror, self.suites)
        files = sorted(into.glob(f"{name}_*.deb"))
        if len(files) != 1:
            raise FetchError(f"apt downloaded {len(files)} files for {name} {version}, not one")
        return files[0]

    def _run(
        self, tool: str, arguments: list[str], cwd: Path | None = None
    ) -> CompletedProcess[bytes]:
        # APT_CONFIG is read before everything else, so it can name /dev/null as the machine's
        # files.
        env = {"APT_CONFIG": str(self.root / "apt.conf")}
        return run_tool(tool, arguments, purpose=_PURPOSE, env=env, cwd=cwd)

    def _prepare(self) -> None:
        require_tool("apt-get", _PURPOSE)
        directories = (
            "etc/apt/sources.list.d",
            "etc/apt/preferences.d",
            "etc/apt/auth.conf.d",
            "var/lib/dpkg",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
        )
        try:
            for name in directories:
                (self.root / name).mkdir(parents=True, exist_ok=True)
            (self.root / "var/lib/dpkg/status").touch()
            lines = [
                f"deb [arch=amd64 signed-by={self.keyring}] {self.mirror.uri(suite)} {suite} main\n"
                for suite in self.suites
            ]
            (self.root / "etc/apt/sources.list").write_text("".join(lines), encoding="utf-8")
            (self.root / "apt.conf").write_text(self._configuration(), encoding="utf-8")
        except OSError as error:
            raise CacheError(f"{self.root}: cannot be written: {error.strerror}", _FREE) from error

    def _configuration(self) -> str:
        text = _CONFIGURATION.format(
            root=self.root,
            # The sandbox user of apt may not enter a cache in somebody's home directory.
            user="root",
            check_valid_until="false" if self.allow_expired else "true",
        )
        return text + "".join(f"{line}\n" for line in self.carried)


def machine_settings() -> tuple[str, ...]:
    """Return the lines of the machine's apt configuration that say how to reach the network."""
    done = run_tool("apt-config", ["dump"], purpose=_PURPOSE)
    return tuple(
        line for line in done.stdout.decode(errors="replace").splitlines() if _CARRIED.match(line)
    )


def parse_show(text: str) -> tuple[Stanza, ...]:
    """Parse the output of ``apt-cache show``; the same package in two suites counts once."""
    found: dict[Stanza, None] = {}
    for fields in parse_stanzas(text):
        if {"package", "version", "size", "sha256"} <= fields.keys():
            stanza = Stanza(
                name=fields["package"],
                version=fields["version"],
                depends=_plain_names(fields.get("depends", "")),
                size=int(fields["size"]),
                sha256=fields["sha256"].lower(),
            )
            found[stanza] = None
    return tuple(found)


def explain_failure(
    messages: str, mirror: Mirror, suites: Sequence[str]
) -> FetchError | CacheError:
    """Turn what apt printed into one error with what to try.

    The order matters: whatever else went wrong, apt adds that the repository is not signed.
    """
    reason = _reason(messages)
    places = dict.fromkeys(mirror.uri(suite) for suite in suites)
    what = f"{', '.join(suites)} could not be had from {' and '.join(places)}"
    if "No space left" in messages:
        return CacheError("no space left for packages", f"{_FREE}, or set VMLAB_CACHE")
    if re.search(r"is expired|not valid (?:yet|anymore)|Valid-Until", messages):
        return FetchError(
            f"{what}: an index is outside its validity, see Valid-Until ({reason})",
            "check the clock, use a mirror that is up to date, or accept it with"
            f" {ALLOW_EXPIRED_ENV}=1 (signatures and hashes are still checked)",
        )
    if re.search(r"NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|NODATA|GPG error", messages):
        return FetchError(
            f"{what}: the signature does not hold ({reason})",
            "install the newest debian-archive-keyring, or name another with VMLAB_DEBIAN_KEYRING",
        )
    if re.search(r"Could not resolve|Temporary failure|onnect|timed out|unreachable", messages):
        return FetchError(f"{what}: no network ({reason})", "check the network and apt's proxy")
    if re.search(r"\b40[0-9] |Failed to fetch|does not have a Release file", messages):
        return FetchError(
            f"{what}: not there ({reason})", "name a mirror that has it with VMLAB_DEBIAN_MIRROR"
        )
    return FetchError(f"{what}: {reason}", "vmlab doctor checks the mirror and the keyring")


def _reason(messages: str) -> str:
    """Return the line of apt's that says most."""
    lines = [line.strip() for line in messages.splitlines() if line.startswith(("E:", "W:"))]
    telling = [line for line in lines if re.search(r"Failed to fetch|GPG error|Release file", line)]
    reason = next(iter(telling or lines), messages.strip() or "apt gave no reason")
    return re.sub(r"^[EW]: ", "", reason)


def _plain_names(depends: str) -> tuple[str, ...]:
    relations = (relation for relation in depends.split(",") if "|" not in relation)
    names = (relation.split("(")[0].split(":")[0].strip() for relation in relations)
    return tuple(name for name in names if name)
