"""Constants of headers, of the configuration and of the version: each rule where they conflict."""

from __future__ import annotations

import re

import pytest

from bpfkit.btf.types import Btf, Enum, Enumerator
from bpfkit.compiler.headers.supply import entries
from bpfkit.compiler.headers.table import header_constants, header_table, likely_constants
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph

V5_10, V6_6, V7_3 = (5, 10, 0), (6, 6, 3), (7, 3, 4)


def types(*enumerators: str, name_length: int = 32) -> Btf:
    g = Graph()
    g.struct("task_struct", 24, ("pid", g.int, 0), ("comm", g.array(g.char, 16), 64))
    g.struct("dentry", 64, ("d_iname", g.array(g.u8, name_length), 0))
    values = tuple(Enumerator(name, 100 + at) for at, name in enumerate(enumerators))
    g.add(Enum("known", 4, (*values, Enumerator("SOMETHING", 1))))
    return g.btf()


def prelude(
    text: str,
    facts: Btf | None = None,
    version: tuple[int, int, int] = V7_3,
    arch: str = "x86_64",
    **options: str,
) -> str:
    kernel = FakeKernel(facts or types(), version=version, options=options)
    return assemble(Source(text), Target(kernel, arch=arch)).prelude


def use(*names: str) -> str:
    return f"int f(void *ctx) {{ return {' + '.join(names)}; }}"


# ---- the table


def test_the_table_is_large_and_disjoint_from_what_is_supplied_by_hand() -> None:
    table = header_table("x86_64")
    assert len(table.values) > 10000
    assert not table.values.keys() & entries().keys()
    assert table.releases == ((5, 10), (6, 1), (6, 12), (7, 3))


@pytest.mark.parametrize(
    ("name", "version", "value"),
    [
        ("I_NEW", V5_10, "8"),
        ("I_NEW", (6, 12, 0), "1"),
        ("PR_SET_NAME", V6_6, "15"),
        ("CLONE_NEWCGROUP", (4, 9, 0), "0x2000000"),
    ],
)
def test_a_constant_has_the_value_of_the_newest_release_not_newer_than_the_target(
    name: str, version: tuple[int, int, int], value: str
) -> None:
    assert header_table("x86_64").value(name, version) == value


def test_a_name_that_came_later_has_a_value_but_is_not_defined_for_a_test() -> None:
    table = header_table("x86_64")
    name = next(n for n, cells in table.values.items() if cells.startswith(",,,"))
    assert table.value(name, V5_10) == table.value(name, V7_3)
    assert table.value(name, V5_10, exact=True) is None
    assert header_constants({name}, {name}, V5_10, "x86_64") == {}
    assert header_constants({name}, {name}, V7_3, "x86_64") != {}


def test_architectures_have_their_own_values() -> None:
    assert "#define O_DIRECT 16384" in prelude(use("O_DIRECT"))
    assert "#define O_DIRECT 65536" in prelude(use("O_DIRECT"), arch="aarch64")


def test_every_value_is_a_literal() -> None:
    literal = re.compile(r"~?|-?(?:\d+|0x[0-9a-f]+)U?L?|\(-0x7fffffffffffffffL-1\)")
    bad = [
        (name, cell)
        for name, cells in header_table("aarch64").values.items()
        for cell in cells.split(",")
        if not literal.fullmatch(cell)
    ]
    assert not bad


def test_only_names_that_look_like_constants_are_looked_up() -> None:
    names = {"PF_EXITING", "__GFP_ZERO", "local", "__private", "Mixed"}
    assert likely_constants(names) == {"PF_EXITING", "__GFP_ZERO", "Mixed"}
    assert header_constants(set(), set(), V7_3, "x86_64") == {}


# ---- enumerators against macros (reference: rule 4.1)


def test_an_enumerator_of_this_kernel_is_no_macro() -> None:
    text = use("PR_SET_NAME")
    assert "#define PR_SET_NAME 15" in prelude(text)
    of_kernel = prelude(text, types("PR_SET_NAME"))
    assert "#define PR_SET_NAME" not in of_kernel
    assert "PR_SET_NAME = 100" in of_kernel


