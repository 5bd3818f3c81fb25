"""The ``snapshot`` engine: a guest saved when ready is restored for each job.

A state is kept under ``snapshots/SLOT-KEY``: one per kernel and kind of machine. The key covers
all that must be equal for it to be restored: QEMU, the command line with every file named there,
cpus and memory. It is written beside its place and renamed, under a lock, so that a state is whole
or not there, however many runs start at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmlab.bzimage import file_identity, write_whole
from vmlab.engine.accel import Accelerator
from vmlab.engine.base import Notice
from vmlab.engine.channel import Channel, DeadlinePassed, GuestGone
from vmlab.engine.cold import explain
from vmlab.engine.console import Console
from vmlab.engine.guest.frames import PROTOCOL
from vmlab.engine.locking import locked, making
from vmlab.engine.prepare import prepare_machine, share_directory
from vmlab.engine.qemu import QEMU, Guest, Machine
from vmlab.engine.qmp import Qmp
from vmlab.engine.session import NotRestoredError, Session, boot_timeout_s
from vmlab.model import Job, KernelImage, RunResult, Streams
from vmlab.tools import require_tool, run_tool

_FORMAT = 1
_KEY_DIGITS = 24
_STATE, _RECORD = "state", "snapshot.json"
_ANSWER_TIMEOUT_S = 30.0
"""How long a restored guest may take to start its command; an idle host takes 1 s."""
_SAVE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class SnapshotEngine:
    """Restores a saved guest, saving one first where there is none."""

    cache: Path
    accelerator: Accelerator
    name: str = "snapshot"

    def can_do_without(self, drivers: Collection[str]) -> bool:
        """Whether a kernel that lacks ``drivers`` can still be booted."""
        return not drivers

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        """Restore and run ``job``; a state that does not restore is removed.

        Raises NotRestoredError then, and EngineError if none can be made.
        """
        began = time.monotonic()
        machine = prepare_machine(image, job, self.accelerator, self.cache, notice)
        store = SnapshotStore(self.cache)
        place = store.place(image, machine)
        if not store.holds(place):
            with locked(store.lock(place)):
                if not store.holds(place):
                    failed = self._save(image, job, machine, place, store, notice)
                    if failed is not None:
                        return failed
        try:
            return self._restore(image, job, streams, machine, place, began)
        except NotRestoredError:
            store.remove(place)
            raise

    def _restore(
        self,
        image: KernelImage,
        job: Job,
        streams: Streams,
        machine: Machine,
        place: Path,
        began: float,
    ) -> RunResult:
        try:
            state = os.open(place / _STATE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise NotRestoredError(f"the saved guest cannot be read: {error.strerror}") from None
        try:
            guest = Guest(machine, share_directory(job, self.cache), incoming_fd=state)
        finally:
            os.close(state)
        with guest:
            channel = Channel(guest.agent, guest.console, Console())
            session = Session(channel, self.name, job, streams, image.modules, started_at=began)
            try:
                return session.run_restored(_ANSWER_TIMEOUT_S)
            except NotRestoredError as error:
                raise NotRestoredError(f"{error} {guest.process.error_text()}".strip()) from None

    def _save(
        self,
        image: KernelImage,
        job: Job,
        machine: Machine,
        place: Path,
        store: SnapshotStore,
        notice: Notice,
    ) -> RunResult | None:
        """Boot a guest and save it when ready; return a result only if the boot failed."""
        notice(f"no saved guest for {image.id} yet: booting it once")
        began = time.monotonic()
        timeout = boot_timeout_s()
        with Guest(machine, share_directory(job, self.cache)) as guest:
            channel = Channel(guest.agent, guest.console, Console())
            session = Session(channel, self.name, job, _silence(), image.modules)
            try:
                session.await_ready(began + timeout)
            except (GuestGone, DeadlinePassed) as ending:
                return explain(session.boot_failure(ending, timeout), guest)
            with store.writing(place) as draft:
                fd = os.open(
                    draft / _STATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
                )
                try:
                    Qmp(guest.qmp, time.monotonic() + _SAVE_TIMEOUT_S).migrate(fd)
                finally:
                    os.close(fd)
                store.finish(draft, place, image)
        return None


class SnapshotStore:
    """The saved guests of one cache."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._root = cache / "snapshots"
        self._root.mkdir(parents=True, exist_ok=True)

    def place(self, image: KernelImage, machine: Machine) -> Path:
        """Return where the state of ``machine`` is, or belongs."""
        key = snapshot_key(machine, qemu_identity(self._cache))
        return self._root / f"{slot_name(image, machine)}-{key}"

    def lock(self, place: Path) -> Path:
        """Return the lock file that writers of ``place``, and of what it replaces, hold."""
        return place.with_name(f"{_slot_of(place)}.lock")

    def holds(self, place: Path) -> bool:
        """Whether a state is there, and of the size it had when saved."""
        try:
            record = json.loads((place / _RECORD).read_bytes())
            return bool((place / _STATE).stat().st_size == record["size"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @contextlib.contextmanager
    def writing(self, place: Path) -> Iterator[Path]:
        """Yield a new directory beside ``place``; what is still there at the end is removed."""
        with making(self._root):
            draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self._root))
            try:
                yield draft
            finally:
                shutil.rmtree(draft, ignore_errors=True)

    def finish(self, draft: Path, place: Path, image: KernelImage) -> None:
        """Put ``draft`` in its place, and remove the states it replaces."""
        size = (draft / _STATE).stat().st_size
        record = {"kernel": image.id, "release": image.release, "size": size}
        (draft / _RECORD).write_text(json.dumps(record), encoding="utf-8")
        for stale in self._root.glob(f"{_slot_of(place)}-{'[0-9a-f]' * _KEY_DIGITS}"):
            self.remove(stale)
        draft.rename(place)

    def remove(self, place: Path) -> None:
        """Remove a state; runs that restore it at this moment have it open and go on."""
        shutil.rmtree(place, ignore_errors=True)


