from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.compiler.headers.scan import scan, take_apart, without_comments

TEXT = r"""
#include <linux/sched.h>
#include "own.h"
/* struct in_comment { */ // not_here
#define MAX 10 /* x */
#if defined(CONFIG_A) && KERNEL_X > 3
#endif
struct key_t { u32 pid; enum mode m; };
typedef struct { int a; } pair_t;
typedef int (*call_t)(int);
enum mode { ON, OFF = MAX };
BPF_HASH(counts, struct key_t, u64);
static long (*bpf_own)(void) = (void *)1;
static inline int helper(struct sock *sk) { return sk->sk_state; }
int kprobe__f(struct pt_regs *ctx, int arg)
{
    char text[] = "struct in_string %d \" quoted";
    struct key_t key = {}, other; u64 zero = 0, *val;
    val = counts.lookup(&key);
    return ctx->ax == TASK_COMM_LEN && 'x' ? 0 : helper(0);
}
"""


def test_a_scan_tells_own_names_from_foreign_ones() -> None:
    found = scan(TEXT)
    assert found.includes == ["linux/sched.h", "own.h"]
    assert found.own_tags == {"key_t", "mode"}
    assert found.own_typedefs == {"pair_t", "call_t"}
    assert found.own_enumerators == {"ON", "OFF"}
    assert {"bpf_own", "helper", "kprobe__f", "counts"} <= found.own_functions
    assert found.own_macros == {"MAX"}
    assert {"CONFIG_A", "KERNEL_X"} <= found.tested
    assert ("struct", "sock") in found.tags
    assert {"TASK_COMM_LEN", "u64"} <= found.free
    assert not {"in_comment", "in_string", "not_here", "quoted", "x"} & found.words
    assert not {"sk_state", "ax", "ctx", "arg", "text", "return"} & found.free
    assert {"sk_state", "ax"} <= found.words


@settings(deadline=None)
@given(st.text("ab \n\t/*\"'\\{}#();", max_size=60))
def test_comments_are_blanked_and_nothing_moves(text: str) -> None:
    blank = without_comments(text)
    assert len(blank) == len(text)
    assert [i for i, c in enumerate(blank) if c == "\n"] == [
        i for i, c in enumerate(text) if c == "\n"
    ]


# Few letters: they meet in more ways, and no table of all of Unicode has to be made.
@settings(deadline=None)
@given(st.text(alphabet="ab_09 \t\n\"'\\/*#(){};,<>.=\0\r\u00e9", max_size=80))
def test_any_text_can_be_scanned(text: str) -> None:
    scan(text)


def test_macros_of_a_prelude_are_known_by_the_words_they_add() -> None:
    dialect = take_apart(
        "#define READ(DST) \\\n  bpf_probe_read_kernel(DST, 8, args)\nint f(void);\n"
    )
    assert dialect.macros["READ"] == {"bpf_probe_read_kernel", "args"}
    assert "f" in dialect.rest.own_functions
    assert "bpf_probe_read_kernel" not in dialect.rest.words


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("typedef unsigned long long a, b;", "b"),
        ("typedef u8 mac_t[6];", "mac_t"),
        ("typedef struct x { int y; } __attribute__((packed)) z;", "z"),
    ],
)
def test_a_typedef_names_its_last_word(text: str, name: str) -> None:
    assert name in scan(text).own_typedefs


@pytest.mark.parametrize(
    "attributes", ["__attribute__((packed))", "__attribute__((aligned(8), packed)) __packed"]
)
def test_attributes_before_a_tag_are_not_the_tag(attributes: str) -> None:
    found = scan(f"struct {attributes} pair {{ int a; }}; struct {attributes} {{ int b; }} x;")
    assert found.tags == {("struct", "pair")}
    assert found.own_tags == {"pair"}
