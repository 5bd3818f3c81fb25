from __future__ import annotations

import threading
import time

import pytest

from bpfkit.links.base import Link, Method
from bpfkit.links.closing import close_links


class Slow:
    """A descriptor that takes its time to close."""

    def __init__(self, diary: list[str], name: str, seconds: float = 0.0, code: int = 0) -> None:
        self.diary, self.name, self.seconds, self.code = diary, name, seconds, code

    def fileno(self) -> int:
        return 1

    def close(self) -> None:
        time.sleep(self.seconds)
        self.diary.append(self.name)
        if self.code:
            raise OSError(self.code, "refused")


class TwoPart(Link):
    """A link of which only the first descriptor ends the calls."""

    def __init__(self, *fds: Slow, undo: object = None) -> None:
        super().__init__(
            hook="h",
            program="p",
            target="t",
            method=Method.LINK,
            fds=fds,
            undo=undo,  # type: ignore[arg-type]
        )
        self._first = 1


def settled() -> None:
    for thread in threading.enumerate():
        if thread.name == "closing perf events":
            thread.join()


def test_waits_are_shared() -> None:
    diary: list[str] = []
    links = [TwoPart(Slow(diary, "first", 0.2)) for _ in range(10)]
    started = time.monotonic()
    close_links(links)
    assert time.monotonic() - started < 1.0
    assert diary == ["first"] * 10
    assert all(link.closed for link in links)


def test_what_calls_nothing_is_closed_behind() -> None:
    diary: list[str] = []
    close_links([TwoPart(Slow(diary, "first"), Slow(diary, "event", 0.1)) for _ in range(3)])
    assert diary == ["first"] * 3
    settled()
    assert diary == ["first"] * 3 + ["event"] * 3


def test_one_link_is_closed_in_order() -> None:
    diary: list[str] = []
    link = TwoPart(Slow(diary, "first"), Slow(diary, "event"), undo=lambda: diary.append("undo"))
    close_links([link])
    assert diary == ["first", "event", "undo"]
    close_links([link])  # twice is harmless
    assert diary == ["first", "event", "undo"]


def test_what_has_to_be_undone_is_closed_before() -> None:
    diary: list[str] = []
    links = [
        TwoPart(Slow(diary, "first"), Slow(diary, "event"), undo=lambda: diary.append("undo"))
        for _ in range(2)
    ]
    close_links(links)
    assert diary == ["first", "first", "event", "undo", "event", "undo"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_error_does_not_keep_others_open(bad: int) -> None:
    diary: list[str] = []
    links = [TwoPart(Slow(diary, str(i), code=5 if i == bad else 0)) for i in range(3)]
    with pytest.raises(OSError, match="refused"):
        close_links(links)
    assert sorted(diary) == ["0", "1", "2"]


def test_without_threads_it_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    diary: list[str] = []
    close_links([TwoPart(Slow(diary, "first"), Slow(diary, "event")) for _ in range(2)])
    assert sorted(diary) == ["event", "event", "first", "first"]
