"""Random C functions whose every result the language defines (with wrapping integers, -fwrapv).

`Generator` writes C from a stream of choices: anything that picks one of several. Hypothesis' draws
serve the fuzzer, so that what differs is made small, a random number generator serves the cases. A
program's ``compute`` reads ``struct io``'s inputs and writes its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

INPUTS, OUTPUTS = 4, 8
IO = f"struct io {{ u64 in[{INPUTS}]; u64 out[{OUTPUTS}]; }};\n"

INTS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "s8": 8, "s16": 16, "s32": 32, "s64": 64}
WIDE = ("u32", "u64", "s32", "s64")
LITERALS = (
    *("0", "1", "-1", "2", "3", "7", "8", "13", "31", "64", "127", "128", "255", "256", "-128"),
    *("0x7fff", "0xffff", "0x10000", "0x7fffffff", "0x80000000u", "0xffffffffu", "-0x7fffffff"),
    *("1LL << 40", "0x7fffffffffffffffLL", "0xffffffffffffffffULL", "0x0123456789abcdefULL"),
)
GUARDS = "".join(
    f"static {t} safe_{t}({t} b) {{ return b == 0 || b == ({t})-1 ? 1 : b; }}\n" for t in WIDE
)


@dataclass
class Record:
    """A structure of the program."""

    name: str
    text: str
    scalars: list[str] = field(default_factory=list)
    """Members that are integers, as they are written behind the dot."""


@dataclass
class Scope:
    """What a function may use."""

    readable: list[str] = field(default_factory=list)
    writable: list[str] = field(default_factory=list)
    records: list[tuple[str, Record]] = field(default_factory=list)
    """Variables that are structures."""


class Generator:
    """Writes one program."""

    def __init__(self, pick: Callable[[Sequence[Any]], Any]) -> None:
        self._pick = pick
        self._serial = 0
        self._records: list[Record] = []
        self._functions: list[tuple[str, int, bool]] = []  # name, arity, inlined
        self.text = IO + GUARDS

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; the first is the simplest."""
        return self._pick(options)  # type: ignore[no-any-return]

    def name(self, prefix: str) -> str:
        """A name that is new in this program."""
        self._serial += 1
        return f"{prefix}_{self._serial}"

    def program(self) -> str:
        """The whole text: structures, functions, and ``compute``."""
        for _ in range(self.pick((0, 1, 2))):
            self._record()
        for _ in range(self.pick((0, 1, 2))):
            self._function()
        scope = Scope()
        lines = []
        for index in range(INPUTS):
            variable = self.name("v")
            lines.append(f"{self.pick(tuple(INTS))} {variable} = io->in[{index}];")
            scope.readable.append(variable)
            scope.writable.append(variable)
        lines += self._locals(scope)
        lines += self.statements(scope, 3, self.pick((1, 2, 4, 6)))
        for index in range(OUTPUTS):
            lines.append(f"io->out[{index}] = {self.expression(scope, 2)};")
        body = "\n\t".join(lines)
        self.text += f"static int compute(struct io *io)\n{{\n\t{body}\n\treturn 0;\n}}\n"
        return self.text

    # ------------------------------------------------------------ declarations

    def _record(self) -> None:
        record = Record(self.name("r"), "")
        members = [self._member(record) for _ in range(self.pick((2, 3, 5)))]
        packed = self.pick(("", " __attribute__((packed))"))
        record.text = f"struct {record.name} {{ {' '.join(members)} }}{packed};\n"
        self.text += record.text
        self._records.append(record)

    def _member(self, record: Record) -> str:
        name, type_ = self.name("m"), self.pick(tuple(INTS))
        kind = self.pick(("plain", "bits", "bits", "array", "nested", "union"))
        if kind == "bits":
            width = self.pick(tuple(range(1, INTS[type_] + 1)))
            record.scalars.append(name)
            return f"{type_} {name} : {width};"
        if kind == "array":
            record.scalars += [f"{name}[{index}]" for index in range(3)]
            return f"{type_} {name}[3];"
        if kind == "nested" and self._records:
            inner = self.pick(self._records)
            record.scalars += [f"{name}.{scalar}" for scalar in inner.scalars]
            return f"struct {inner.name} {name};"
        if kind == "union":
            other = self.pick(tuple(INTS))
            record.scalars += [f"{name}.a", f"{name}.b"]
            return f"union {{ {type_} a; {other} b; }} {name};"
        record.scalars.append(name)
        return f"{type_} {name};"

    def _function(self) -> None:
        arity = self.pick((1, 2, 3))
        name, result = self.name("f"), self.pick(tuple(INTS))
        parameters = [(self.pick(tuple(INTS)), self.name("p")) for _ in range(arity)]
        variables = [parameter for _, parameter in parameters]
        scope = Scope([*variables], [*variables])
        lines = [*self._locals(scope), *self.statements(scope, 2, self.pick((1, 2, 3)))]
        lines.append(f"return {self.expression(scope, 3)};")
        outlined = self.pick(("", "__attribute__((noinline)) "))
        declared = ", ".join(f"{type_} {parameter}" for type_, parameter in parameters)
        body = "\n\t".join(lines)
        self.text += f"static {outlined}{result} {name}({declared})\n{{\n\t{body}\n}}\n"
        self._functions.append((name, arity, not outlined))

    def _locals(self, scope: Scope) -> list[str]:
        """Declare a few variables and objects, all initialised."""
        lines = []
        for _ in range(self.pick((1, 2))):
            variable, type_ = self.name("v"), self.pick((*INTS, "_Bool"))
            lines.append(f"{type_} {variable} = {self.expression(scope, 1)};")
            scope.readable.append(variable)
            scope.writable.append(variable)
        if self.pick((False, True)):
            array, type_ = self.name("a"), self.pick(tuple(INTS))
            values = ", ".join(self.expression(scope, 1) for _ in range(3))
            lines.append(f"{type_} {array}[4] = {{ {values} }};")
            elements = [f"{array}[{index}]" for index in range(4)]
            scope.readable += elements
            scope.writable += elements
        for record in self._records if self.pick((True, False)) else []:
            variable = self.name("s")
            lines.append(f"struct {record.name} {variable} = {{}};")
            members = [f"{variable}.{scalar}" for scalar in record.scalars]
            lines += [f"{m} = {self.expression(scope, 1)};" for m in members[:3]]
            scope.readable += members
            scope.writable += members
            scope.records.append((variable, record))
        return lines

    # ------------------------------------------------------------ statements

    def statements(self, scope: Scope, depth: int, count: int) -> list[str]:
        """Some statements, blocks up to ``depth`` inside each other."""
        return [self._statement(scope, depth) for _ in range(count)]

    def _statement(self, scope: Scope, depth: int) -> str:
        kinds: tuple[str, ...] = ("assign", "compound", "step", "copy", "literal")
        if depth > 0:
            kinds += ("if", "for", "switch", "while", "block", "goto")
        return _STATEMENTS[self.pick(kinds)](self, scope, depth)

    def _assign(self, scope: Scope, _depth: int) -> str:
        return f"{self.pick(scope.writable)} = {self.expression(scope, 3)};"

    def _compound(self, scope: Scope, _depth: int) -> str:
        target = self.pick(scope.writable)
        operator = self.pick(("+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>=", "/=", "%="))
        value = self.expression(scope, 2)
        if operator in ("<<=", ">>="):
            return f"{target} {operator} ({value}) & 7;"
        if operator in ("/=", "%="):
            return f"{target} {operator} safe_{self.pick(WIDE)}({value});"
        return f"{target} {operator} {value};"

    def _step(self, scope: Scope, _depth: int) -> str:
        return self.pick(("{}++;", "--{};", "{}--;", "++{};")).format(self.pick(scope.writable))

    def _copy(self, scope: Scope, depth: int) -> str:
        """Copy a structure through a pointer, as a whole."""
        if not scope.records:
            return self._assign(scope, depth)
        variable, record = self.pick(scope.records)
        kind = f"struct {record.name}"
        other = self.name("t")
        member = self.pick(record.scalars)
        return (
            f"{{ {kind} {other} = {variable}, *p = &{variable}; "
            f"{other}.{member} = {self.expression(scope, 2)}; *p = {other}; }}"
        )

    def _literal(self, scope: Scope, _depth: int) -> str:
        """Use a compound literal and a statement expression."""
        target, element = self.pick(scope.writable), self.pick((0, 1, 2))
        values = ", ".join(self.expression(scope, 1) for _ in range(2))
        return f"{target} = ({{ u32 *p = (u32[3]){{ [1] = {values} }}; p[{element}] + 1; }});"

    def _if(self, scope: Scope, depth: int) -> str:
        then = self._braced(scope, depth)
        other = f" else {self._braced(scope, depth)}" if self.pick((False, True)) else ""
        return f"if ({self.expression(scope, 2)}) {then}{other}"

    def _for(self, scope: Scope, depth: int) -> str:
        counter = self.name("i")
        inner = Scope([*scope.readable, counter], scope.writable, scope.records)
        leave = self.pick(("", f" if ({self.expression(inner, 1)}) break;", " continue;"))
        body = " ".join(self.statements(inner, depth - 1, 2))
        bound = self.pick((1, 2, 4))
        return f"for (int {counter} = 0; {counter} < {bound}; {counter}++) {{ {body}{leave} }}"

    def _while(self, scope: Scope, depth: int) -> str:
        left = self.name("n")
        body = " ".join(self.statements(scope, depth - 1, 1))
        if self.pick((False, True)):
            return f"{{ int {left} = 3; while ({left}-- > 0) {{ {body} }} }}"
        return f"{{ int {left} = 3; do {{ {body} }} while (--{left} > 0); }}"

    def _switch(self, scope: Scope, depth: int) -> str:
        arms = []
        for label in ("case 0:", "case 1 ... 5:", "case 200:", "default:"):
            body = " ".join(self.statements(scope, depth - 1, 1))
            arms.append(f"{label} {body}{self.pick((' break;', ''))}")
        return f"switch (({self.expression(scope, 2)}) & 255) {{ {' '.join(arms)} }}"

    def _block(self, scope: Scope, depth: int) -> str:
        return self._braced(scope, depth)

    def _goto(self, scope: Scope, depth: int) -> str:
        label = self.name("l")
        skipped = " ".join(self.statements(scope, depth - 1, 1))
        return f"if ({self.expression(scope, 1)}) goto {label}; {skipped} {label}: ;"

    def _braced(self, scope: Scope, depth: int) -> str:
        return f"{{ {' '.join(self.statements(scope, depth - 1, self.pick((1, 2))))} }}"

    # ------------------------------------------------------------ expressions

    def expression(self, scope: Scope, depth: int) -> str:
        """An expression without side effects, in parentheses where it needs them."""
        kinds: tuple[str, ...] = ("variable", "literal")
        if depth > 0:
            kinds += ("binary", "binary", "shift", "divide", "compare", "unary", "cast")
            kinds += ("choice", "logic", "call", "builtin", "comma", "element")
        return _EXPRESSIONS[self.pick(kinds)](self, scope, depth - 1)

    def _variable(self, scope: Scope, _depth: int) -> str:
        return self.pick(scope.readable) if scope.readable else self.pick(LITERALS[:3])

    def _number(self, _scope: Scope, _depth: int) -> str:
        return f"({self.pick(LITERALS)})"

    def _binary(self, scope: Scope, depth: int) -> str:
        operator = self.pick(("+", "-", "*", "&", "|", "^"))
        return f"({self.expression(scope, depth)} {operator} {self.expression(scope, depth)})"

    def _shift(self, scope: Scope, depth: int) -> str:
        left, by = self.expression(scope, depth), self.expression(scope, depth)
        return f"({left} {self.pick(('<<', '>>'))} (({by}) & 31))"

    def _divide(self, scope: Scope, depth: int) -> str:
        type_, operator = self.pick(WIDE), self.pick(("/", "%"))
        left, right = self.expression(scope, depth), self.expression(scope, depth)
        return f"(({type_}){left} {operator} safe_{type_}({right}))"

    def _compare(self, scope: Scope, depth: int) -> str:
        operator = self.pick(("<", ">", "<=", ">=", "==", "!="))
        return f"({self.expression(scope, depth)} {operator} {self.expression(scope, depth)})"

    def _unary(self, scope: Scope, depth: int) -> str:
        return f"({self.pick(('-', '~', '!'))}{self.expression(scope, depth)})"

    def _cast(self, scope: Scope, depth: int) -> str:
        return f"(({self.pick((*INTS, '_Bool'))}){self.expression(scope, depth)})"

    def _choice(self, scope: Scope, depth: int) -> str:
        condition, then = self.expression(scope, depth), self.expression(scope, depth)
        if self.pick((False, True)):
            return f"({condition} ?: {then})"
        return f"({condition} ? {then} : {self.expression(scope, depth)})"

    def _logic(self, scope: Scope, depth: int) -> str:
        operator = self.pick(("&&", "||"))
        return f"({self.expression(scope, depth)} {operator} {self.expression(scope, depth)})"

    def _comma(self, scope: Scope, depth: int) -> str:
        return f"((void){self.expression(scope, depth)}, {self.expression(scope, depth)})"

    def _call(self, scope: Scope, depth: int) -> str:
        if not self._functions:
            return self._binary(scope, depth)
        name, arity, _ = self.pick(self._functions)
        arguments = ", ".join(self.expression(scope, depth) for _ in range(arity))
        return f"{name}({arguments})"

    def _builtin(self, scope: Scope, depth: int) -> str:
        form = self.pick(
            (
                "__builtin_bswap16({})",
                "__builtin_bswap32({})",
                "__builtin_bswap64({})",
                "__builtin_popcountll({})",
                "__builtin_clz(({}) | 1)",
                "__builtin_ctzll(({}) | 1ULL << 63)",
                "__builtin_ffs({})",
                "__builtin_parity({})",
                "__builtin_expect(!!({}), 1)",
            )
        )
        return form.format(self.expression(scope, depth))

    def _element(self, scope: Scope, depth: int) -> str:
        """An element of a constant table at an index that is not known."""
        type_ = self.pick(tuple(INTS))
        index = self.expression(scope, depth)
        return f"({{ static const {type_} table[4] = {{ 1, 200, 3, 77 }}; table[({index}) & 3]; }})"


_STATEMENTS: dict[str, Callable[[Generator, Scope, int], str]] = {
    "assign": Generator._assign,
    "compound": Generator._compound,
    "step": Generator._step,
    "copy": Generator._copy,
    "literal": Generator._literal,
    "if": Generator._if,
    "for": Generator._for,
    "switch": Generator._switch,
    "while": Generator._while,
    "block": Generator._block,
    "goto": Generator._goto,
}
_EXPRESSIONS: dict[str, Callable[[Generator, Scope, int], str]] = {
    "variable": Generator._variable,
    "literal": Generator._number,
    "binary": Generator._binary,
    "shift": Generator._shift,
    "divide": Generator._divide,
    "compare": Generator._compare,
    "unary": Generator._unary,
    "cast": Generator._cast,
    "choice": Generator._choice,
    "logic": Generator._logic,
    "call": Generator._call,
    "builtin": Generator._builtin,
    "comma": Generator._comma,
    "element": Generator._element,
}
