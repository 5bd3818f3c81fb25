from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.links.prospects import explain_attach
from tests.fakes.hooks import FakeKallsyms, FakeKernel, kernel


class FakeBtf:
    def __init__(self, *names: str) -> None:
        self.names = names

    def by_name(self, name: str, kinds: object) -> list[int]:
        return [1] if name in self.names else []


class Twice(FakeKallsyms):
    def addresses(self, name: str) -> list[int]:
        return [n for n, known in enumerate(self.names) if known == name]


def told(fake: FakeKernel, *names: str, typed: tuple[str, ...] = ()) -> FakeKernel:
    fake.facts.kallsyms = Twice(names)
    fake.facts.btf = FakeBtf(*typed)  # type: ignore[attr-defined]
    fake.facts.release = "6.1"  # type: ignore[attr-defined]
    return fake


def test_a_function_that_takes_everything(tmp_path: Path) -> None:
    fake = told(kernel(tmp_path), "vfs_read", typed=("vfs_read",))
    fake.features.lacking.discard("link/kprobe_multi")
    text = explain_attach("vfs_read", fake.system)
    assert text.splitlines() == [
        "vfs_read on Linux 6.1:",
        "  kprobe: yes",
        "  kprobe.multi: yes",
        "  fentry: yes",
    ]


@pytest.mark.parametrize(
    ("names", "typed", "expected"),
    [
        (("vfs_read",), (), "fentry: no, the kernel's BTF does not have it"),
        (("vfs_read",), (), "no kprobe.multi"),
        (("vfs_read", "vfs_read"), (), "by address only: 2 functions"),
        (("vfs_read.isra.0",), (), "left only 'vfs_read.isra.0'"),
        (("vfs_reed",), (), "did you mean 'vfs_reed'"),
    ],
)
def test_what_will_not_do_is_said(
    tmp_path: Path, names: tuple[str, ...], typed: tuple[str, ...], expected: str
) -> None:
    fake = told(kernel(tmp_path), *names, typed=typed)
    assert expected in explain_attach("vfs_read", fake.system)


def test_a_function_that_is_not_traced(tmp_path: Path) -> None:
    fake = told(kernel(tmp_path), "hidden_one", typed=("hidden_one",))
    text = explain_attach("hidden_one", fake.system)
    assert text.count("notrace") == 2


def test_a_system_call_and_its_event(tmp_path: Path) -> None:
    fake = told(kernel(tmp_path), "__x64_sys_read")
    text = explain_attach("read", fake.system)
    assert "ksyscall: yes, it is the system call behind __x64_sys_read" in text
    assert "tracepoint: syscalls:sys_enter_read" in text


def test_an_event_that_is_near(tmp_path: Path) -> None:
    assert "sched_switch" in explain_attach("sched_swich", told(kernel(tmp_path), "x").system)
