"""Infrared: pulses that a loopback device sends to itself."""

from __future__ import annotations

import array
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.lirc import attach_lirc
from conformance.case import case
from conformance.counting import loaded

TEXT = "lirc"


@contextlib.contextmanager
def loopback() -> Iterator[str]:
    """A device that receives what it sends."""
    before = {str(path) for path in Path("/dev").glob("lirc*")}
    run = subprocess.run(["modprobe", "rc-loopback"], capture_output=True, text=True)
    if run.returncode != 0:
        pytest.skip(f"there is no infrared device: {run.stderr.strip()}")
    new = sorted({str(path) for path in Path("/dev").glob("lirc*")} - before)
    try:
        yield new[0] if new else "/dev/lirc0"
    finally:
        if new:
            subprocess.run(["rmmod", "rc_loopback"], check=True)


@case("links/lirc/pulses", kernel="4.18", feature="program_type/lirc_mode2",
      config="BPF_LIRC_MODE2")  # fmt: skip
def test_a_program_sees_the_pulses_that_are_sent() -> None:
    """A program sees a pulse of 600 µs that the loopback device sends, until its link is closed."""
    with loopback() as device, loaded(TEXT) as text:
        pulse = array.array("I", [600, 300, 900]).tobytes()
        with attach_lirc(text.system, text.program("pulses"), device):
            with pytest.raises(AttachError, match="EEXIST"):
                attach_lirc(text.system, text.program("pulses"), device)
            fd = os.open(device, os.O_WRONLY)
            try:
                os.write(fd, pulse)
            finally:
                os.close(fd)
            assert text.waited(0)
        before = text.hits(0)
        fd = os.open(device, os.O_WRONLY)
        try:
            os.write(fd, pulse)
        finally:
            os.close(fd)
        assert text.hits(0) == before


@case("links/lirc/refusals", kernel="4.18", feature="program_type/lirc_mode2",
      config="BPF_LIRC_MODE2")  # fmt: skip
def test_a_machine_without_infrared_is_told_so() -> None:
    """A device that is not there, and a file that is no infrared device, are errors."""
    with loaded(TEXT) as text:
        program = text.program("pulses")
        with pytest.raises(AttachError, match=r"ENOENT.*infrared|ENOENT.*there are"):
            attach_lirc(text.system, program, "/dev/lirc77")
        with pytest.raises(AttachError, match=r"EINVAL.*raw infrared"):
            attach_lirc(text.system, program, "/dev/null")
