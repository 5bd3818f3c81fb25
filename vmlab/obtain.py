"""From a declared kernel to one ready to boot: the cache first, then the sources in order."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmlab.cache import Cache, Entry, tree_size
from vmlab.errors import CacheError, FetchError, LabError
from vmlab.lock import Pin
from vmlab.model import Kernel, KernelImage, SourceSpec

Notice = Callable[[str], None]
Watch = Callable[[str, Path, int], contextlib.AbstractContextManager[None]]
"""Shows how files in a directory grow to a total: what they are, the directory, the bytes."""


@contextlib.contextmanager
def unwatched(_what: str, _directory: Path, _total: int) -> Iterator[None]:
    """Show nothing."""
    yield


# Measured on Debian's kernels: an unpacked one takes at most 4.2 times its packages, vmlinux
# included.
_UNPACK_FACTOR = 6


@dataclass(slots=True)
class Obtainer:
    """Gets kernels; ``force`` ignores what is cached."""

    cache: Cache
    pins: Mapping[str, Pin]
    notice: Notice
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    force: bool = False
    watch: Watch = unwatched

    @contextlib.contextmanager
    def lease(self, kernel: Kernel) -> Iterator[KernelImage]:
        """Give a kernel to boot that nobody removes meanwhile; get it if need be."""
        with self.cache.hold(kernel.id, exclusive=False, notice=self.notice):
            image = self.cached(kernel)
            if image is not None:
                yield image
                return
        self.obtain(kernel)
        with self.cache.hold(kernel.id, exclusive=False, notice=self.notice):
            image = self.cached(kernel)
            if image is None:
                raise CacheError(
                    f"kernel {kernel.id} was removed while it was wanted", "run the command again"
                )
            yield image

    def cached(self, kernel: Kernel) -> KernelImage | None:
        """Return a kernel that needs no fetching: one in the cache, or an image of the user's."""
        for source in kernel.sources:
            if source.kind == "image":
                image = self._user_image(kernel, source)
                if image is not None:
                    return image
                continue
            entry = self.cache.find(kernel.id, request(kernel, source, self.pins))
            if entry is not None:
                if entry.notice:
                    self.notice(entry.notice)
                return self.cache.image(entry, kernel)
        return None

    def obtain(self, kernel: Kernel) -> KernelImage:
        """Return a kernel ready to boot, from the first source that has it."""
        with self.cache.hold(kernel.id, exclusive=True, notice=self.notice):
            if self.force:
                self.cache.drop_damaged(kernel.id)
            else:
                image = self.cached(kernel)
                if image is not None:
                    return image
            reasons = []
            for source in kernel.sources:
                try:
                    return self._from_source(kernel, source)
                except CacheError:  # the next source would meet the same disk
                    raise
                except LabError as error:
                    reasons.append((source.kind, error))
        if len(reasons) == 1:
            raise reasons[0][1]
        told = "; ".join(f"{kind}: {error}" for kind, error in reasons)
        raise FetchError(f"kernel {kernel.id} could not be had from any source: {told}")

    def newest_pin(self, kernel: Kernel) -> Pin:
        """Return what the archive has newest of a kernel's series, to be pinned."""
        from vmlab.sources import debian

        for source in kernel.sources:
            if source.kind == "debian":
                archive = debian.open_archive(
                    source.options["suites"], self.cache.root, self.environ
                )
                with archive.locked():
                    archive.update()
                    choice = debian.newest_of_series(archive, kernel.series)
                if choice.notice:
                    self.notice(choice.notice)
                return choice.pin
        raise FetchError(f"kernel {kernel.id} has no source that can be pinned")

    def _from_source(self, kernel: Kernel, source: SourceSpec) -> KernelImage:
        if source.kind == "debian":
            return self._from_debian(kernel, source)
        if source.kind == "mainline":
            return self._from_mainline(kernel, source)
        image = self._user_image(kernel, source)
        if image is None:
            raise FetchError(
                "no image was given", f"set {source.options['image_env']} to a bzImage or vmlinux"
            )
        return image

    def _user_image(self, kernel: Kernel, source: SourceSpec) -> KernelImage | None:
        path = self.environ.get(source.options["image_env"])
        if not path:
            return None
        from vmlab.sources.image import is_of_series, user_image

        modules = self.environ.get(source.options.get("modules_env", ""))
        image = user_image(
            Path(path),
            Path(modules) if modules else None,
            self.cache.root,
            kernel_id=kernel.id,
            cmdline=kernel.cmdline,
        )
        # Unlike --image, a variable stays set: a set of kernels must not test one twice.
        if not is_of_series(image.release, kernel.series):
            raise FetchError(
                f"{path} is a kernel {image.release}, not of series {kernel.series}",
                f"set {source.options['image_env']} to another, or unset it",
            )
        return image

    def _from_debian(self, kernel: Kernel, source: SourceSpec) -> KernelImage:
        from vmlab.sources import debian

        archive = debian.open_archive(source.options["suites"], self.cache.root, self.environ)
        with self.cache.stage(kernel.id) as staged, archive.locked():
            self.notice(f"reading the indexes of {', '.join(archive.suites)}")
            archive.update()
            choice = debian.choose(archive, kernel.series, self.pins.get(kernel.id))
            if choice.notice:
                self.notice(choice.notice)
            self._check_space(choice.pin.size * _UNPACK_FACTOR)
            with self.watch(f"downloading {choice.pin.release}", staged, choice.pin.size):
                files = debian.download(archive, choice.pin, staged / "debs", self.notice)
            self.notice(f"unpacking {choice.pin.release}")
            debian.unpack(files, staged / "tree")
            packages = ", ".join(
                f"{package.name} {package.version}" for package in choice.pin.packages
            )
            return self._keep(
                kernel,
                staged,
                digest=choice.pin.digest,
                stands_for=request(kernel, source, self.pins),
                origin=f"debian {packages}",
                notice=choice.notice,
            )

    def _from_mainline(self, kernel: Kernel, source: SourceSpec) -> KernelImage:
        from vmlab.sources.mainline import fetch_mainline

        version = source.options["version"]
        with self.cache.stage(kernel.id) as staged:
            self.notice(f"downloading the mainline build {version}")
            fetch_mainline(version, staged / "tree")
            digest = _digest(sorted((staged / "tree").glob("*.deb")))
            return self._keep(
                kernel,
                staged,
                digest=digest,
                stands_for=request(kernel, source, self.pins),
                origin=f"mainline {version}",
            )

    def _keep(
        self,
        kernel: Kernel,
        staged: Path,
        *,
        digest: str,
        stands_for: str,
        origin: str,
        notice: str = "",
    ) -> KernelImage:
        """Make a cache entry of the packages unpacked in ``staged/tree``."""
        from vmlab.assemble import assemble

        self.notice("indexing its modules")
        out = staged / "out"
        release = assemble(staged / "tree", out)
        shutil.rmtree(staged / "tree")
        entry = Entry(
            id=kernel.id,
            release=release,
            digest=digest,
            stands_for=stands_for,
            origin=origin,
            image_size=(out / "vmlinuz").stat().st_size,
            size=tree_size(out),
            notice=notice,
        )
        self.cache.commit(out, entry)
        return self.cache.image(entry, kernel)

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.cache.root).free
        if free < needed:
            raise CacheError(
                f"the cache {self.cache.root} has {free / 1e6:.0f} MB free, but needs"
                f" {needed / 1e6:.0f} MB",
                "free some with: vmlab prune, or set VMLAB_CACHE to a larger disk",
            )


def request(kernel: Kernel, source: SourceSpec, pins: Mapping[str, Pin]) -> str:
    """Return the name under which a source's kernel is found in the cache again."""
    if source.kind == "mainline":
        return f"mainline:{source.options['version']}"
    pin = pins.get(kernel.id)
    return f"debian:{pin.digest if pin else 'newest'}"


def _digest(files: Iterable[Path]) -> str:
    """Return one digest of the contents of several files."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
