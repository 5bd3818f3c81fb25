from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.binary import Binary
from bpfkit.links.uprobe import attach_uprobe
from bpfkit.links.uprobe_multi import attach_uprobe_multi
from bpfkit.links.usdt import attach_usdt, read_sites
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel

BINARIES = Path(__file__).parents[3] / "conformance/binaries"
PIE = Binary("pie", BINARIES / "pie")


@pytest.mark.parametrize("retprobe", [False, True])
def test_an_event_names_the_file_and_the_offset(tmp_path: Path, retprobe: bool) -> None:
    fake = kernel(tmp_path)
    with attach_uprobe(fake.system, FakeProgram(), PIE, "add", retprobe=retprobe) as link:
        (event,) = fake.syscalls.events
        spot = PIE.spot("add", None, 0, "p", "t")
        assert (event.type, event.path, event.config2) == (9, str(PIE.path), spot.offset)
        assert event.config == int(retprobe)
        assert link.hook == ("uretprobe" if retprobe else "uprobe")
        assert link.target == f"{link.hook} pie:add"
        assert link.method is Method.LINK
    assert fake.syscalls.calls[0] == ("perf_event_open", -1, 2)


def test_one_process_is_named(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    attach_uprobe(fake.system, FakeProgram(), PIE, "add", pid=77, offset=0).close()
    assert fake.syscalls.calls[0] == ("perf_event_open", 77, -1)


def test_a_semaphore_goes_into_the_event(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    (site,) = [s for s in read_sites(PIE) if s.name == "guarded"]
    address, semaphore = site.spot.address, site.semaphore
    attach_uprobe(fake.system, FakeProgram(), PIE, address=address, semaphore=semaphore).close()
    assert fake.syscalls.events[0].config == site.counter << 32
    with pytest.raises(AttachError, match="semaphore at 0x1 "):
        attach_uprobe(
            fake.system, FakeProgram(), Binary("f", BINARIES / "fixed"), "add", semaphore=1
        )


def test_an_old_kernel_has_no_cookies(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with pytest.raises(AttachError, match=r"no attach cookies.*5\.15"):
        attach_uprobe(fake.system, FakeProgram(), PIE, "add", cookie=1)
    fake.features.lacking.discard("helper/bpf_get_attach_cookie")
    attach_uprobe(fake.system, FakeProgram(), PIE, "add", cookie=1).close()


def test_an_old_kernel_has_no_semaphores(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    (tmp_path / "sys/bus/event_source/devices/uprobe/format/ref_ctr_offset").unlink()
    with pytest.raises(AttachError, match=r"semaphores.*4\.20"):
        attach_usdt(fake.system, FakeProgram(), PIE, "trial", "guarded")


def test_a_kernel_without_uprobes_is_told(tmp_path: Path) -> None:
    fake = kernel(tmp_path, pmu=False)
    with pytest.raises(AttachError, match=r"4\.17"):
        attach_uprobe(fake.system, FakeProgram(), PIE, "add")
    fake.facts.kprobes = None
    with pytest.raises(AttachError, match="CONFIG_UPROBE_EVENTS"):
        attach_uprobe(fake.system, FakeProgram(), PIE, "add")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EACCES, "run as root"),
        (errno.ESRCH, "no process 5"),
        (errno.ENOENT, "is not there"),
        (errno.EIO, "cannot be probed"),
        (errno.EINVAL, "no instruction begins there"),
        (errno.EOPNOTSUPP, "instruction"),
        (errno.EMFILE, "EMFILE"),
    ],
)
def test_a_refusal_is_explained(tmp_path: Path, code: int, expected: str) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["perf_event_open"] = [code]
    with pytest.raises(AttachError, match=expected):
        attach_uprobe(fake.system, FakeProgram(), PIE, "add", pid=5)


@pytest.mark.parametrize(
    ("binary", "symbol", "expected"),
    [
        ("stripped.debug", "add", "in no part|data, not code|cannot|no function"),
        ("pie", "hidden_twic", "did you mean 'hidden_twice'"),
        ("target.c", "add", "not an ELF file"),
        ("nothing", "add", "ENOENT"),
    ],
)
def test_a_binary_that_will_not_do_is_explained(
    tmp_path: Path, binary: str, symbol: str, expected: str
) -> None:
    fake = kernel(tmp_path)
    with pytest.raises(AttachError, match=expected):
        attach_uprobe(fake.system, FakeProgram(), Binary("b", BINARIES / binary), symbol)
    assert fake.syscalls.calls == []


def test_a_stripped_binary_is_said_to_be_stripped(tmp_path: Path) -> None:
    binary = tmp_path / "alone"
    binary.write_bytes((BINARIES / "stripped").read_bytes())
    with pytest.raises(AttachError, match="stripped: install its debug symbols"):
        Binary("alone", binary, tmp_path).spot("hidden_twice", None, 0, "p", "t")


def test_names_that_a_compiler_made_longer_are_shown() -> None:
    spots = PIE.functions(re.compile(b"step_"))
    assert [s.name for s in spots] == ["step_one", "step_two"]
    assert spots == sorted(spots, key=lambda s: s.address)


def test_a_library_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AttachError, match=r"no library 'libnothing\.so' and no program"):
        attach_uprobe(kernel(tmp_path).system, FakeProgram(), "nothing", "f")


def test_the_link_keeps_its_contract(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    check_link(lambda: attach_uprobe(fake.system, FakeProgram(), PIE, "add"))


# ---------------------------------------------------------------- many places


def many(tmp_path: Path, *features: str) -> FakeKernel:
    fake = kernel(tmp_path)
    fake.features.lacking.difference_update(features)
    return fake


def test_many_places_are_one_link(tmp_path: Path) -> None:
    fake = many(tmp_path, "link/uprobe_multi")
    with attach_uprobe_multi(fake.system, FakeProgram(), PIE, pattern="step_", pid=3) as link:
        assert fake.syscalls.names() == ["link_create"]
        assert link.method is Method.LINK
    (options,) = fake.syscalls.options
    assert options.pid == 3  # type: ignore[attr-defined]
    assert len(options.offsets) == 2  # type: ignore[attr-defined]


def test_without_the_kernels_help_each_place_has_an_event(tmp_path: Path) -> None:
    fake = many(tmp_path)
    with attach_uprobe_multi(fake.system, FakeProgram(), PIE, ["step_one", "step_two"]):
        assert len(fake.syscalls.events) == 2
        assert fake.syscalls.names().count("enable") == 2


def test_a_failure_half_way_leaves_nothing_open(tmp_path: Path) -> None:
    fake = many(tmp_path)
    fake.syscalls.errors["perf_event_open"] = [0, errno.EMFILE]
    with pytest.raises(AttachError, match="EMFILE"):
        attach_uprobe_multi(fake.system, FakeProgram(), PIE, ["step_one", "step_two"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "no place is named"),
        ({"pattern": "nothing"}, "no function of the file matches"),
        ({"symbols": ["nothing"]}, "no function 'nothing'"),
    ],
)
def test_nothing_to_attach_to_is_told(
    tmp_path: Path, arguments: dict[str, object], expected: str
) -> None:
    fake = many(tmp_path)
    with pytest.raises(AttachError, match=expected):
        attach_uprobe_multi(fake.system, FakeProgram(), PIE, **arguments)  # type: ignore[arg-type]


def test_a_program_that_was_loaded_otherwise_is_told(tmp_path: Path) -> None:
    fake = many(tmp_path, "link/uprobe_multi")
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    with pytest.raises(AttachError, match="must be loaded"):
        attach_uprobe_multi(fake.system, FakeProgram(), PIE, pattern="step_")
