"""Random expressions of C whose value is defined, with wrapping integers (-fwrapv).

Whatever changes something changes a variable of its own, which nothing else in the statement
reads, so that no order of evaluation makes a difference.
"""

from __future__ import annotations

from .objects import initialiser
from .world import FIXED, INTS, PLAIN, WIDE, Place, Record, Scope, Value, World

LITERALS = (
    *("0", "1", "-1", "2", "3", "7", "8", "13", "31", "64", "127", "128", "255", "256", "-128"),
    *("0x7fff", "0xffff", "0x10000", "0x7fffffff", "0x80000000u", "0xffffffffu", "-0x7fffffff"),
    *("'a'", "'\\377'", "sizeof(struct io)", "1000003", "0x55555555", "-100000"),
)
WIDE_LITERALS = (
    *("1LL << 40", "0x7fffffffffffffffLL", "0xffffffffffffffffULL", "0x0123456789abcdefULL"),
    *("-1LL", "-0x7fffffffffffffffLL", "1LL << 31", "0x8000000000000000ULL", "5UL"),
)
GUARDS = "".join(
    f"static {t} safe_{t}({t} b) {{ return b == 0 || b == ({t})-1 ? 1 : b; }}\n" for t in WIDE
)
ARITHMETIC = ("+", "-", "*", "&", "|", "^")
COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")
BUILTINS = (
    ("__builtin_bswap16({})", False),
    ("__builtin_bswap32({})", False),
    ("__builtin_bswap64({})", True),
    ("__builtin_popcount({})", False),
    ("__builtin_popcountll({})", False),
    ("__builtin_clz(({}) | 1)", False),
    ("__builtin_clzll(({}) | 1)", False),
    ("__builtin_ctz(({}) | 1u << 31)", False),
    ("__builtin_ctzll(({}) | 1ULL << 63)", False),
    ("__builtin_ffs({})", False),
    ("__builtin_ffsll({})", False),
    ("__builtin_parity({})", False),
    ("__builtin_expect(!!({}), 1)", True),
    ("__builtin_abs({})", False),
    ("({{ typeof({}) same = 5; same; }})", False),
    ("_Generic(({}), u32: 1, u64: 2, s32: 3, s64: 4, default: 5)", False),
    ("__builtin_choose_expr(1, {}, 0)", False),
    ("sizeof({})", True),
)


