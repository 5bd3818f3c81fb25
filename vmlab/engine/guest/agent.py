# importing pathlib would be paid for at each cold boot
# ruff: noqa: PTH112, PTH123, PTH208, PTH211
"""The agent: the one program of ours that runs in a guest, on the standard library alone.

It says ``ready``, waits for one ``start``, gives the job its root, runs it, passes its output on
and says ``exit``. It holds at most one chunk of output at a time. What it imports is paid for at
each cold boot.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

from . import mounts
from .frames import (
    CONTROL,
    PORT_NAME,
    PROTOCOL,
    STDERR,
    STDOUT,
    Decoder,
    encode,
    encode_control,
    parse_control,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # the guest must not pay for importing typing
    from typing import Any, NoReturn

CHUNK_BYTES = 32768
"""The most a virtio port takes in one write."""
NOT_EXECUTABLE = 126
NOT_FOUND = 127
RNDADDENTROPY = 0x40085203
RNDRESEEDCRNG = 0x5207


class Port:
    """The guest's end of the channel."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = Decoder()

    def send(self, frame: bytes) -> None:
        """Write a whole frame; blocks while the host does not read."""
        view = memoryview(frame)
        while view:
            view = view[os.write(self._fd, view) :]

    def receive(self) -> dict[str, Any]:
        """Wait for the next control frame."""
        while True:
            data = os.read(self._fd, CHUNK_BYTES)
            if not data:  # the host has not opened its end yet
                time.sleep(0.002)
                continue
            for kind, payload in self._decoder.feed(data):
                if kind == CONTROL:
                    return parse_control(payload)


def open_port(name: str, timeout_s: float = 20.0) -> int:
    """Open the virtio port called ``name``, without any help from udev.

    Raises SetupError if the port does not appear in time.
    """
    ports = "/sys/class/virtio-ports"
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        for entry in os.listdir(ports) if os.path.isdir(ports) else ():
            try:
                with open(f"{ports}/{entry}/name", encoding="ascii") as file:
                    if file.read().strip() == name:
                        return os.open(f"/dev/{entry}", os.O_RDWR)
            except OSError:
                continue
        time.sleep(0.01)
    raise mounts.SetupError(
        f"no virtio port is called {name}; "
        "the kernel needs CONFIG_VIRTIO_CONSOLE, CONFIG_VIRTIO_PCI"
    )


def main(layout: str) -> None:
    """Serve one job.

    ``layout`` is ``image`` for pid 1 of a booted image, ``host`` for virtme-ng's root.
    """
    # As pid 1 a signal without a handler is ignored; Python's own handler would end the guest.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        missing = mounts.mount_kernel_filesystems()
        prepare_devices()
        port = Port(open_port(PORT_NAME))
    except (mounts.SetupError, OSError) as error:
        os.write(2, f"vmlab: {error}\n".encode())  # the console
        return
    write_file("/proc/self/oom_score_adj", "-1000")
    ready = {"event": "ready", "protocol": PROTOCOL, "release": os.uname().release}
    port.send(encode_control({**ready, "missing": missing}))
    start = port.receive()
    refresh_clone(start["time_ns"], bytes.fromhex(start["entropy"]))
    try:
        enter_root(layout, start)
    except (mounts.SetupError, OSError) as error:
        port.send(encode_control({"event": "refused", "message": str(error)}))
    else:
        port.send(encode_control({"event": "started"}))
        status = run(start, port)
        os.sync()
        port.send(encode_control({"event": "exit", "status": status}))
    while os.getpid() == 1:  # the host ends the guest; pid 1 ending would be a panic
        signal.pause()


def prepare_devices() -> None:
    """Make what udev would have made, and name the guest."""
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        try:
            os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")
        except FileExistsError:
            continue
    write_file("/proc/sys/kernel/hostname", "vmlab")


