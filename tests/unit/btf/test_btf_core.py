from __future__ import annotations

import pytest

from bpfkit.btf.compat import essential
from bpfkit.btf.core import CoreResult, Relocator
from bpfkit.btf.types import Btf, Enum, Enumerator, Fwd, Int, Typedef
from bpfkit.errors import FormatError, LoadError
from bpfkit.obj.spec import CoreReloc
from bpfkit.uapi.btf import CoreRelocKind as Kind
from tests.fakes.type_graph import Graph


def local() -> tuple[Btf, dict[str, int]]:
    g = Graph()
    inner = g.struct("inner", 8, ("a", g.u32, 0), ("b", g.u32, 32))
    ids = {"inner": inner}
    ids["task"] = g.struct(
        "task___mine",
        32,
        ("pid", g.int, 0),
        ("inner", inner, 32),
        ("comm", g.array(g.char, 8), 96),
        ("flag", g.u32, 160, 3),
        ("next", g.ptr(inner), 192),
    )
    ids["enum"] = g.add(Enum("state", 4, (Enumerator("RUN", 0), Enumerator("STOP___old", 5))))
    ids["gone"] = g.struct("gone", 4, ("x", g.int, 0))
    ids["anonymous"] = g.struct("", 4, ("x", g.int, 0))
    return g.btf(), ids


def target() -> Btf:
    g = Graph()
    inner = g.struct("inner", 16, ("new", g.u64, 0), ("b", g.u64, 64))
    hidden = g.union("", 4, ("pid", g.int, 0), ("tid", g.int, 0))
    g.add(Fwd("task"))
    g.add(Typedef("task", inner))
    g.struct(
        "task",
        64,
        ("before", g.u64, 0),
        ("", hidden, 64),
        ("inner", inner, 128),
        ("comm", g.array(g.char, 16), 256),
        ("flag", g.u32, 397, 3),
        ("next", g.ptr(inner), 448),
    )
    g.add(Enum("state", 4, (Enumerator("RUN", 1), Enumerator("STOP", 9))))
    return g.btf()


def resolve(name: str, access: str, kind: Kind) -> CoreResult:
    btf, ids = local()
    return Relocator(btf, [target()]).resolve(CoreReloc(0, ids[name], access, kind))


@pytest.mark.parametrize(
    ("access", "kind", "original", "value"),
    [
        pytest.param("0:0", Kind.FIELD_BYTE_OFFSET, 0, 8, id="through-an-anonymous-union"),
        pytest.param("0:1:1", Kind.FIELD_BYTE_OFFSET, 8, 24, id="member-of-a-member"),
        pytest.param("0:2:3", Kind.FIELD_BYTE_OFFSET, 15, 35, id="element"),
        pytest.param("1:0", Kind.FIELD_BYTE_OFFSET, 32, 72, id="second-of-an-array-of-records"),
        pytest.param("0:1:1", Kind.FIELD_BYTE_SIZE, 4, 8, id="size"),
        pytest.param("0:2", Kind.FIELD_BYTE_SIZE, 8, 16, id="size-of-an-array"),
        pytest.param("0:0", Kind.FIELD_EXISTS, 1, 1, id="exists"),
        pytest.param("0:1:0", Kind.FIELD_EXISTS, 1, 0, id="does-not-exist"),
        pytest.param("0:0", Kind.FIELD_SIGNED, 1, 1, id="signed"),
        pytest.param("0:4", Kind.FIELD_SIGNED, 0, 0, id="unsigned"),
        pytest.param("0:1:0", Kind.FIELD_BYTE_OFFSET, 4, None, id="missing-is-poison"),
        pytest.param("0:3", Kind.FIELD_BYTE_OFFSET, None, 48, id="unit-of-a-bit-field"),
        pytest.param("0:3", Kind.FIELD_BYTE_SIZE, None, 4, id="size-of-a-bit-field"),
        pytest.param("0:3", Kind.FIELD_LSHIFT_U64, None, 64 - 3 - 13, id="left-shift"),
        pytest.param("0:3", Kind.FIELD_RSHIFT_U64, None, 61, id="right-shift"),
        pytest.param("0", Kind.TYPE_EXISTS, 1, 1, id="type-exists"),
        pytest.param("0", Kind.TYPE_SIZE, 32, 64, id="type-size"),
    ],
)
def test_a_field_is_found_where_the_target_has_it(
    access: str, kind: Kind, original: int | None, value: int | None
) -> None:
    result = resolve("task", access, kind)
    assert (result.original, result.value) == (original, value)


