from __future__ import annotations

from vmlab.engine.console import HEAD_BYTES, TAIL_BYTES, Console

OOPS = b"""\
[    4.46] sysrq: Trigger a crash\r
[    4.47] Kernel panic - not syncing: sysrq triggered crash\r
[    4.48] CPU: 0 PID: 161 Comm: sh\r
"""


def test_oops_begins_at_the_first_sign_of_the_crash() -> None:
    console = Console()
    console.feed(b"[    1.00] booting\r\n" + OOPS)
    assert console.panicked
    assert console.oops().startswith("[    4.46] sysrq: Trigger a crash\n")
    assert "booting" not in console.oops()
    assert "\r" not in console.oops()


def test_a_panic_is_noticed_when_its_words_come_in_two_reads() -> None:
    for cut in range(1, len(OOPS)):
        console = Console()
        console.feed(OOPS[:cut])
        console.feed(OOPS[cut:])
        assert console.panicked, cut


def test_without_a_panic_the_oops_is_all_of_the_console() -> None:
    console = Console()
    console.feed(b"WARNING: CPU: 0 PID: 1 at kernel/x.c:1\n")
    assert not console.panicked
    assert console.oops() == console.text()


def test_a_flood_is_kept_bounded_with_its_beginning_and_end() -> None:
    console = Console()
    console.feed(b"first\n")
    chunk = b"x" * 65535 + b"\n"
    for _ in range(200):
        console.feed(chunk)
    console.feed(b"last\n")
    text = console.text()
    assert len(text) <= HEAD_BYTES + 2 * TAIL_BYTES + 100
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert "bytes left out" in text


def test_what_is_left_out_is_counted_exactly() -> None:
    console = Console()
    total = HEAD_BYTES + 3 * TAIL_BYTES
    console.feed(b"x" * total)
    text = console.text()
    left_out = int(text.partition("[... ")[2].partition(" ")[0])
    assert text.count("x") + left_out == total


def test_bytes_that_are_no_text_and_terminal_codes_do_no_harm() -> None:
    console = Console()
    console.feed(b"\x1bc\x1b[2J\xff\xfeok\n")
    assert console.text().endswith("ok\n")
    assert "\x1b" not in console.text()