def refresh_clone(time_ns: int, entropy: bytes) -> None:
    """Give a guest that may be one of many copies of a saved state its own time and randomness."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time_ns)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("/dev/urandom", os.O_WRONLY)
    try:
        # struct rand_pool_info: the credit in bits, the size in bytes, the bytes.
        header = (len(entropy) * 8).to_bytes(4, sys.byteorder) + len(entropy).to_bytes(
            4, sys.byteorder
        )
        libc.ioctl(fd, ctypes.c_ulong(RNDADDENTROPY), header + entropy)
        # A generator that is already seeded would go on with the old key for minutes.
        libc.ioctl(fd, ctypes.c_ulong(RNDRESEEDCRNG))
    finally:
        os.close(fd)


def enter_root(layout: str, start: dict[str, Any]) -> None:
    """Make the root, the modules and the shared directory of the job."""
    if layout == "image":
        host = mounts.show_host()
        host_fd = mounts.enter_root(f"/:{host}", host, mounts.MS_MOVE)
    else:
        host = mounts.show_current_root()
        host_fd = mounts.enter_root("/", host, mounts.MS_BIND | mounts.MS_REC)
    if start["modules"]:
        mounts.bind_modules(host_fd, start["modules"], os.uname().release)
    os.close(host_fd)
    if start["share"]:
        mounts.mount_share()


def run(start: dict[str, Any], port: Port) -> int:
    """Run the command to its end, passing its output on; return its status as a shell would."""
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    wake_read, wake_write = os.pipe()
    for fd in (wake_read, wake_write, out_read, err_read):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        execute(start, out_write, err_write)
    os.close(out_write)
    os.close(err_write)
    streams = {out_read: STDOUT, err_read: STDERR}
    poller = select.poll()
    for fd in (*streams, wake_read):
        poller.register(fd, select.POLLIN)
    status: int | None = None
    while status is None:
        for fd, _ in poller.poll():
            if fd == wake_read:
                os.read(wake_read, 4096)
                status = reap(child)
            elif not forward(fd, streams[fd], port):
                poller.unregister(fd)
                del streams[fd]
                os.close(fd)
    for fd, kind in streams.items():
        while forward(fd, kind, port):
            pass
    return status


def forward(fd: int, kind: int, port: Port) -> bool:
    """Pass one chunk of output on; False when there is none left for now, or for good."""
    try:
        data = os.read(fd, CHUNK_BYTES - 64)
    except BlockingIOError:
        return False
    if data:
        port.send(encode(kind, data))
    return bool(data)


def reap(child: int) -> int | None:
    """Bury every dead child, as pid 1 has to; return the status of ``child`` once it is one."""
    status = None
    while True:
        try:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            code = os.waitstatus_to_exitcode(wait_status)
            status = code if code >= 0 else 128 - code


def execute(start: dict[str, Any], out_fd: int, err_fd: int) -> NoReturn:
    """Become the job's command; in the forked child, so it never returns."""
    try:
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(out_fd, 1)
        os.dup2(err_fd, 2)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        write_file("/proc/self/oom_score_adj", "0")
        os.umask(0o022)
        os.chdir(start["cwd"])
        error = exec_in_path(start["argv"], start["env"])
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        os.write(
            2, f"vmlab: {start['argv'][0]}: {error.strerror}\n".encode(errors="surrogateescape")
        )
        os._exit(status)
    except BaseException as error:  # whatever it is, the child must not go on as a second agent
        os.write(2, f"vmlab: {error}\n".encode(errors="replace"))
    os._exit(NOT_EXECUTABLE)


def exec_in_path(argv: list[str], env: dict[str, str]) -> OSError:
    """Execute ``argv`` as a shell would find it; return the error that says most if that fails."""
    name = argv[0]
    places = [name] if "/" in name else [f"{d or '.'}/{name}" for d in env["PATH"].split(":")]
    failure: OSError = FileNotFoundError(2, "command not found")
    for path in places:
        try:
            os.execve(path, argv, env)
        except FileNotFoundError as error:
            if "/" in name:
                failure = error
        except NotADirectoryError:
            continue
        except OSError as error:
            failure = error
            if (
                error.errno == 8
            ):  # ENOEXEC: a script with no first line, which a shell runs by itself
                os.execve("/bin/sh", ["/bin/sh", path, *argv[1:]], env)
    return failure


def write_file(path: str, text: str) -> None:
    """Write ``text`` to a file of the kernel, if it is there."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        pass
