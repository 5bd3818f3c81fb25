"""The host side of compiling for a guest: its kernel's facts, and the objects made from them.

A kernel is booted once to record its facts; the recording stays in the lab's cache until the kernel
or the recorder changes. Everything is compiled before the guest starts, by a process of its own
that finds no compiler: its PATH leads nowhere.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from vmlab.bzimage import write_whole
from vmlab.cache import Cache
from vmlab.errors import LabError
from vmlab.model import Job, KernelImage, Streams, Verdict
from vmlab.runner import run_job

from .staging import OBJECTS, ROOT, WHY_NOT

Notice = Callable[[str], None]
ROOM = "facts"
"""Of the lab's cache."""
FOLDER = "objects"
"""Of the shared directory."""
NOWHERE = "/nonexistent"
_SHARE = "/run/vmlab/share"
_FILE = "kernel.facts"
_RECORDER = ROOT / "bpfkit" / "host"
_TIME_LIMIT_S = 300.0


def recorded_facts(image: KernelImage, cache: Cache, notice: Notice, engine: str = "auto") -> Path:
    """The file with a kernel's facts; made in a guest of it unless it is there.

    Raises LabError when the kernel does not come as far.
    """
    path = cache.root / ROOM / f"{image.id}-{image.digest[:16]}-{recorder_digest()}.facts"
    if path.exists():
        return path
    with cache.hold(f"{ROOM}-{image.id}", exclusive=True, notice=notice):
        if not path.exists():  # nobody was faster
            notice(f"{image.id}: recording its facts")
            write_whole(path, _record(image, cache, notice, engine))
    return path


def recorder_digest() -> str:
    """What changes with the code that reads and writes facts."""
    state = hashlib.sha256()
    for file in sorted(_RECORDER.glob("*.py")):
        state.update(file.read_bytes())
    return state.hexdigest()[:12]


def _record(image: KernelImage, cache: Cache, notice: Notice, engine: str) -> bytes:
    """Run the recorder in a guest and return what it wrote."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        output = io.BytesIO()
        argv = [sys.executable, "-m", "bpfkit", "record", f"{_SHARE}/{_FILE}"]
        env = {"PYTHONDONTWRITEBYTECODE": "1"}
        job = Job(argv, cwd=ROOT, env=env, share=Path(directory), timeout_s=_TIME_LIMIT_S)
        streams = Streams(output, output)
        result = run_job(image, job, streams, engine=engine, cache=cache.root, notice=notice)
        if result.verdict is not Verdict.OK:
            said = output.getvalue().decode(errors="replace").strip()
            raise LabError(
                f"the facts of kernel {image.id} could not be recorded ({result.verdict}): "
                f"{said or result.console[-2000:]}",
                f"try it by hand: vmlab run {image.id} -- {' '.join(argv[:-1])} FILE",
            )
        return (Path(directory) / _FILE).read_bytes()


def stage_objects(
    share: Path, facts: Callable[[], Path], one_facts: Callable[[], Path], notice: Notice
) -> Mapping[str, str]:
    """Compile into the shared directory; return what the guest's environment needs.

    Without objects the cases that want them fail, with the reason that is left for them.
    """
    out = share / FOLDER
    out.mkdir()
    try:
        why_not = compile_objects(out, facts(), one_facts())
    except LabError as error:
        why_not = str(error)
    if why_not:
        notice(why_not)
        (out / WHY_NOT).write_text(why_not)
    return {OBJECTS: f"{_SHARE}/{FOLDER}"}


def compile_objects(out: Path, facts: Path, one_facts: Path) -> str:
    """Compile every text in a process that finds no compiler; return what it died of, usually "".

    What is wrong with a single text is left in the place of its object.
    """
    argv = [sys.executable, "-m", "conformance.objects", str(out), str(facts), str(one_facts)]
    env = {**os.environ, "PATH": NOWHERE}
    run = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else f"nothing was compiled: {run.stderr[-4000:]}"
