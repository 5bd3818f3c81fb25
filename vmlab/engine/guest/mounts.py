# importing pathlib would be paid for at each cold boot
# ruff: noqa: PTH101, PTH102, PTH103, PTH112, PTH116, PTH123
"""Mounts made in a guest: the kernel's own filesystems, and the root that a job sees.

A job sees every file of the host at its own path: an overlay of the image the guest booted from
(the interpreter and its packages, quick to read) over the host's root by 9p, with a tmpfs on top
for writes.
"""

from __future__ import annotations

import ctypes
import errno
import os

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000

WORK = "/run/vmlab"
"""Where the agent keeps its mount points while it runs on the booted image."""
SHARE = "/run/vmlab/share"
"""Where a job finds the shared directory."""
PSEUDO_ROOTS = ("/proc", "/sys", "/dev")

KERNEL_FILESYSTEMS = (
    ("proc", "/proc", "", True),
    ("sysfs", "/sys", "", True),
    ("devtmpfs", "/dev", "mode=755", True),
    ("devpts", "/dev/pts", "mode=620,ptmxmode=666", False),
    ("tmpfs", "/dev/shm", "mode=1777,size=20%", False),
    ("mqueue", "/dev/mqueue", "", False),
    ("tracefs", "/sys/kernel/tracing", "", False),
    ("debugfs", "/sys/kernel/debug", "", False),
    ("securityfs", "/sys/kernel/security", "", False),
    ("bpf", "/sys/fs/bpf", "mode=700", False),
    ("cgroup2", "/sys/fs/cgroup", "", False),
)
"""Type, mount point, options, and whether a guest is of no use without it."""

NINE_P = "trans=virtio,version=9p2000.L,access=any,msize=512000"


class SetupError(Exception):
    """A step towards the job's root failed; the text names it and the kernel option it needs."""


_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """Call mount(2).

    Raises OSError with the errno of the call.
    """
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        fstype.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(options),
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def mount_or_explain(
    source: str, target: str, fstype: str, flags: int, options: str, needs: str
) -> None:
    """Like `mount`, but raises SetupError, which names the kernel options in ``needs``."""
    try:
        mount(source, target, fstype, flags, options)
    except OSError as error:
        raise SetupError(
            f"mounting {fstype} at {target} failed: {error.strerror}; the kernel needs {needs}"
        ) from None


def mount_kernel_filesystems() -> list[str]:
    """Mount what of `KERNEL_FILESYSTEMS` is not mounted yet; return the types the kernel lacks."""
    mounted = mounted_at()
    missing = []
    for fstype, target, options, required in KERNEL_FILESYSTEMS:
        if mounted.get(target) == fstype:
            continue
        try:
            # Mount points below /dev have to be made; below /sys the kernel makes them, or has not
            # the filesystem.
            if not os.path.isdir(target):
                os.mkdir(target)
            mount(fstype, target, fstype, 0, options)
        except OSError as error:
            # EBUSY: the same instance is mounted there already, under another name.
            if error.errno == errno.EBUSY:
                continue
            if required:
                raise SetupError(
                    f"mounting {fstype} at {target} failed: {error.strerror}"
                ) from None
            missing.append(fstype)
    return missing


def mounted_at() -> dict[str, str]:
    """Return the type of what is mounted, topmost, at each mount point; empty before /proc is."""
    try:
        with open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    return {fields[1]: fields[2] for fields in (line.split(" ") for line in lines)}


def show_host() -> str:
    """Mount the host's root by 9p, read-only; return where."""
    host = f"{WORK}/host"
    options = f"{NINE_P},cache=loose"
    mount_or_explain("host", host, "9p", MS_RDONLY, options, "CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO")
    return host


def show_current_root() -> str:
    """Show the root, without what is mounted below it, once more; return where."""
    for name in ("host", "root", "upper", "tmp"):
        os.makedirs(f"{WORK}/{name}", exist_ok=True)
    host = f"{WORK}/host"
    mount("/", host, "", MS_BIND)
    return host


def enter_root(lower: str, host: str, pseudo_flags: int) -> int:
    """Make an overlay of ``lower`` this process's root; return a descriptor of the host's.

    ``host`` is where the host's root is visible. As pid 1 this is also the root of the kernel's
    own helpers (modprobe, core dumps), which must see what the job sees. The new root is moved
    onto the old one rather than only entered: the kernel refuses user namespaces to a process in a
    mere chroot. ``pseudo_flags`` says how /proc, /sys and /dev come along: MS_MOVE, or MS_BIND |
    MS_REC.
    """
    root, upper, tmp = f"{WORK}/root", f"{WORK}/upper", f"{WORK}/tmp"
    host_fd = os.open(host, os.O_PATH | os.O_DIRECTORY)
    mount("upper", upper, "tmpfs", 0, "mode=755,size=30%")
    _mount_overlay(lower, f"{upper}/root", root)
    mount("run", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=20%")
    mount("tmp", tmp, "tmpfs", 0, "mode=755,size=30%")
    # The host's /tmp stays visible below, so that a command in a temporary directory is found too.
    _mount_overlay(f"{host}/tmp", f"{tmp}/tmp", f"{root}/tmp")
    for path in PSEUDO_ROOTS:
        mount(path, root + path, "", pseudo_flags)
    os.chdir(root)
    mount(".", "/", "", MS_MOVE)
    os.chroot(".")
    os.chdir("/")
    return host_fd


def _mount_overlay(lower: str, writable: str, target: str) -> None:
    mode = os.stat(target).st_mode & 0o7777 if target.endswith("/tmp") else 0o755
    for part in ("", "/upper", "/work"):
        os.mkdir(writable + part)
    os.chmod(f"{writable}/upper", mode)
    layers = f"lowerdir={lower},upperdir={writable}/upper,workdir={writable}/work"
    mount_or_explain("overlay", target, "overlay", 0, layers, "CONFIG_OVERLAY_FS")


def mount_share() -> None:
    """Mount the shared directory of the host, read-write, at `SHARE`.

    Writes go through at once (``cache=mmap`` caches mapped pages only), so nothing is lost with
    the guest.
    """
    os.makedirs(SHARE, exist_ok=True)
    mount_or_explain(
        "share", SHARE, "9p", 0, f"{NINE_P},cache=mmap", "CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO"
    )


def bind_modules(host_fd: int, modules: str, release: str) -> None:
    """Show the host's directory ``modules`` as /lib/modules/``release``."""
    target = f"/lib/modules/{release}"
    os.makedirs(target, exist_ok=True)
    try:
        mount(f"/proc/self/fd/{host_fd}{modules}", target, "", MS_BIND)
    except OSError as error:
        raise SetupError(f"{modules} of the host cannot be shown at {target}: {error}") from None