class Expressions:
    """Writes expressions for one program."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pick = world.pick

    def text(self, scope: Scope, depth: int) -> str:
        """An expression."""
        return self.value(scope, depth).text

    def value(self, scope: Scope, depth: int) -> Value:
        """An expression, operators up to ``depth`` inside each other."""
        kinds: tuple[str, ...] = ("place", "literal")
        if depth > 0 and self.world.budget > 0:
            self.world.budget -= 1
            kinds += ("binary", "binary", "binary", "shift", "shift", "divide", "compare", "unary")
            kinds += ("cast", "cast", "choice", "logic", "comma", "builtin", "call", "element")
            kinds += ("index", "pointer", "scratch", "scratch", "block", "compound", "overflow")
            kinds += ("pun", "int128", "string")
        return _EXPRESSIONS[self.pick(kinds)](self, scope, depth - 1)

    # ------------------------------------------------------------ leaves

    def _place(self, scope: Scope, _depth: int) -> Value:
        places = [*scope.places, *scope.fixed]
        return self.world.read(self.pick(places)) if places else Value("(1)", wide=False)

    def _literal(self, _scope: Scope, _depth: int) -> Value:
        if self.pick((False, False, True)):
            return Value(f"({self.pick(WIDE_LITERALS)})", wide=True)
        literal = self.pick(LITERALS)
        return Value(f"({literal})", wide="sizeof" in literal)

    # ------------------------------------------------------------ operators

    def _binary(self, scope: Scope, depth: int) -> Value:
        left, right = self.value(scope, depth), self.value(scope, depth)
        return Value(f"({left.text} {self.pick(ARITHMETIC)} {right.text})", left.wide or right.wide)

    def _shift(self, scope: Scope, depth: int) -> Value:
        left, operator = self.value(scope, depth), self.pick(("<<", ">>"))
        mask = 63 if left.wide else 31
        by = self.pick((str(mask // 2), "1", str(mask), f"(({self.text(scope, depth)}) & {mask})"))
        return Value(f"({left.text} {operator} {by})", left.wide)

    def _divide(self, scope: Scope, depth: int) -> Value:
        type_, operator = self.pick(WIDE), self.pick(("/", "%"))
        left = self.text(scope, depth)
        by = self.pick(("7", "1", "8", "-3", "1000000007", "safe"))
        if by == "safe":
            by = f"safe_{type_}({self.text(scope, depth)})"
        return Value(f"(({type_}){left} {operator} {by})", INTS[type_][0] == 64)

    def _compare(self, scope: Scope, depth: int) -> Value:
        left, right = self.text(scope, depth), self.text(scope, depth)
        return Value(f"({left} {self.pick(COMPARISONS)} {right})", wide=False)

    def _unary(self, scope: Scope, depth: int) -> Value:
        operand, operator = self.value(scope, depth), self.pick(("-", "~", "!", "+", "!!"))
        return Value(f"({operator}{operand.text})", operand.wide and "!" not in operator)

    def _cast(self, scope: Scope, depth: int) -> Value:
        type_ = self.pick((*PLAIN, "_Bool"))
        return Value(f"(({type_}){self.text(scope, depth)})", INTS[type_][0] == 64)

    def _choice(self, scope: Scope, depth: int) -> Value:
        condition, then = self.value(scope, depth), self.value(scope, depth)
        if self.pick((False, False, True)):
            return Value(f"({condition.text} ?: {then.text})", condition.wide or then.wide)
        other = self.value(scope, depth)
        text = f"({condition.text} ? {then.text} : {other.text})"
        return Value(text, then.wide or other.wide)

    def _logic(self, scope: Scope, depth: int) -> Value:
        left, right = self.text(scope, depth), self.text(scope, depth)
        return Value(f"({left} {self.pick(('&&', '||'))} {right})", wide=False)

    def _comma(self, scope: Scope, depth: int) -> Value:
        right = self.value(scope, depth)
        return Value(f"((void){self.text(scope, depth)}, {right.text})", right.wide)

    def _builtin(self, scope: Scope, depth: int) -> Value:
        form, wide = self.pick(BUILTINS)
        operand = self.value(scope, depth)
        if form.startswith(("({{ typeof", "_Generic", "__builtin_choose", "sizeof")):
            # The type is what counts: that of a bit-field differs between compilers.
            operand = Value(f"+{operand.text}", operand.wide)
            self.world.only_clang |= "." in operand.text or ">" in operand.text
        return Value(f"{form.format(operand.text)}", wide or (operand.wide and "typeof" in form))

    # ------------------------------------------------------------ objects

    def _call(self, scope: Scope, depth: int) -> Value:
        """Call a function for its result, or for a member of it."""
        usable = [f for f in self.world.functions if f.result and not f.takes_pointer]
        if not usable:
            return self._binary(scope, depth)
        function = self.pick(usable)
        given = ", ".join(self.argument(scope, depth, t) for t in function.parameters)
        call = f"{function.name}({given})"
        if not function.result.startswith("struct"):
            return Value(call, INTS[function.result][0] == 64)
        return self.world.read(self.pick(self.record(function.result).places).inside(f"{call}."))

    def record(self, type_: str) -> Record:
        """The structure that ``struct NAME`` is."""
        name = type_.removeprefix("struct ").removesuffix(" *")
        return next(record for record in self.world.records if record.name == name)

    def argument(self, scope: Scope, depth: int, type_: str) -> str:
        """A value of a parameter's type."""
        if not type_.startswith("struct"):
            return self.text(scope, depth)
        record = self.record(type_)
        named = [name for name, found in scope.records if found is record]
        if self.pick((True, False)) and named:
            return self.pick(named)
        values = initialiser(self.world, record, lambda: self.text(scope, 0))
        return f"((struct {record.name}){values})"

    def _element(self, scope: Scope, depth: int) -> Value:
        """An element of a constant table at an index that is not known."""
        index = self.text(scope, depth)
        if self.pick((True, False)) and self.world.tables:
            name, type_, length = self.pick(self.world.tables)
            return Value(f"{name}[({index}) & {length - 1}]", INTS[type_][0] == 64)
        type_ = self.pick(FIXED)
        text = f"static const {type_} table[4] = {{ 1, 200, 3, 77 }}; table[({index}) & 3];"
        return Value(f"({{ {text} }})", INTS[type_][0] == 64)

    def _index(self, scope: Scope, depth: int) -> Value:
        """An element of an array of this function."""
        if not scope.arrays:
            return self._element(scope, depth)
        name, type_, length = self.pick(scope.arrays)
        form = self.pick(("{a}[{i}]", "(*({a} + {i}))", "{i}[{a}]", "(&{a}[{i}])[0]"))
        fixed = str(self.pick(range(length)))
        index = self.pick((fixed, f"(({self.text(scope, depth)}) & {length - 1})"))
        return Value(form.format(a=name, i=index), INTS[type_][0] == 64)

    def _pointer(self, scope: Scope, depth: int) -> Value:
        """What a pointer points to."""
        if not scope.pointers:
            return self._place(scope, depth)
        name, type_ = self.pick(scope.pointers)
        if type_.startswith("struct"):
            places = self.record(type_).inside(f"{name}->")
            return self.world.read(self.pick(places))
        form = self.pick(("(*{p})", "{p}[0]", "({p} != 0)", "(*&*{p})", "({p} - 1 + 1 == {p})"))
        text = form.format(p=name)
        return Value(text, INTS[type_][0] == 64 and "=" not in text)

    def _scratch(self, scope: Scope, depth: int) -> Value:
        """An expression that changes a variable of its own."""
        place = self._scratch_place()
        form = self.pick(("{v}++", "--{v}", "{v}--", "++{v}", "{v} = {e}", "{v} += {e}"))
        form = self.pick((form, form, "{v} -= {e}", "{v} *= {e}", "{v} ^= {e}", "{v} <<= 3"))
        text = form.format(v=place.text, e=self.text(scope, depth))
        self.world.only_clang |= place.bits > 0 and place.wide
        if self.pick((True, False)) and place.bits:
            return Value(f"((u64)({text}))", wide=True)
        # What type an assignment to a bit-field has is not the same everywhere.
        self.world.only_clang |= place.bits > 0
        return Value(f"({text})", place.wide)

    def _scratch_place(self) -> Place:
        world = self.world
        if self.pick((False, True)) and world.records:
            record, name = self.pick(world.records), world.name("w")
            world.scratch.append(f"struct {record.name} {name} = {{}};")
            places = record.inside(f"{name}.")
            world.fresh += places
            return self.pick(places)
        type_, name = self.pick((*FIXED, "_Bool")), world.name("w")
        how = self.pick(("", "", "", "volatile "))
        world.scratch.append(f"{how}{type_} {name} = {self.pick((5, 0, -1, 200))};")
        place = Place(name, type_, aligned=not how)
        world.fresh.append(place)
        return place

    def _block(self, scope: Scope, depth: int) -> Value:
        """A statement expression."""
        name, type_ = self.world.name("b"), self.pick(FIXED)
        value = self.text(scope, depth)
        condition, other = self.text(scope, depth), self.text(scope, depth)
        last = self.pick((f"{name};", f"{name} + 1;", f"({{ {name}; }});", f"*&{name};"))
        text = f"{type_} {name} = {value}; if ({condition}) {name} ^= {other}; {last}"
        return Value(f"({{ {text} }})", INTS[type_][0] == 64)

    def _compound(self, scope: Scope, depth: int) -> Value:
        """A part of a compound literal."""
        if self.pick((True, False)) and self.world.records:
            record = self.pick(self.world.records)
            values = initialiser(self.world, record, lambda: self.text(scope, depth))
            place = self.pick(record.places)
            form = self.pick(("((struct {r}){v}).", "(&(struct {r}){v})->"))
            return self.world.read(place.inside(form.format(r=record.name, v=values)))
        type_ = self.pick(FIXED)
        first, second = self.text(scope, depth), self.text(scope, depth)
        literal = f"(({type_}[4]){{ [1] = {first}, {second} }})[{self.pick(range(4))}]"
        return Value(literal, INTS[type_][0] == 64)

    def _overflow(self, scope: Scope, depth: int) -> Value:
        """The builtins that tell of an overflow."""
        type_ = self.pick(WIDE)
        operation = self.pick(("add", "sub", "mul") if INTS[type_][0] == 32 else ("add", "sub"))
        left, right = self.text(scope, depth), self.text(scope, depth)
        name = self.world.name("o")
        call = f"__builtin_{operation}_overflow(({type_}){left}, ({type_}){right}, &{name})"
        text = f"{type_} {name}; {call} ? {name} + 1 : {name};"
        return Value(f"({{ {text} }})", INTS[type_][0] == 64)

    def _pun(self, scope: Scope, depth: int) -> Value:
        """The bytes of a number, seen as another."""
        big, small = self.pick(("u64", "s64")), self.pick(FIXED)
        value = self.text(scope, depth)
        wide = INTS[small][0] == 64
        if self.pick((True, False)):
            return Value(f"((union {{ {big} a; {small} b; }}){{ .a = {value} }}).b", wide)
        one, two = self.world.name("x"), self.world.name("y")
        copy = f"__builtin_memcpy(&{two}, &{one}, sizeof({two}))"
        return Value(f"({{ {big} {one} = {value}; {small} {two}; {copy}; {two}; }})", wide)

    def _int128(self, scope: Scope, depth: int) -> Value:
        """Arithmetic in 128 bits."""
        type_ = self.pick(("unsigned __int128", "__int128"))
        left, right = self.text(scope, depth), self.text(scope, depth)
        operator, by = self.pick(("+", "-", "&", "|", "^")), self.pick((0, 1, 33, 64, 70))
        return Value(f"((u64)((({type_}){left} {operator} {right}) >> {by}))", wide=True)

    def _string(self, scope: Scope, depth: int) -> Value:
        """A character of a string."""
        index = f"({self.text(scope, depth)}) & 3"
        return Value(self.pick((f'"wxyz"[{index}]', f'(*("a\\377c" + ({index})))')), wide=False)


_EXPRESSIONS = {
    "place": Expressions._place,
    "literal": Expressions._literal,
    "binary": Expressions._binary,
    "shift": Expressions._shift,
    "divide": Expressions._divide,
    "compare": Expressions._compare,
    "unary": Expressions._unary,
    "cast": Expressions._cast,
    "choice": Expressions._choice,
    "logic": Expressions._logic,
    "comma": Expressions._comma,
    "builtin": Expressions._builtin,
    "call": Expressions._call,
    "element": Expressions._element,
    "index": Expressions._index,
    "pointer": Expressions._pointer,
    "scratch": Expressions._scratch,
    "block": Expressions._block,
    "compound": Expressions._compound,
    "overflow": Expressions._overflow,
    "pun": Expressions._pun,
    "int128": Expressions._int128,
    "string": Expressions._string,
}
