from __future__ import annotations

import pytest

from bpfkit.compat.bcc.usdt_text import ArgumentsError, TextSite, c_type, readers
from bpfkit.elf.usdt import parse_arguments


def site(address: int, text: str, arch: str = "x86_64", *, movable: bool = True) -> TextSite:
    return TextSite(address, parse_arguments(text, arch), {"known": 0x5000}, movable)


def text_of(*sites: TextSite, arch: str = "x86_64", cookies: bool = False) -> str:
    return readers("f", sites, arch, cookies=cookies)


@pytest.mark.parametrize(
    ("operand", "expected"),
    [
        ("8@%rax", "= ctx->ax;"),
        ("1@%ah", "= (ctx->ax >> 8);"),
        ("-2@$-5", "(int16_t)-5LL"),
        ("4@-20(%rbp)", "= ctx->bp + (-20LL);"),
        ("8@8(%rsi,%rdi,4)", "= ctx->si + ctx->di * 4 + (8LL);"),
        ("8@8(,%rdi,4)", "= ctx->di * 4 + (8LL);"),
        ("4@known+4(%rip)", f"= ctx->ip + ({0x5004 - 0x1000}LL);"),
        ("4@unknown(%rip)", "return -1;"),
        ("8f@%xmm0", "return -1;"),
        ("8@%zz", "return -1;"),
    ],
)
def test_one_place_needs_no_choice(operand: str, expected: str) -> None:
    text = text_of(site(0x1000, operand))
    assert expected in text
    assert "switch" not in text
    assert "_bpf_readarg_f_1(struct pt_regs *ctx, void *dest, size_t len)" in text


def test_a_reader_for_each_argument() -> None:
    text = text_of(site(0, "4@%eax -8@%rbx"))
    assert "_bpf_readarg_f_1" in text
    assert "_bpf_readarg_f_2" in text
    assert "len != sizeof(int64_t)" in text


def test_places_are_told_apart_by_their_page_offset() -> None:
    text = text_of(site(0x1010, "4@%eax"), site(0x5020, "8@%rcx"))
    assert "switch (ctx->ip % 4096)" in text
    assert "case 0x10ULL" in text
    assert "case 0x20ULL" in text
    assert text.count("uint64_t *)dest") == 2


def test_places_that_keep_it_alike_need_no_choice() -> None:
    assert "switch" not in text_of(site(0x1010, "4@%eax"), site(0x5020, "4@%eax"))


def test_places_that_look_alike_are_told_apart_by_the_cookie() -> None:
    both = site(0x1010, "4@%eax"), site(0x5010, "4@%ecx")
    assert "switch (bpf_get_attach_cookie(ctx))" in text_of(*both, cookies=True)
    with pytest.raises(ArgumentsError, match=r"5\.15"):
        text_of(*both)


def test_places_of_a_fixed_file_are_told_apart_by_their_address() -> None:
    text = text_of(site(0x401010, "4@%eax", movable=False), site(0x405010, "4@%ecx", movable=False))
    assert "switch (ctx->ip)" in text
    assert "case 0x405010ULL" in text


def test_registers_of_aarch64_are_members_of_its_structure() -> None:
    text = text_of(site(0, "8@x3 -4@[sp, 16]", "aarch64"), arch="aarch64")
    assert "= ctx->regs[3];" in text
    assert "= ctx->sp + (16LL);" in text


def test_other_architectures_are_refused() -> None:
    with pytest.raises(ArgumentsError, match="s390x"):
        text_of(site(0, "8@%r2", "s390x"), arch="s390x")


def test_the_type_is_the_largest_of_the_places() -> None:
    assert c_type(parse_arguments("4@%eax -8@%rbx 1@%cl", "x86_64")) == "int64_t"