def test_a_load_changes_its_width_only_when_zero_extension_is_right() -> None:
    assert resolve("task", "0:1:1", Kind.FIELD_BYTE_OFFSET).resizable
    g = Graph()
    g.struct("s", 4, ("x", g.int, 0))
    h = Graph()
    wide = h.add(Int("long", 8, 64, signed=True))
    h.struct("s", 8, ("x", wide, 0))
    result = Relocator(g.btf(), [h.btf()]).resolve(CoreReloc(0, 6, "0:0", 0))
    assert result.value == 0
    assert not result.resizable


def test_the_text_names_the_access() -> None:
    text = resolve("task", "0:1:1", Kind.FIELD_BYTE_OFFSET).text
    assert text == "struct task___mine.inner.b"


def test_a_missing_type_reads_as_zero() -> None:
    assert resolve("gone", "0", Kind.TYPE_EXISTS).value == 0
    assert resolve("gone", "0", Kind.TYPE_SIZE).value == 0
    assert resolve("gone", "0", Kind.TYPE_ID_TARGET).value == 0
    assert resolve("gone", "0:0", Kind.FIELD_BYTE_OFFSET).value is None


def test_enumerators_are_found_by_name() -> None:
    assert resolve("enum", "0", Kind.ENUMVAL_VALUE).value == 1
    assert resolve("enum", "1", Kind.ENUMVAL_VALUE).value == 9
    assert resolve("enum", "1", Kind.ENUMVAL_EXISTS).value == 1


def test_types_match_needs_every_local_member() -> None:
    btf, ids = local()
    itself = Relocator(btf, [btf])
    assert itself.resolve(CoreReloc(0, ids["inner"], "0", Kind.TYPE_MATCHES)).value == 1
    assert resolve("inner", "0", Kind.TYPE_MATCHES).value == 0


def test_an_anonymous_type_cannot_be_relocated() -> None:
    with pytest.raises(FormatError, match="anonymous"):
        resolve("anonymous", "0:0", Kind.FIELD_BYTE_OFFSET)


def test_an_access_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(FormatError, match="does not fit"):
        resolve("task", "0:9", Kind.FIELD_BYTE_OFFSET)
    with pytest.raises(FormatError, match="is unknown"):
        resolve("task", "0:x", Kind.FIELD_BYTE_OFFSET)


def test_two_types_that_disagree_are_ambiguous() -> None:
    g = Graph()
    g.struct("gone", 4, ("x", g.int, 0))
    g.struct("gone", 8, ("y", g.int, 0), ("x", g.int, 32))
    btf, ids = local()
    with pytest.raises(LoadError, match="ambiguous"):
        Relocator(btf, [g.btf()]).resolve(CoreReloc(0, ids["gone"], "0:0", 0))


def test_modules_are_asked_when_the_kernel_has_no_such_type() -> None:
    g = Graph()
    g.struct("gone", 8, ("y", g.int, 0), ("x", g.int, 32))
    btf, ids = local()
    result = Relocator(btf, [target(), g.btf()]).resolve(CoreReloc(0, ids["gone"], "0:0", 0))
    assert result.value == 4


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a___b", "a"), ("a", "a"), ("__a", "__a"), ("a____b", "a____b"), ("a___b___c", "a___b")],
)
def test_a_flavour_is_what_follows_three_underscores(name: str, plain: str) -> None:
    assert essential(name) == plain
