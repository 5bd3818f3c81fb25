from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links import kprobe_multi
from bpfkit.links.base import Method
from bpfkit.links.kernel_functions import KernelFunction, kernel_functions
from bpfkit.links.kprobe_multi import attach_kprobe_multi
from bpfkit.links.ksyscall import attach_ksyscall, syscall_function
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeKallsyms, FakeKernel, FakeProgram, FakeTracefs, kernel


def multi(tmp_path: Path) -> FakeKernel:
    fake = kernel(tmp_path)
    fake.features.lacking.discard("link/kprobe_multi")
    return fake


def test_names_make_one_link(tmp_path: Path) -> None:
    fake = multi(tmp_path)
    functions = ["vfs_read", "do_sys_open"]
    with attach_kprobe_multi(
        fake.system, FakeProgram(), functions, cookies=[1, 2], retprobe=True
    ) as link:
        assert fake.syscalls.names() == ["link_create"]
        assert (link.hook, link.method) == ("kretprobe.multi", Method.LINK)
    (options,) = fake.syscalls.options
    assert list(options.symbols) == functions  # type: ignore[attr-defined]
    assert (list(options.cookies), options.flags) == ([1, 2], 1)  # type: ignore[attr-defined]


def test_addresses_are_taken_as_they_are(tmp_path: Path) -> None:
    fake = multi(tmp_path)
    attach_kprobe_multi(fake.system, FakeProgram(), [0x1000, 0x2000]).close()
    (options,) = fake.syscalls.options
    assert list(options.addresses) == [0x1000, 0x2000]  # type: ignore[attr-defined]
    assert not options.symbols  # type: ignore[attr-defined]


def test_a_pattern_finds_functions(tmp_path: Path) -> None:
    fake = multi(tmp_path)
    attach_kprobe_multi(fake.system, FakeProgram(), pattern="vfs_.*").close()
    (options,) = fake.syscalls.options
    assert list(options.symbols) == ["vfs_read"]  # type: ignore[attr-defined]


def test_a_kernel_without_it_gets_a_probe_for_each(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_kprobe_multi(fake.system, FakeProgram(), ["a", "b"], retprobe=True):
        assert [e.path for e in fake.syscalls.events] == ["a", "b"]
        assert {e.config for e in fake.syscalls.events} == {1}


def test_how_many_probes_there_may_be_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kprobe_multi, "SINGLE_PROBES", 2)
    with pytest.raises(AttachError, match="3 functions would each need a probe, and 2"):
        attach_kprobe_multi(kernel(tmp_path).system, FakeProgram(), ["a", "b", "c"])


def test_a_probe_that_fails_closes_the_others(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["perf_event_open"] = [0, errno.ENOENT]
    with pytest.raises(AttachError, match=r"at vfs_raed.*did you mean 'vfs_read'"):
        attach_kprobe_multi(fake.system, FakeProgram(), ["vfs_read", "vfs_raed"])


def test_a_kernel_without_any_probes_is_told(tmp_path: Path) -> None:
    with pytest.raises(AttachError, match="CONFIG_KPROBES"):
        attach_kprobe_multi(kernel(tmp_path, pmu=False).system, FakeProgram(), ["a"])


@pytest.mark.parametrize(
    ("functions", "code", "session", "expected"),
    [
        (["vfs_read", "vfs_raed"], errno.ESRCH, False, "'vfs_raed'.*'vfs_read'"),
        (["vfs_read"], errno.EINVAL, False, "must be loaded for it"),
        (["vfs_read"], errno.EINVAL, True, r"Linux 6\.10"),
        (["vfs_read"], errno.EPERM, False, "run as root"),
        (["vfs_read"], errno.E2BIG, False, "E2BIG"),
    ],
)
def test_a_refusal_is_explained(
    tmp_path: Path, functions: list[str], code: int, session: bool, expected: str
) -> None:
    fake = multi(tmp_path)
    fake.syscalls.errors["link_create"] = [code]
    with pytest.raises(AttachError, match=expected):
        attach_kprobe_multi(fake.system, FakeProgram(), functions, session=session)


@pytest.mark.parametrize("pattern", ["", "nothing.*"])
def test_nothing_to_attach_to_is_told(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(AttachError, match="no function"):
        attach_kprobe_multi(multi(tmp_path).system, FakeProgram(), pattern=pattern)


def test_the_link_keeps_its_contract(tmp_path: Path) -> None:
    fake = multi(tmp_path)
    check_link(lambda: attach_kprobe_multi(fake.system, FakeProgram(), ["vfs_read"]))


class WithAddresses(FakeTracefs):
    """tracefs of Linux 6.5 and later."""

    def read_bytes(self, name: str) -> bytes:
        if name != "available_filter_functions_addrs":
            return b""
        return b"ff10 twice\nff20 twice [mod]\nff30 perf_x\nff40 once.cold\nff50 once [mod]\n"


def test_functions_have_addresses_where_the_kernel_tells(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    fake.facts.tracefs = WithAddresses(tmp_path)
    assert kernel_functions(fake.system, re.compile(b".*")) == [
        KernelFunction("once", "mod", 0xFF50),
        KernelFunction("twice", "", 0xFF10),
        KernelFunction("twice", "mod", 0xFF20),
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"once|twice|other", ["once", "twice", "twice"]),
        (b"on.*", ["once"]),
        (b"on", []),
        (b"(?i)ONCE", ["once"]),
    ],
)
def test_lists_of_names_and_patterns_find_the_same(
    tmp_path: Path, pattern: bytes, expected: list[str]
) -> None:
    fake = kernel(tmp_path)
    fake.facts.tracefs = WithAddresses(tmp_path)
    found = kernel_functions(fake.system, re.compile(pattern))
    assert [f.name for f in found] == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["__x64_sys_read", "__se_sys_read"], "__x64_sys_read"),
        (["__se_sys_read", "sys_read"], "__se_sys_read"),
        (["sys_read"], "sys_read"),
        ([], "__x64_sys_read"),
    ],
)
def test_the_function_of_a_system_call_is_found(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    fake = kernel(tmp_path)
    fake.facts.kallsyms = FakeKallsyms(names)
    assert syscall_function(fake.system, "read") == expected
    attach_ksyscall(fake.system, FakeProgram(), "read").close()
    assert fake.syscalls.events[0].path == expected
