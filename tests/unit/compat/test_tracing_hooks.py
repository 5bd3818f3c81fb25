"""bcc's kfunc, kretfunc, fmod_ret and LSM methods: names, what is loaded, what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bpfkit.compat.bcc import live
from bpfkit.compat.bcc.autoload import autoload
from bpfkit.compat.bcc.tracing_hooks import TracingHooks
from bpfkit.uapi.bpf import AttachType, ProgType

PROGRAMS = (
    "kfunc__vmlinux__vfs_read",
    "kretfunc__ext4__ext4_x",
    "kmod_ret__security_x",
    "lsm__file_open",
    "bpf_iter__task",
)


class FakeBpf(TracingHooks):
    """The methods over programs that nobody loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[str, ProgType, AttachType]] = []
        self.closed: list[object] = []
        self.collection = SimpleNamespace(
            spec=SimpleNamespace(programs=dict.fromkeys(PROGRAMS)), system=None
        )

    def load_func(self, name: str, type: ProgType, *, attach_type: AttachType) -> SimpleNamespace:
        self.loaded.append((name, type, attach_type))
        return SimpleNamespace(program=name)

    def own(self, link: object) -> None:
        pass

    def _close(self, links: Any) -> None:  # noqa: ANN401 - links that are only names
        self.closed += links


@pytest.fixture
def bpf(monkeypatch: pytest.MonkeyPatch) -> FakeBpf:
    for hook in ("tracing", "lsm", "iter"):
        monkeypatch.setattr(
            live,
            f"attach_{hook}",
            lambda system, program, *rest, hook=hook: f"{hook} {program}",
            raising=False,
        )
    return FakeBpf()


@pytest.mark.parametrize(
    ("method", "name", "loaded"),
    [
        pytest.param(
            "kfunc", b"vfs_read", ("kfunc__vmlinux__vfs_read", AttachType.TRACE_FENTRY), id="kfunc"
        ),
        pytest.param(
            "kretfunc",
            "kretfunc__ext4__ext4_x",
            ("kretfunc__ext4__ext4_x", AttachType.TRACE_FEXIT),
            id="kretfunc",
        ),
        pytest.param(
            "fmod_ret", "security_x", ("kmod_ret__security_x", AttachType.MODIFY_RETURN), id="fmod"
        ),
        pytest.param("lsm", "file_open", ("lsm__file_open", AttachType.LSM_MAC), id="lsm"),
    ],
)
def test_a_name_with_or_without_prefix_is_attached_once(
    method: str, name: str | bytes, loaded: tuple[str, AttachType], bpf: FakeBpf
) -> None:
    attach, detach = (getattr(bpf, f"{verb}_{method}") for verb in ("attach", "detach"))
    assert attach(name) is bpf
    type_ = ProgType.LSM if method == "lsm" else ProgType.TRACING
    assert bpf.loaded == [(loaded[0], type_, loaded[1])]
    with pytest.raises(Exception, match="has been attached"):
        attach(name)
    detach(name)
    assert bpf.closed == [f"{'lsm' if method == 'lsm' else 'tracing'} {loaded[0]}"]
    with pytest.raises(Exception, match="is not attached"):
        detach(name)


def test_an_iterator_is_made_by_hand(bpf: FakeBpf) -> None:
    assert cast("object", bpf.attach_iter("task")) == "iter bpf_iter__task"
    assert bpf.loaded == [("bpf_iter__task", ProgType.TRACING, AttachType.TRACE_ITER)]


def test_what_bcc_attaches_by_itself_is_attached(bpf: FakeBpf) -> None:
    autoload(bpf)  # type: ignore[arg-type]
    assert list(bpf.tracing_links) == [
        "kfunc__vmlinux__vfs_read",
        "kretfunc__ext4__ext4_x",
        "lsm__file_open",
    ]
