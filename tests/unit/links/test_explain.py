from __future__ import annotations

import errno
from collections.abc import Collection

import pytest

from bpfkit.links.explain import (
    KprobeFacts,
    explain_kprobe,
    explain_missing,
    explain_tracepoint,
    nearest,
)

SYMBOLS = {
    "do_sys_open": "t",
    "do_sys_openat2": "t",
    "__x64_sys_openat": "T",
    "__x64_sys_clone": "T",
    "finish_task_switch.isra.0": "t",
    "blk_account_io_done.part.0": "t",
    "blk_account_io_done.part.0.cold": "t",
    "jiffies": "D",
    "__kprobes_text": "t",
    "rcu_nmi_enter": "t",
}
TRACEABLE = frozenset(SYMBOLS) - {"rcu_nmi_enter", "__kprobes_text"}
EVENTS = [("syscalls", "sys_enter_openat"), ("sched", "sched_switch"), ("sched", "sched_wakeup")]


def facts(
    *,
    has: bool | None = True,
    symbols: dict[str, str] = SYMBOLS,
    blacklist: Collection[str] = ("__kprobes_text",),
    traceable: Collection[str] = TRACEABLE,
) -> KprobeFacts:
    return KprobeFacts(lambda: has, lambda: symbols, lambda: blacklist, lambda: traceable)


@pytest.mark.parametrize(
    ("function", "reason", "hint"),
    [
        pytest.param("do_sys_opn", "no such function", "did you mean 'do_sys_open'", id="misspelt"),
        pytest.param("sys_clone", "no such function", "'__x64_sys_clone'", id="syscall"),
        pytest.param(
            "finish_task_switch", "left only 'finish_task_switch.isra.0'", "attach to", id="isra"
        ),
        pytest.param(
            "blk_account_io_done",
            "left only 'blk_account_io_done.part.0' of",
            "",
            id="part-no-cold",
        ),
        pytest.param("jiffies", "data, not a function", "", id="data"),
        pytest.param("__kprobes_text", "kprobes/blacklist", "callers", id="blacklist"),
        pytest.param("rcu_nmi_enter", "notrace", "callers", id="notrace"),
        pytest.param("zzqq", "no such function", "", id="nothing-near"),
    ],
)
def test_the_name_is_explained(function: str, reason: str, hint: str) -> None:
    explanation = explain_kprobe(errno.ENOENT, function, facts())
    assert reason in explanation.reason
    assert hint in explanation.hint


def test_a_kernel_without_kprobes_comes_before_the_name() -> None:
    explanation = explain_kprobe(errno.ENOENT, "nothing", facts(has=False))
    assert "CONFIG_KPROBES" in explanation.reason
    assert "tracepoint" in explanation.hint


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES])
def test_missing_privilege_is_told(code: int) -> None:
    assert "root" in explain_kprobe(code, "do_sys_open", facts()).hint


@pytest.mark.parametrize(
    ("code", "offset", "retprobe", "expected"),
    [
        (errno.EILSEQ, 3, False, "0x3 bytes into the function no instruction begins"),
        (errno.EINVAL, 4, True, "return probe takes no offset"),
        (errno.EADDRNOTAVAIL, 0, False, "several functions"),
        (errno.EBUSY, 0, False, "EBUSY"),
        (errno.ENOMEM, 0, False, "ENOMEM"),
    ],
)
def test_the_place_is_explained(code: int, offset: int, retprobe: bool, expected: str) -> None:
    explanation = explain_kprobe(code, "do_sys_open", facts(), offset=offset, retprobe=retprobe)
    assert expected in explanation.reason


def test_lists_that_cannot_be_read_are_not_held_against_the_name() -> None:
    explanation = explain_kprobe(
        errno.ENOENT, "anything", facts(symbols={}, blacklist=(), traceable=())
    )
    assert "ENOENT" in explanation.reason


def test_only_near_names_are_offered() -> None:
    assert nearest("do_sys_openat", list(SYMBOLS)) == ["do_sys_openat2", "do_sys_open"]


def test_the_entry_of_a_system_call_comes_first_and_padding_never() -> None:
    names = [f"{p}sys_clone" for p in ("__do_", "__ia32_", "__pfx___do_", "__pfx___x64_", "__x64_")]
    assert nearest("clone", names) == ["__x64_sys_clone", "__do_sys_clone", "__ia32_sys_clone"]


def test_many_variants_are_cut_short() -> None:
    names = {f"f.isra.{i}": "t" for i in range(9)}
    assert "and 4 more" in explain_missing("f", names).reason


@pytest.mark.parametrize(
    ("category", "event", "expected"),
    [
        pytest.param("sched", "sched_swich", "'sched:sched_switch'", id="event"),
        pytest.param("task", "sched_switch", "'sched:sched_switch'", id="category"),
        pytest.param("syscals", "sys_enter_opnat", "'syscalls:sys_enter_openat'", id="both"),
        pytest.param("sched", "qqqqqq", "events/", id="nothing-near"),
    ],
)
def test_a_missing_tracepoint_is_explained(category: str, event: str, expected: str) -> None:
    assert expected in explain_tracepoint(category, event, EVENTS).hint


def test_an_empty_tracefs_is_told() -> None:
    assert "mounted" in explain_tracepoint("sched", "sched_switch", []).hint


def test_lockdown_is_told() -> None:
    facts = KprobeFacts(
        lambda: True, dict, list, list, modules=lambda: ["ext4"], lockdown=lambda: "integrity"
    )
    why = explain_kprobe(errno.EPERM, "vfs_read", facts)
    assert "locked down (integrity)" in why.reason
    assert "tracepoint" in why.hint


def test_a_module_that_is_not_loaded_is_told() -> None:
    facts = KprobeFacts(
        lambda: True, lambda: {"f": "t"}, list, lambda: ["f"], modules=lambda: ["ext4", "xfs"]
    )
    why = explain_kprobe(errno.ENOENT, "ext5:f", facts)
    assert why.reason == "module 'ext5' is not loaded"
    assert "modprobe ext5" in why.hint
    assert "'ext4'" in why.hint
    assert "not loaded" not in explain_kprobe(errno.ENOENT, "ext4:f", facts).reason


def test_fentry_is_named_where_it_would_do() -> None:
    facts = KprobeFacts(
        lambda: True,
        lambda: {"f": "t"},
        lambda: ["f"],
        lambda: ["f"],
        traced=lambda name: name == "f",
    )
    assert "or use fentry" in explain_kprobe(errno.EINVAL, "f", facts).hint
