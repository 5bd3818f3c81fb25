"""What the lab needs of a machine; each problem comes with the command that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmlab.cache import Cache, cache_root, tree_size
from vmlab.errors import LabError
from vmlab.lock import load_pins
from vmlab.manifest import KERNELS_DIR, kernel_ids, validate_data
from vmlab.report import size_text
from vmlab.sources.mirrors import find_keyring, find_mirror
from vmlab.tools import find_tool, install_hint

LOW_SPACE = 4 * 10**9
"""Bytes free below which all kernels with their saved guests do not fit."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. Without what is not ``needed`` the lab works, but slower or less."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    needed: bool = True


_TOOLS: tuple[tuple[str, str, bool], ...] = (
    ("qemu-system-x86_64", "boots the kernels", True),
    ("mkfs.erofs", "makes the guests' root image", True),
    ("busybox", "starts the guests", True),
    ("depmod", "indexes modules", True),
    ("apt-get", "gets Debian's kernels", True),
    ("dpkg-deb", "unpacks Debian's kernels", True),
    ("zstd", "unpacks kernels from 6.12 on", True),
    ("lz4", "unpacks lz4 kernels of your own", False),
)


def examine(environ: Mapping[str, str]) -> list[Check]:
    """Look at everything; a check that fails is itself a problem found, not an error."""
    root = cache_root(environ)
    checks = list(check_tools())
    for name, check in (
        ("virtme-ng", check_virtme),
        ("acceleration", lambda: check_acceleration(root)),
        ("disk space", lambda: check_space(root)),
        ("cache", lambda: check_cache(root)),
        ("mirror", lambda: check_mirror(environ)),
        ("keyring", lambda: check_keyring(environ)),
        ("manifests", check_manifests),
    ):
        checks.append(_guarded(name, check))
    return checks


def check_tools() -> Iterator[Check]:
    """Look for each program of the system."""
    for name, purpose, needed in _TOOLS:
        found = find_tool(name)
        if found is None:
            yield Check(name, False, f"missing: {purpose}", install_hint(name), needed)
        else:
            yield Check(name, True, str(found), needed=needed)


def check_virtme() -> Check:
    """Look for virtme-ng, the engine to fall back to and the downloader of mainline builds."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check("virtme-ng", True, version("virtme-ng"), needed=False)
    except PackageNotFoundError:
        mend = "install it with: pip install virtme-ng"
        return Check("virtme-ng", False, "missing: the virtme engine", mend, needed=False)


def check_acceleration(root: Path) -> Check:
    """Ask anew whether KVM really works."""
    from vmlab.engine.accel import probe_acceleration

    answer = probe_acceleration(root, fresh=True)
    fast = answer.name == "kvm"
    detail = f"{answer.name}: {answer.reason}" if answer.reason else answer.name
    mend = "" if fast else "none needed: TCG works, only slower; KVM needs a usable /dev/kvm"
    return Check("acceleration", fast, detail, mend, needed=False)


def check_space(root: Path) -> Check:
    """Look how much is free where the cache is or will be."""
    existing = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    mend = "" if free >= LOW_SPACE else "vmlab prune, or set VMLAB_CACHE to a larger disk"
    return Check("disk space", free >= LOW_SPACE, f"{size_text(free)} free at {existing}", mend)


def check_cache(root: Path) -> Check:
    """Read every entry of the cache, so that a damaged one is named."""
    cache = Cache(root)
    entries = [cache.find(entry.id, entry.stands_for) for entry in cache.entries()]
    kernels = ", ".join(sorted({entry.id for entry in entries if entry is not None})) or "no kernel"
    return Check("cache", True, f"{root}: {size_text(tree_size(root))}; {kernels}")


def check_mirror(environ: Mapping[str, str]) -> Check:
    """Look which mirror of Debian would be used."""
    mirror = find_mirror(environ)
    return Check("mirror", True, f"{mirror.main} (from {mirror.found_in})")


def check_keyring(environ: Mapping[str, str]) -> Check:
    """Look for the keys that indexes are checked with."""
    return Check("keyring", True, str(find_keyring(environ)))


def check_manifests(root: Path = KERNELS_DIR) -> Check:
    """Check the data files against their schema, and that only declared kernels are pinned."""
    problems = list(validate_data(root))
    identifiers = kernel_ids(root)
    problems += [
        f"lock.toml pins {name}, which no manifest declares"
        for name in load_pins(root).keys() - {*identifiers}
    ]
    if problems:
        return Check("manifests", False, "; ".join(problems), f"mend {root}")
    return Check("manifests", True, f"{len(identifiers)} kernels in {root}")


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except LabError as error:
        text = str(error).removesuffix(f"; {error.hint}")
        return Check(name, False, text, error.hint)
    except (ImportError, OSError) as error:
        return Check(
            name, False, str(error), "pip install 'bpfkit[lab]'" * isinstance(error, ImportError)
        )
