"""A few programs of each kind, always the same ones: what ``nox -s fuzz`` does for minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.compiler.compiled import Compiled
from bpfkit.compiler.isolated import compile_isolated
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from conformance.fuzz.jit import Jit, JitError
from conformance.fuzz.native import compilers
from tests.fakes.kernel_facts import FakeKernel

from .checks import Difference, Tools, check_arithmetic, check_robustness, compare

ROOT = Path(__file__).resolve().parents[2]
CRASHES = sorted((ROOT / "tests" / "data" / "crashes").glob("*.c"))


def few(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=quiet
    )


def compiled(text: str, dialect: str) -> Compiled:
    kernel = FakeKernel(decode(encode([])))
    return compile_isolated(text, Target(kernel=kernel, dialect=dialect))


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with Jit() as jit:
        yield Tools(jit, compiled, kernel=False)


@pytest.mark.skipif(not compilers(), reason="no C compiler to compare with")
@few(25)
@given(data=st.data())
def test_generated_programs_give_what_a_c_compiler_gives(data: st.DataObject, tools: Tools) -> None:
    check_arithmetic(data.draw, tools)


@few(40)
@given(data=st.data())
def test_any_text_ends_in_an_object_or_an_error(data: st.DataObject, tools: Tools) -> None:
    check_robustness(data.draw, tools)


@pytest.mark.parametrize("crash", CRASHES, ids=lambda path: path.stem)
def test_what_once_broke_the_compiler_is_an_error_now(crash: Path) -> None:
    """The first line of each text says what the message has to say."""
    text = crash.read_text()
    expected = text.splitlines()[0].removeprefix("// ")
    with pytest.raises(CompileError, match=expected):
        compiled(text, "bcc")


def test_a_difference_is_told_with_the_program_and_all_results() -> None:
    with pytest.raises(Difference) as caught:
        compare("int x;", [[1, 2]], {"one": [[3]], "two": [[4]]})
    assert str(caught.value) == "int x;\ninputs [1, 2]\n  one: [3]\n  two: [4]"


def test_a_module_that_dies_is_told_and_the_next_one_runs() -> None:
    dies = "define i32 @f(ptr %p) {\n store i32 1, ptr null\n unreachable\n}\n"
    good = "define i32 @f(ptr %p) {\n store i64 7, ptr %p\n ret i32 0\n}\n"
    with Jit() as jit:
        with pytest.raises(JitError, match="died"):
            jit.run(dies, ["f"], [[0]])
        assert jit.run(good, ["f"], [[0]])[0][0][0] == 7
        with pytest.raises(JitError, match="expected"):
            jit.run("define", ["f"], [[0]])
