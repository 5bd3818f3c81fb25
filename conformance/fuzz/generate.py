"""Random C programs whose every result the language defines (with wrapping integers, -fwrapv).

`write_program` writes C from a stream of choices: anything that picks one of several. A program is
a function that reads ``struct io``'s inputs and writes its outputs, and what that uses. Several can
stand in one text, behind `HEAD`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import GUARDS, Expressions
from .objects import define_enum, define_globals, define_record
from .statements import Statements
from .world import FIXED, PLAIN, Function, Pick, Place, Scope, World

INPUTS, OUTPUTS = 4, 8
HEAD = f"struct io {{ u64 in[{INPUTS}]; u64 out[{OUTPUTS}]; }};\n{GUARDS}"
OPERATORS = 90
"""About how many operators the functions of a program have together."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program: its text, and the name of its function."""

    text: str
    function: str
    only_clang: bool
    """Whether gcc may rightly give another result."""


def write_program(pick: Pick, prefix: str = "") -> Program:
    """A program; all its names begin with ``prefix``."""
    world = World(pick, prefix=prefix)
    return _Writer(world).program()


class _Writer:
    def __init__(self, world: World) -> None:
        self.world = world
        self.pick = world.pick
        self.expressions = Expressions(world)
        self.statements = Statements(world, self.expressions)

    def program(self) -> Program:
        """Structures, globals, functions, and the one that is called."""
        world = self.world
        for _ in range(self.pick((0, 1, 2, 3))):
            define_record(world)
        if self.pick((False, False, True)):
            define_enum(world)
        define_globals(world)
        for _ in range(self.pick((0, 1, 2))):
            self._function()
        name = f"{world.prefix}compute"
        world.text.append(self._compute(name))
        return Program("\n".join(world.text) + "\n", name, world.only_clang)

    def _compute(self, name: str) -> str:
        world, scope = self.world, Scope()
        world.budget, world.stateful = OPERATORS, True
        lines = []
        for index in range(INPUTS):
            variable, type_ = world.name("v"), self.pick((*PLAIN, "u64", "u64"))
            lines.append(f"{type_} {variable} = io->in[{index}];")
            scope.places.append(Place(variable, type_))
        scope.places += world.globals
        lines += self.statements.objects(scope)
        lines += self.statements.some(scope, 3, self.pick((1, 2, 4, 6)))
        for index in range(OUTPUTS):
            lines.append(f"io->out[{index}] = {self.expressions.text(scope, 2)};")
            scope.places += world.fresh
            world.fresh.clear()
        lines += self._digest(scope)
        return self._whole(f"static int {name}(struct io *io)", [*lines, "return 0;"])

    def _digest(self, scope: Scope) -> list[str]:
        """Let every variable count: a wrong one is not to stay hidden."""
        places = [place for place in scope.places if not place.only_clang]
        last = f"io->out[{OUTPUTS - 1}]"
        return [f"{last} = {last} * 31 + (u64){place.text};" for place in places[:40]]

    def _function(self) -> None:
        world, scope = self.world, Scope()
        name = world.name("f")
        kinds: list[str] = [*FIXED, "_Bool", *(f"{t} *" for t in ("u32", "s64", "u8"))]
        by_value = [f"struct {record.name}" for record in world.records]
        kinds += [*by_value, *by_value, *(f"{kind} *" for kind in by_value)]
        types = tuple(self.pick(kinds) for _ in range(self.pick((1, 2, 3))))
        result = self.pick((*FIXED, "_Bool", *by_value, *by_value))
        declared = []
        for type_ in types:
            parameter = world.name("p")
            declared.append(f"{type_} {parameter}")
            self._bind(scope, parameter, type_)
        if not scope.places:
            scope.places.append(Place(f"{name}_z", "u32"))
        world.budget, world.stateful = OPERATORS // 4, False
        lines = [f"u32 {name}_z = 3;", *self.statements.objects(scope)]
        lines += self.statements.some(scope, 2, self.pick((1, 2, 3)))
        given = self.expressions.argument(scope, 2, result)
        if self.pick((False, True)):
            other = self.expressions.argument(scope, 1, result)
            lines.append(f"if ({self.expressions.text(scope, 2)}) return {other};")
        lines.append(f"return {given};")
        world.fresh.clear()
        # LLVM's BPF cannot pass or return structures.
        outlined = not any(t in by_value for t in (*types, result)) and self.pick((False, True))
        how = "static __attribute__((noinline))" if outlined else "static inline"
        head = f"{how} {result} {name}({', '.join(declared)})"
        world.text.append(self._whole(head, lines))
        world.functions.append(Function(name, types, result))

    def _bind(self, scope: Scope, name: str, type_: str) -> None:
        """Let the function use a parameter."""
        if not type_.startswith("struct"):
            if type_.endswith("*"):
                scope.pointers.append((name, type_.removesuffix(" *")))
            else:
                scope.places.append(Place(name, type_))
            return
        record = self.expressions.record(type_)
        if type_.endswith("*"):
            scope.pointers.append((name, f"struct {record.name}"))
        else:
            scope.places += record.inside(f"{name}.")
            scope.records.append((name, record))

    def _whole(self, head: str, lines: list[str]) -> str:
        """A function with the variables its expressions want."""
        body = "\n\t".join([*self.world.scratch, *lines])
        self.world.scratch.clear()
        return f"{head}\n{{\n\t{body}\n}}"
