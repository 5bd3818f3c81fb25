"""What must hold for every generated program; each check tries one and says what became of it.

A check raises `Difference` with the whole story when it does not hold; Hypothesis then makes the
program small.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from bpfkit.errors import CompileError, NotSupportedError, VerifierError
from conformance.fuzz.generate import INPUTS, write_program
from conformance.fuzz.jit import Jit
from conformance.fuzz.mutate import mutated, noise
from conformance.fuzz.native import compilers, run_native
from conformance.fuzz.ours import Compile, Results, run_by_jit, run_in_kernel, whole
from conformance.fuzz.pointers import Chase, chase_by_jit, chase_in_kernel

ROOT = Path(__file__).resolve().parents[2]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Difference(Exception):  # noqa: N818 - it is what the fuzzer looks for
    """A program on which two ways of running it do not agree, or that broke the compiler."""


@dataclass
class Tools:
    """What the checks run programs with."""

    jit: Jit
    compile: Compile
    kernel: bool = field(default_factory=lambda: os.geteuid() == 0)
    compared: int = 0
    """Programs that were run in several ways."""
    refused: int = 0
    """Programs that a verifier refused, which is no difference."""


def picker(draw: Draw) -> Callable[[Sequence[Any]], Any]:
    """Choices made by Hypothesis; the first of several is the simplest."""
    return lambda options: options[draw(index_below(len(options)))]


@functools.cache
def index_below(count: int) -> st.SearchStrategy[int]:
    """The indices of so many options."""
    return st.integers(0, count - 1)


def check_arithmetic(draw: Draw, tools: Tools) -> None:
    """The kernel, this machine and the C compilers that are installed agree on some programs."""
    pick = picker(draw)
    programs = [write_program(pick, f"p{n}_") for n in range(draw(st.sampled_from((1, 6, 8))))]
    word = st.one_of(st.sampled_from((0, 1, 255, 2**31, 2**64 - 1)), st.integers(0, 2**64 - 1))
    inputs = [[draw(word) for _ in range(INPUTS)] for _ in range(3)]
    made = tools.compile(whole(programs), "libbpf")
    found: dict[str, list[Results | VerifierError]] = {}
    found["our code on this machine"] = [*run_by_jit(tools.jit, made.ir, programs, inputs)]
    if tools.kernel:
        found["our code in the kernel"] = run_in_kernel(made.elf, programs, inputs)
    for compiler in compilers():
        found[compiler] = [*run_native(tools.jit, compiler, programs, inputs)]
    for at, program in enumerate(programs):
        results = {}
        for how, all_results in found.items():
            result = all_results[at]
            if isinstance(result, VerifierError):
                tools.refused += 1
            elif "gcc" not in how or not program.only_clang:
                results[how] = result
        tools.compared += 1
        compare(program.text, inputs, results)


def compare(text: str, inputs: Sequence[Sequence[int]], found: dict[str, Results]) -> None:
    """Raise Difference unless all results are the same."""
    results = list(found.values())
    if all(result == results[0] for result in results):
        return
    told = [text]
    for index, words in enumerate(inputs):
        rows = {how: result[index] for how, result in found.items()}
        if len({tuple(row) for row in rows.values()}) > 1:
            told.append(f"inputs {words}")
            told += [f"  {how}: {row}" for how, row in rows.items()]
    raise Difference("\n".join(told))


def check_pointers(draw: Draw, tools: Tools) -> None:
    """The rewriter reads what this machine reads, and the kernel takes the program."""
    chase = Chase(picker(draw))
    graph = chase.graph(lambda size: random.Random(size).randbytes(size))
    i = draw(st.integers(0, 3))
    try:
        ours = chase_in_kernel(chase, graph, i)
    except VerifierError as error:
        raise Difference(f"{chase.in_kernel()}\nrefused: {error}") from error
    native = chase_by_jit(tools.jit, tools.compile, chase, graph, i)
    tools.compared += 1
    if ours != native:
        raise Difference(f"{chase.in_kernel()}\ni = {i}\nread:   {ours}\nnative: {native}")


def seeds() -> list[tuple[str, str]]:
    """Good texts to begin from, with their dialect."""
    tools = sorted((ROOT / "tests" / "data" / "tools").glob("*.c"))
    texts = [("bcc", path.read_text()) for path in tools]
    examples = sorted((ROOT / "examples").glob("*.py"))
    for example in examples:
        parts = example.read_text().split('"""')
        texts += [("bcc", part) for part in parts[1::2] if "#include" in part or "BPF_" in part]
    return texts


def check_robustness(draw: Draw, tools: Tools) -> None:
    """Whatever the text, the compiler gives an object or a typed error with a message."""
    choices = draw(st.randoms(use_true_random=False))
    if draw(st.sampled_from((False,) * 7 + (True,))):
        dialect, text = "bcc", noise(choices)
    else:
        dialect, text = choices.choice(seeds())
        text = mutated(text, choices)
    try:
        made = tools.compile(text, dialect)
    except CompileError as error:
        if not error.diagnostics or not str(error):
            raise Difference(f"{text}\nan error that says nothing: {error!r}") from error
    except NotSupportedError:
        pass  # the text needs a fact of the kernel that cannot be had here
    except Exception as error:
        raise Difference(f"{text}\n{type(error).__name__}: {error}") from error
    else:
        if made.elf[:4] != b"\x7fELF":
            raise Difference(f"{text}\nno object came of it")
