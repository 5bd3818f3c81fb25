"""Tools compiled on another machine for this kernel: every program of each loads.

Nothing is compiled here, where the suite runs in a guest: see `conformance.objects`.
"""

from __future__ import annotations

import pytest

from bpfkit.collection import load
from conformance.case import case
from conformance.objects import object_of
from conformance.plugin import live_system
from conformance.texts import EXAMPLES, TOOLS, names, read_text


def load_every_program(group: str, name: str, config: pytest.Config) -> None:
    """Load all programs of a text's object, one after the other."""
    system = live_system(config)
    text = read_text(group, name)
    with load(object_of(text, system), system=system) as collection:
        assert collection.spec.programs
        for program in collection.spec.programs:
            type_, attach_type = text.type_of(program)
            collection.load_program(program, type_, attach_type)
        assert collection.programs.keys() == collection.spec.programs.keys()


@pytest.mark.parametrize("name", names(TOOLS))
@case("compiler/tools/", kernel="5.8")
def test_a_tool_loads(name: str, pytestconfig: pytest.Config) -> None:
    """A bcc-style tool, compiled for this kernel on another machine from its facts, loads."""
    load_every_program(TOOLS, name, pytestconfig)


@pytest.mark.parametrize("name", names(EXAMPLES))
@case("compiler/examples/", kernel="5.8")
def test_an_example_loads(name: str, pytestconfig: pytest.Config) -> None:
    """An example's text, compiled for this kernel on another machine from its facts, loads."""
    load_every_program(EXAMPLES, name, pytestconfig)
