"""Commands in real guests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vmlab.cache import cache_root
from vmlab.model import KernelImage, Verdict

Run = Callable[..., Any]  # the fixture of conftest.py
CACHE = cache_root(os.environ)
pytestmark = pytest.mark.lab

FILESYSTEMS = {
    "/sys/kernel/tracing": "tracefs",
    "/sys/kernel/debug": "debugfs",
    "/sys/fs/bpf": "bpf",
    "/sys/fs/cgroup": "cgroup2",
    "/sys/kernel/security": "securityfs",
}


def test_the_command_runs_as_root_in_that_kernel(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "uname -r; id -u; nproc")
    assert ran.result.verdict is Verdict.OK
    assert ran.result.engine == "snapshot"
    assert ran.stdout.decode().split() == [image.release, "0", "2"]
    assert ran.stderr == b""


def test_the_filesystems_of_the_kernel_are_mounted(run: Run, image: KernelImage) -> None:
    mounts = run(image, "cat", "/proc/mounts").stdout.decode().splitlines()
    found = {fields[1]: fields[2] for fields in (line.split() for line in mounts)}
    assert {path: found.get(path) for path in FILESYSTEMS} == FILESYSTEMS


COMMANDS = {
    "ok": ("true", 0, b"", b""),
    "status": ("exit 7", 7, b"", b""),
    "signal": ("kill -SEGV $$", 139, b"", b""),
    "streams": ("printf out; printf err >&2", 0, b"out", b"err"),
    "binary": ("printf '\\000\\377\\n\\r'", 0, b"\0\xff\n\r", b""),
    "stdin": ("read x; echo $?", 0, b"1\n", b""),
    "share": ("cat $VMLAB_SHARE/in; echo back > $VMLAB_SHARE/out", 0, b"from the host\n", b""),
    "directory": ("pwd; cat here", 0, None, b""),
    "write": ("echo x > /etc/vmlab-test && cat /etc/vmlab-test && touch here", 0, b"x\n", b""),
    "modprobe": ("modprobe veth && ip link add type veth && echo made", 0, b"made\n", b""),
    "userns": ("unshare -Ur id -u", 0, b"0\n", b""),
    "lo": ("cat /sys/class/net/lo/flags", 0, b"0x9\n", b""),
}


@pytest.mark.parametrize("engine", ["snapshot", "cold", "virtme"])
def test_the_same_commands_give_the_same_results_in_each_engine(
    run: Run, image: KernelImage, engine: str, tmp_path: Path
) -> None:
    names = list(COMMANDS)
    if engine != "snapshot":  # each of their runs boots, so all commands share one
        names = ["all"]
    for name in names:
        share = tmp_path / name
        share.mkdir()
        (share / "in").write_text("from the host\n")
        (share / "here").write_text("here\n")
        if name == "all":
            check_all(run, image, engine, share)
            continue
        script, status, out, err = COMMANDS[name]
        ran = run(image, "sh", "-c", script, share=share, cwd=share)
        expected = f"{share}\nhere\n".encode() if out is None else out
        got = (name, ran.result.exit_status, ran.stdout, ran.stderr)
        assert got == (name, status, expected, err)
        assert (share / "here").read_text() == "here\n"
        if name == "share":
            assert (share / "out").read_text() == "back\n"


def check_all(run: Run, image: KernelImage, engine: str, share: Path) -> None:
    """Run every command of `COMMANDS` in one guest, each in its own shell."""
    script = "".join(
        f"(sh -c {quoted(command)}) >$VMLAB_SHARE/{name}.out 2>$VMLAB_SHARE/{name}.err; "
        f"echo $? >$VMLAB_SHARE/{name}.status\n"
        for name, (command, *_) in COMMANDS.items()
    )
    ran = run(image, "sh", "-c", script + "exit 9", engine=engine, share=share, cwd=share)
    assert (ran.result.verdict, ran.result.exit_status) == (Verdict.FAILED, 9), ran.result
    assert ran.result.engine == engine
    for name, (_, status, out, err) in COMMANDS.items():
        expected = f"{share}\nhere\n".encode() if out is None else out
        got = (
            name,
            int((share / f"{name}.status").read_text()),
            (share / f"{name}.out").read_bytes(),
        )
        assert got == (name, status, expected)
        if name != "signal":  # the outer shell says so itself
            assert (share / f"{name}.err").read_bytes() == err
    assert (share / "out").read_text() == "back\n"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_commands_that_cannot_start_are_127_and_126(run: Run, image: KernelImage) -> None:
    assert run(image, "no-such-command").result.exit_status == 127
    assert run(image, "/etc/passwd").result.exit_status == 126


def test_the_python_of_the_project_works_with_its_packages(run: Run, image: KernelImage) -> None:
    ran = run(image, sys.executable, "-c", "import ctypes, llvmlite.binding, pytest; print(42)")
    assert (ran.stdout, ran.stderr) == (b"42\n", b"")


def test_a_panic_is_a_panic_with_its_oops(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "echo before; echo c > /proc/sysrq-trigger")
    assert ran.result.verdict is Verdict.PANIC
    assert ran.result.exit_status is None
    assert "Kernel panic - not syncing: sysrq triggered crash" in ran.result.console
    assert "Call Trace" in ran.result.console
    assert "write_sysrq_trigger" in ran.result.console
    assert ran.stdout == b"before\n"


def test_an_endless_loop_times_out(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "echo begun; while :; do :; done", timeout_s=3)
    assert ran.result.verdict is Verdict.TIMEOUT
    assert ran.stdout == b"begun\n"
    assert ran.result.duration_s < 30


def test_a_full_tmp_is_the_failure_of_the_command(run: Run, image: KernelImage) -> None:
    fill = "dd if=/dev/zero of=/tmp/full bs=1M 2>&1 | tail -c 500; echo x > /tmp/more || exit 5"
    ran = run(image, "sh", "-c", fill)
    assert (ran.result.verdict, ran.result.exit_status) == (Verdict.FAILED, 5)
    assert b"No space left on device" in ran.stdout + ran.stderr


def test_a_guest_that_ends_itself_is_lost(run: Run, image: KernelImage) -> None:
    assert run(image, "busybox", "poweroff", "-f").result.verdict is Verdict.LOST


def test_killing_every_process_spares_the_agent(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "sleep 60 & kill -9 -1; echo left; exit 3")
    assert (ran.result.exit_status, ran.stdout) == (3, b"left\n")


def test_qemu_killed_in_the_middle_is_lost(run: Run, image: KernelImage) -> None:
    parent = threading.get_native_id()

    def kill() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pids = Path(f"/proc/self/task/{parent}/children").read_text().split()
            qemus = [p for p in pids if "qemu" in Path(f"/proc/{p}/comm").read_text()]
            if qemus:
                time.sleep(3)
                os.kill(int(qemus[0]), signal.SIGKILL)
                return
            time.sleep(0.05)

    run(image, "true")  # so that the next run restores
    killer = threading.Thread(target=kill)
    killer.start()
    ran = run(image, "sleep", "60")
    killer.join()
    assert ran.result.verdict is Verdict.LOST


def test_a_large_output_arrives_whole(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "head -c 20000000 /dev/zero; head -c 1000 /dev/zero >&2")
    assert (len(ran.stdout), len(ran.stderr)) == (20_000_000, 1000)


def test_a_flood_of_the_console_does_no_harm(run: Run, image: KernelImage) -> None:
    ran = run(image, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x > /dev/ttyS0; echo end")
    assert (ran.result.verdict, ran.stdout) == (Verdict.OK, b"end\n")
    assert len(ran.result.console) < 1_000_000


def test_clones_of_one_state_differ_and_know_the_time(run: Run, image: KernelImage) -> None:
    script = "od -An -N16 -tx1 /dev/urandom; date +%s; cat /proc/sys/kernel/random/uuid"
    words = [run(image, "sh", "-c", script).stdout.decode().splitlines() for _ in range(3)]
    assert len({random for random, _, _ in words}) == 3
    assert len({uuid for _, _, uuid in words}) == 3
    assert abs(int(words[-1][1]) - time.time()) < 30


def test_four_at_once(run: Run, image: KernelImage) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda n: run(image, "sh", "-c", f"sleep 1; exit {n}"), (0, 1, 2, 3))
        )
    assert [ran.result.exit_status for ran in results] == [0, 1, 2, 3]


def test_a_damaged_state_is_told_and_saved_again(run: Run, image: KernelImage) -> None:
    run(image, "true")
    states = list((CACHE / "snapshots").glob(f"{image.id}-*/state"))
    assert len(states) == 1
    size = states[0].stat().st_size
    with states[0].open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
        file.truncate(size // 2 + 4096)
        file.truncate(size)
    ran = run(image, "sh", "-c", "exit 4")
    assert (ran.result.exit_status, ran.result.engine) == (4, "cold")
    assert any("cannot run this" in notice for notice in ran.told)
    ran = run(image, "sh", "-c", "exit 5")
    assert (ran.result.exit_status, ran.result.engine) == (5, "snapshot")


def test_a_kernel_that_does_not_boot_shows_its_console(run: Run, image: KernelImage) -> None:
    broken = replace(image, cmdline=(*image.cmdline, "rdinit=/none", "init=/none"))
    ran = run(broken, "true", engine="cold")
    assert ran.result.verdict is Verdict.BOOT_FAILED
    assert "Kernel panic" in ran.result.console


def test_a_kernel_without_drivers_names_the_options(run: Run, image: KernelImage) -> None:
    ran = run(replace(image, id="bare", modules=None), "true", engine="cold")
    assert ran.result.verdict is Verdict.BOOT_FAILED
    assert "CONFIG_9P_FS" in " ".join(ran.result.notices)
    unknown = replace(image, id="bare", modules=None, config=None, digest="bare")
    ran = run(unknown, "true", engine="cold")
    assert ran.result.verdict is Verdict.BOOT_FAILED
    assert re.search("CONFIG_VIRTIO", " ".join(ran.result.notices))


def test_nothing_is_left_when_we_are_ended_at_any_moment(image: KernelImage) -> None:
    before = set((CACHE / "tmp").glob("*")) if (CACHE / "tmp").exists() else set()
    for delay in (0.1, 0.4, 1.0, 2.0):
        command = [sys.executable, "-m", "vmlab", "run", image.id, "--", "sleep", "60"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as lab:
            time.sleep(delay)
            children = Path(f"/proc/{lab.pid}/task/{lab.pid}/children").read_text().split()
            lab.send_signal(signal.SIGTERM)
            lab.wait(20)
        time.sleep(0.3)
        assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    after = set((CACHE / "tmp").glob("*")) if (CACHE / "tmp").exists() else set()
    assert after <= before