def test_ifdef_sees_enumerators_that_headers_also_define() -> None:
    text = "#ifdef IFF_ALLMULTI\n#endif\n#ifdef TCP_CLOSE\n#endif\n"
    facts = types("IFF_ALLMULTI", "TCP_CLOSE")
    assert "#define IFF_ALLMULTI 100" in prelude(text, facts)
    assert "#define TCP_CLOSE" not in prelude(text, facts)


def test_computed_constants_are_numbers_that_if_can_compare() -> None:
    text = "#if DNAME_INLINE_LEN > 32\n#error\n#endif\n" + use("DNAME_INLINE_LEN")
    assert "#define DNAME_INLINE_LEN 32" in prelude(text)
    assert "#define DNAME_INLINE_LEN 40" in prelude(text, types(name_length=40))


def test_newer_names_of_bpf_have_values_on_old_kernels() -> None:
    assert "#define BPF_F_BROADCAST 8" in prelude(use("BPF_F_BROADCAST"), version=V5_10)


# ---- names of the text (rule 4.3)


def test_a_macro_of_the_text_is_not_supplied() -> None:
    text = "#define PR_SET_NAME 3\n" + use("PR_SET_NAME")
    kernel = FakeKernel(version=V7_3)
    assert "PR_SET_NAME" not in assemble(Source(text), Target(kernel)).prelude
    assert not kernel.asked


@pytest.mark.parametrize(
    "text",
    [
        "#ifndef PR_SET_NAME\n#define PR_SET_NAME 3\n#endif\n" + use("PR_SET_NAME"),
        "enum { X = PR_SET_NAME };\n#undef PR_SET_NAME\n#define PR_SET_NAME 3\n",
    ],
)
def test_a_macro_that_is_asked_for_before_it_is_defined_is_supplied(text: str) -> None:
    assert "#define PR_SET_NAME 15" in prelude(text)


def test_an_enumerator_and_a_function_of_the_text_win() -> None:
    text = "enum { PR_SET_NAME = 3 }; static int ilog2(int x) { return x; }" + use("ilog2(8)")
    assert "#define PR_SET_NAME" not in prelude(text)
    assert "#define ilog2" not in prelude(text)


def test_aliases_of_members_need_a_network_header() -> None:
    text = "struct mine { u32 sk_daddr; }; int f(struct mine *m) { return m->sk_daddr; }"
    assert "#define sk_daddr" not in prelude(text)
    assert "#define sk_daddr" in prelude("#include <net/sock.h>\n" + text)


# ---- configuration and version (rule 4.7)


def test_config_options_are_defined_as_autoconf_does() -> None:
    text = "#if IS_ENABLED(CONFIG_A) && defined(CONFIG_B)\n#endif\n#ifdef CONFIG_NOT\n#endif\n"
    text += use("CONFIG_HZ")
    result = prelude(text, CONFIG_A="m", CONFIG_B="y", CONFIG_HZ="250")
    assert "#define CONFIG_A_MODULE 1" in result
    assert "#define CONFIG_A 1" not in result
    assert "#define CONFIG_B 1" in result
    assert "#define CONFIG_HZ 250" in result
    assert "#define CONFIG_NOT" not in result
    assert "#define __ARG_PLACEHOLDER_1 0," in result


def test_the_sublevel_of_the_version_stops_at_255() -> None:
    result = prelude("#if LINUX_VERSION_CODE > 1\n#endif\n", version=(5, 10, 262))
    assert f"#define LINUX_VERSION_CODE {(5 << 16) + (10 << 8) + 255}\n" in result


def test_what_every_kernel_of_an_architecture_has_needs_no_configuration() -> None:
    text = "#ifdef CONFIG_ARCH_HAS_SYSCALL_WRAPPER\n#endif\n#ifdef CONFIG_64BIT\n#endif\n"
    for arch in ("x86_64", "aarch64"):
        result = prelude(text, arch=arch)
        assert "#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1" in result
        assert "#define CONFIG_64BIT 1" in result
