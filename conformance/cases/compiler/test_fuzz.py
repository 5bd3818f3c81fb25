"""Generated programs, the same ones in every kernel: arithmetic and pointer chasing."""

from __future__ import annotations

import random

from bpfkit.collection import compile_text
from bpfkit.compiler.compiled import Compiled
from bpfkit.errors import VerifierError
from conformance.case import case
from conformance.fuzz.generate import INPUTS, write_program
from conformance.fuzz.jit import Jit
from conformance.fuzz.ours import run_by_jit, run_in_kernel, whole
from conformance.fuzz.pointers import Chase, chase_by_jit, chase_in_kernel


def compile_(text: str, dialect: str) -> Compiled:
    return compile_text(text, dialect=dialect)


def arithmetic(seeds: range) -> None:
    """Run the programs of some seeds in the kernel and on this machine's processor.

    What the verifier refuses is left out, as long as it is the exception.
    """
    choices = random.Random(seeds.start)
    programs = [write_program(random.Random(seed).choice, f"p{seed}_") for seed in seeds]
    inputs = [[choices.getrandbits(64) for _ in range(INPUTS)] for _ in range(4)]
    made = compile_(whole(programs), "libbpf")
    with Jit() as jit:
        here = run_by_jit(jit, made.ir, programs, inputs)
    refused = 0
    for program, there, wanted in zip(
        programs, run_in_kernel(made.elf, programs, inputs), here, strict=True
    ):
        if isinstance(there, VerifierError):
            refused += 1
        else:
            assert there == wanted, program.text
    assert refused <= len(programs) // 4, f"{refused} of {len(programs)} programs were refused"


def chases(seeds: range) -> None:
    """Follow pointers by our reads in the kernel, and directly on this machine."""
    with Jit() as jit:
        for seed in seeds:
            choices = random.Random(seed)
            chase = Chase(choices.choice)
            graph, i = chase.graph(choices.randbytes), choices.randrange(4)
            here = chase_by_jit(jit, compile_, chase, graph, i)
            text = chase.in_kernel()
            assert chase_in_kernel(chase, graph, i) == here, f"seed {seed}:\n{text}"


@case("compiler/fuzz/arithmetic-1", kernel="5.3")
def test_arithmetic_of_the_first_seeds() -> None:
    """Random functions give in the kernel what they give on this machine (seeds 0 to 11)."""
    arithmetic(range(12))


@case("compiler/fuzz/arithmetic-2", kernel="5.3")
def test_arithmetic_of_more_seeds() -> None:
    """Random functions give in the kernel what they give on this machine (seeds 100 to 111)."""
    arithmetic(range(100, 112))


@case("compiler/fuzz/pointers-1", kernel="5.10")
def test_pointers_of_the_first_seeds() -> None:
    """Random paths through structures read what plain C reads (seeds 0 to 5)."""
    chases(range(6))


@case("compiler/fuzz/pointers-2", kernel="5.10")
def test_pointers_of_more_seeds() -> None:
    """Random paths through structures read what plain C reads (seeds 100 to 105)."""
    chases(range(100, 106))
