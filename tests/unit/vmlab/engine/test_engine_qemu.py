from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmlab.engine.accel import Accelerator
from vmlab.engine.qemu import Machine, escape, host_arguments
from vmlab.engine.snapshot import slot_name, snapshot_key
from vmlab.model import KernelImage


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("vmlinux", "initramfs", "root"):
        (tmp_path / name).write_bytes(name.encode())
    return Machine(
        accelerator=Accelerator("tcg"),
        cpus=2,
        memory_mib=1024,
        kernel=tmp_path / "vmlinux",
        initramfs=tmp_path / "initramfs",
        root=tmp_path / "root",
        command_line=("lsm=bpf",),
    )


def value(argv: list[str], option: str) -> str:
    assert argv.count(option) == 1
    return argv[argv.index(option) + 1]


def test_the_kernel_command_line_ends_in_a_panic_and_keeps_mitigations(machine: Machine) -> None:
    words = value(machine.template(), "-append").split()
    assert {"oops=panic", "panic=-1", "nokaslr", "lsm=bpf"} <= set(words)
    assert not any(word.startswith("mitigations") for word in words)
    assert "-no-reboot" in machine.template()


def test_cpus_memory_and_accelerator_are_those_asked_for(machine: Machine) -> None:
    argv = replace(machine, cpus=3, memory_mib=512).template()
    assert value(argv, "-smp") == "3"
    assert value(argv, "-m") == "512M"
    assert value(argv, "-accel").startswith("tcg")
    kvm = replace(machine, accelerator=Accelerator("kvm")).template()
    assert value(kvm, "-accel") == "kvm"
    assert value(kvm, "-cpu") == "host"


def test_the_root_of_the_host_is_never_writable_and_the_share_is() -> None:
    exports = [a for a in host_arguments(3, 4, 5, Path("/s,x")) if a.startswith("local,")]
    root, share = sorted(exports)
    assert "path=/,readonly=on" in root
    assert "path=/s,,x," in share
    assert "readonly" not in share


def test_the_root_image_is_read_only(machine: Machine) -> None:
    assert value(machine.template(), "-drive").endswith("readonly=on")


def test_nothing_of_the_host_side_is_in_the_template(machine: Machine) -> None:
    assert not {"-chardev", "-fsdev", "-qmp", "-mon", "-incoming"} & set(machine.template())


def test_escape_doubles_commas() -> None:
    assert escape(Path("/a,b,,c")) == "/a,,b,,,,c"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cpus": 4}, id="cpus"),
        pytest.param({"memory_mib": 2048}, id="memory"),
        pytest.param({"accelerator": Accelerator("kvm")}, id="accelerator"),
        pytest.param({"command_line": ()}, id="command-line"),
    ],
)
def test_the_key_changes_with_the_machine(machine: Machine, change: dict[str, object]) -> None:
    assert snapshot_key(machine, "q") == snapshot_key(replace(machine), "q")
    assert snapshot_key(machine, "q") != snapshot_key(replace(machine, **change), "q")  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["kernel", "initramfs", "root"])
def test_the_key_changes_with_the_content_of_a_file(machine: Machine, part: str) -> None:
    before = snapshot_key(machine, "q")
    path: Path = getattr(machine, part)
    path.write_bytes(path.read_bytes() + b"more")
    assert snapshot_key(machine, "q") != before


def test_the_key_changes_with_qemu(machine: Machine) -> None:
    assert snapshot_key(machine, "7.2") != snapshot_key(machine, "9.0")


def test_the_reason_for_an_accelerator_is_no_part_of_the_key(machine: Machine) -> None:
    told = replace(machine, accelerator=Accelerator("tcg", "as asked"))
    assert snapshot_key(machine, "q") == snapshot_key(told, "q")


def test_slot_names_are_file_names(machine: Machine) -> None:
    image = KernelImage("../a b", "6", Path("i"), None, None, "d", "")
    assert "/" not in slot_name(image, machine)
    assert " " not in slot_name(image, machine)
