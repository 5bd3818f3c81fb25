"""Global variables by name: found in the object, set before loading, read and written after."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.errors import DecodeError, LoadError
from bpfkit.loader import load_object
from bpfkit.maps.globals import Globals, global_variables, with_globals
from bpfkit.obj.read import read_object
from bpfkit.obj.spec import ObjectSpec
from tests.fakes.system import fake_system
from tests.unit.compiler.lower.plain import build

OLD = b"old\0\0\0\0\0"
TEXT = """
struct pair { char a; long b; };
const volatile int wanted = 3; struct pair pair = { 1, 2 }; char name[8] = "old"; long zero;
int f(void *ctx) { zero++; return wanted + pair.a + pair.b + name[0] + zero; }
"""


@pytest.fixture(scope="module")
def spec() -> ObjectSpec:
    return read_object(build(TEXT))


def test_variables_are_found_with_their_sections(spec: ObjectSpec) -> None:
    found = global_variables(spec)
    assert {n: v.map for n, v in found.items()} == {
        "wanted": ".rodata", "pair": ".data", "name": ".data", "zero": ".bss",
    }  # fmt: skip
    assert (found["pair"].size, found["zero"].size) == (16, 8)


def test_values_are_written_where_the_variables_lie(spec: ObjectSpec) -> None:
    given = with_globals(spec, {"wanted": -5, "pair": {"b": 1 << 40}, "name": b"new"})
    assert given.maps[".rodata"].initial == (-5).to_bytes(4, "little", signed=True)
    place = global_variables(spec)["pair"].offset
    data = given.maps[".data"].initial
    assert data is not None
    assert data[place : place + 16] == bytes(8) + (1 << 40).to_bytes(8, "little")
    assert b"new\0\0\0\0\0" in data
    assert given.maps[".bss"] == spec.maps[".bss"]


def test_nothing_given_changes_nothing(spec: ObjectSpec) -> None:
    assert with_globals(spec, {}) is spec


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("wantet", "did you mean wanted", id="near"),
        pytest.param("xyz", "it has name, pair, wanted, zero", id="far"),
    ],
)
def test_an_unknown_name_is_an_error(spec: ObjectSpec, name: str, words: str) -> None:
    with pytest.raises(LoadError, match=words):
        with_globals(spec, {name: 1})


def test_an_object_without_variables_says_so() -> None:
    empty = read_object(build("int f(void *ctx) { return 0; }"))
    with pytest.raises(LoadError, match="no program uses any"):
        with_globals(empty, {"x": 1})


def test_a_value_that_does_not_fit_is_an_error(spec: ObjectSpec) -> None:
    with pytest.raises(DecodeError):
        with_globals(spec, {"wanted": 1 << 40})


def test_live_values_are_read_and_written(spec: ObjectSpec, tmp_path: Path) -> None:
    system, _ = fake_system(tmp_path)
    with load_object(with_globals(spec, {"zero": 9}), system) as loaded:
        found = Globals(loaded.spec, loaded.maps)
        assert dict(found) == {"wanted": 3, "pair": {"a": 1, "b": 2}, "name": OLD, "zero": 9}
        found["zero"] = -1
        found["name"] = b"longer"
        assert (found["zero"], found["name"], len(found)) == (-1, b"longer\0\0", 4)
        assert found["pair"] == {"a": 1, "b": 2}
        with pytest.raises(LoadError, match="'wanted' is constant"):
            found["wanted"] = 1
        with pytest.raises(KeyError, match="did you mean zero"):
            found["zeros"] = 1
