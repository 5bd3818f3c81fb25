"""What a guest is made of, for one kernel and one job: kernel, initramfs, root image."""

from __future__ import annotations

import platform
from pathlib import Path

from vmlab.bzimage import uncompressed_kernel
from vmlab.engine.accel import Accelerator
from vmlab.engine.base import Notice
from vmlab.engine.elf import has_pvh_entry, is_elf
from vmlab.engine.initramfs import make_initramfs
from vmlab.engine.qemu import Machine
from vmlab.engine.rootfs import root_image
from vmlab.errors import EngineError
from vmlab.model import Job, KernelImage


def prepare_machine(
    image: KernelImage, job: Job, accelerator: Accelerator, cache: Path, notice: Notice
) -> Machine:
    """Return the machine for ``job``, making what of it is not in the cache yet.

    Raises EngineError if this machine or kernel cannot be used this way.
    """
    if platform.machine() != "x86_64":
        raise EngineError(
            f"guests run the programs of the host, and {platform.machine()} is not x86_64"
        )
    root = root_image(cache, notice)
    return Machine(
        accelerator=accelerator,
        cpus=job.cpus,
        memory_mib=job.memory_mib,
        kernel=bootable_kernel(image, cache),
        initramfs=make_initramfs(image, root.python, cache),
        root=root.path,
        command_line=image.cmdline,
    )


def bootable_kernel(image: KernelImage, cache: Path) -> Path:
    """Return the file QEMU boots fastest: the uncompressed kernel if it has a PVH entry point.

    Raises EngineError if the image is an uncompressed kernel without one, which QEMU cannot boot.
    """
    kernel = uncompressed_kernel(image.image, cache)
    if has_pvh_entry(kernel):
        return kernel
    if is_elf(image.image):
        raise EngineError(
            f"{image.image} has no PVH entry point", "build it with CONFIG_PVH, or use bzImage"
        )
    return image.image


def share_directory(job: Job, cache: Path) -> Path:
    """Return the directory a guest exports as its share; an empty one if the job has none."""
    if job.share is not None:
        return job.share.resolve()
    empty = cache / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    return empty
