"""Tests that boot guests: run with ``pytest -m lab``, on the kernels that are in the cache already.

``VMLAB_TEST_KERNELS`` (ids, by commas) picks some of them; by default each test uses every one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vmlab.cache import Cache, cache_root
from vmlab.errors import ManifestError
from vmlab.manifest import load_kernel
from vmlab.model import Job, KernelImage, RunResult, Streams
from vmlab.runner import run_job

CACHE = cache_root(os.environ)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def cached_images() -> dict[str, KernelImage]:
    """Return the kernels of the cache that a manifest declares, by id."""
    if not CACHE.is_dir():
        return {}
    cache, images = Cache(CACHE), {}
    for entry in cache.entries():
        try:
            images[entry.id] = cache.image(entry, load_kernel(entry.id))
        except ManifestError:
            continue
    wanted = os.environ.get("VMLAB_TEST_KERNELS", "")
    return {key: images[key] for key in wanted.split(",")} if wanted else images


@dataclass(frozen=True, slots=True)
class Ran:
    """A result with the output of the command."""

    result: RunResult
    stdout: bytes
    stderr: bytes
    told: list[str]


Run = Callable[..., Ran]


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command in a kernel."""

    def run_command(
        image: KernelImage,
        *argv: str,
        engine: str = "snapshot",
        timeout_s: float = 60.0,
        share: Path | None = None,
        cwd: Path = Path("/"),
        env: dict[str, str] | None = None,
    ) -> Ran:
        job = Job(argv, cwd, {"PATH": PATH, **(env or {})}, share=share, timeout_s=timeout_s)
        streams, told = Streams(io.BytesIO(), io.BytesIO()), []
        result = run_job(image, job, streams, engine=engine, cache=CACHE, notice=told.append)
        assert isinstance(streams.stdout, io.BytesIO)
        assert isinstance(streams.stderr, io.BytesIO)
        return Ran(result, streams.stdout.getvalue(), streams.stderr.getvalue(), told)

    return run_command


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "image" in metafunc.fixturenames:
        images = cached_images()
        metafunc.parametrize("image", images.values(), ids=images.keys())
