"""From unpacked packages to a cached kernel: image, configuration, modules with their index."""

from __future__ import annotations

import shutil
from pathlib import Path

from vmlab.bzimage import extract_vmlinux, read_release
from vmlab.errors import FetchError
from vmlab.tools import last_line, run_tool

# /lib is a link to usr/lib where packages were made for merged systems; both are looked at.
_MODULE_ROOTS = ("usr/lib/modules", "lib/modules")


def assemble(tree: Path, out: Path) -> str:
    """Move a kernel out of an unpacked tree into ``out`` and return its release.

    ``out`` gets vmlinuz, vmlinux, config and lib/modules/RELEASE with the index depmod makes; the
    configuration stands there too, where programs in a guest look for it.
    System.map, documentation and links to build trees stay behind.
    """
    vmlinuz = _find_image(tree)
    release = read_release(vmlinuz)
    config = _first(
        tree, (f"boot/config-{release}", *(f"{r}/{release}/config" for r in _MODULE_ROOTS))
    )
    out.mkdir(parents=True, exist_ok=True)
    shutil.move(vmlinuz, out / "vmlinuz")
    if config is not None:
        shutil.move(config, out / "config")
    (out / "vmlinux").write_bytes(extract_vmlinux(out / "vmlinuz"))
    modules = [tree / root / release for root in _MODULE_ROOTS if (tree / root / release).is_dir()]
    for directory in modules:
        for unwanted in ("build", "source", "vmlinux", "System.map"):
            (directory / unwanted).unlink(missing_ok=True)
        shutil.copytree(
            directory,
            out / "lib/modules" / release,
            dirs_exist_ok=True,
            symlinks=True,
            copy_function=shutil.move,
        )
    if modules:
        index_modules(out, release)
        if config is not None:
            shutil.copy2(out / "config", out / "lib/modules" / release / "config")
    return release


def index_modules(base: Path, release: str) -> None:
    """Run depmod on ``base/lib/modules/RELEASE``; packages carry no modules.dep of their own."""
    done = run_tool("depmod", ["-b", base, release], purpose="indexing kernel modules")
    index = base / "lib/modules" / release / "modules.dep"
    if done.returncode != 0 or not index.is_file():
        raise FetchError(
            f"depmod could not index the modules of {release}: {last_line(done.stderr)}"
        )


def _find_image(tree: Path) -> Path:
    found = sorted(tree.glob("boot/vmlinuz-*"))
    for root in _MODULE_ROOTS:
        found += sorted(tree.glob(f"{root}/*/vmlinuz"))
    if not found:
        raise FetchError("the packages hold no kernel image")
    return found[0]


def _first(tree: Path, names: tuple[str, ...]) -> Path | None:
    return next((tree / name for name in names if (tree / name).is_file()), None)