def slot_name(image: KernelImage, machine: Machine) -> str:
    """Return the name that the states of one kernel on one kind of machine share."""
    safe = re.sub(r"[^A-Za-z0-9._+-]", "_", image.id)
    return f"{safe}-{machine.accelerator.name}-{machine.cpus}cpu-{machine.memory_mib}m"


def _slot_of(place: Path) -> str:
    return place.name[: -_KEY_DIGITS - 1]


def snapshot_key(machine: Machine, qemu: str) -> str:
    """Return the key of the state of ``machine`` saved by ``qemu``.

    The files named on the command line count by identity, not by name alone.
    """
    key = hashlib.sha256(f"{_FORMAT}\0{PROTOCOL}\0{qemu}\0".encode())
    key.update("\0".join(machine.template()).encode())
    for path in (machine.kernel, machine.initramfs, machine.root):
        key.update(f"\0{file_identity(path)}".encode())
    return key.hexdigest()[:_KEY_DIGITS]


def qemu_identity(cache: Path) -> str:
    """Return what tells one build of QEMU from another; each is asked for its version once."""
    program = require_tool(QEMU, "booting kernels")
    identity = file_identity(program)
    known = cache / "qemu.json"
    try:
        versions: Mapping[str, str] = json.loads(known.read_bytes())
        return f"{identity} {versions[identity]}"
    except (OSError, ValueError, KeyError, TypeError):
        version = run_tool(QEMU, ["--version"], purpose="booting kernels").stdout.decode(
            errors="replace"
        )
        write_whole(known, json.dumps({identity: version}).encode())
        return f"{identity} {version}"


def _silence() -> Streams:
    """Return streams for a guest that runs no command."""
    return Streams(stdout=io.BytesIO(), stderr=io.BytesIO())
