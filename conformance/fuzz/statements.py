"""Random statements and the declarations of a function's objects."""

from __future__ import annotations

from .expressions import Expressions
from .objects import initialiser
from .world import FIXED, INTS, PLAIN, WIDE, Place, Record, Scope, World

SIMPLE = (
    *("assign", "assign", "compound", "compound", "step", "copy", "store", "element"),
    *("through", "call", "memory", "declare"),
)
BLOCKS = ("if", "if", "for", "while", "switch", "block", "goto", "walk")


class Statements:
    """Writes statements for one program."""

    def __init__(self, world: World, expressions: Expressions) -> None:
        self.world = world
        self.pick = world.pick
        self.expressions = expressions

    def some(self, scope: Scope, depth: int, count: int) -> list[str]:
        """Some statements, blocks up to ``depth`` inside each other."""
        return [self.one(scope, depth) for _ in range(count)]

    def one(self, scope: Scope, depth: int) -> str:
        """A statement; what it changed by the way may be read from now on."""
        kinds = SIMPLE + (BLOCKS if depth > 0 and self.world.budget > 0 else ())
        text = _STATEMENTS[self.pick(kinds)](self, scope, depth)
        scope.places += self.world.fresh
        self.world.fresh.clear()
        return text

    def text(self, scope: Scope, depth: int) -> str:
        """An expression."""
        return self.expressions.text(scope, depth)

    # ------------------------------------------------------------ declarations

    def objects(self, scope: Scope) -> list[str]:
        """Declare what a function computes with, all of it initialised."""
        lines = [self._declare(scope, 0) for _ in range(self.pick((1, 2, 3)))]
        for record in self.world.records:
            if self.pick((True, False)):
                lines.append(self._declare_record(scope, record))
        if self.pick((False, True)):
            lines.append(self._declare_array(scope))
        if self.pick((False, False, True)):
            lines.append(self._declare_matrix(scope))
        lines += [self._declare_pointer(scope) for _ in range(self.pick((0, 1, 2)))]
        scope.places += self.world.fresh
        self.world.fresh.clear()
        return lines

    def _declare(self, scope: Scope, _depth: int) -> str:
        name, type_ = self.world.name("v"), self.pick((*PLAIN, "_Bool"))
        how = self.pick(("", "", "", "volatile ", "register ", "static "))
        if not self.world.stateful:
            how = how.replace("static ", "volatile ")
        value = self.text(scope, 2) if how != "static " else self.pick(("7", "-1", "1 << 5"))
        scope.places.append(Place(name, type_, aligned=how == ""))
        return f"{how}{type_} {name} = {value};"

    def _declare_record(self, scope: Scope, record: Record) -> str:
        name = self.world.name("s")
        how = self.pick(("", "", "", "static ")) if self.world.stateful else ""
        values = initialiser(
            self.world, record, lambda: self.text(scope, 1) if not how else self.pick(("3", "-4"))
        )
        scope.places += record.inside(f"{name}.")
        scope.records.append((name, record))
        return f"{how}struct {record.name} {name} = {values};"

    def _declare_array(self, scope: Scope) -> str:
        name, type_ = self.world.name("a"), self.pick(FIXED)
        first, second = self.text(scope, 1), self.text(scope, 1)
        form = self.pick(("{a}, {b}", "[2] = {a}, {b}", "[1 ... 2] = 7, [0] = {b}", "1, 2, 3, 4"))
        scope.arrays.append((name, type_, 4))
        scope.places += [Place(f"{name}[{index}]", type_) for index in (0, 3)]
        return f"{type_} {name}[4] = {{ {form.format(a=first, b=second)} }};"

    def _declare_matrix(self, scope: Scope) -> str:
        name, type_ = self.world.name("a"), self.pick(FIXED)
        value = self.text(scope, 1)
        form = self.pick(("{{ {a}, 2 }}, {{ 3 }}", "1, {a}, 3", "[1][0] = {a}", "[1] = {{ {a} }}"))
        scope.places += [Place(f"{name}[{row}][{i}]", type_) for row in (0, 1) for i in (0, 1)]
        scope.arrays += [(f"{name}[1]", type_, 2)]
        return f"{type_} {name}[2][2] = {{ {form.format(a=value)} }};"

    def _declare_pointer(self, scope: Scope) -> str:
        name = self.world.name("p")
        if self.pick((False, True)) and scope.records:
            variable, record = self.pick(scope.records)
            others = [other for other, found in scope.records if found is record]
            target = f"&{variable}"
            if len(others) > 1:
                target = f"({self.text(scope, 1)}) ? &{others[0]} : &{others[1]}"
            scope.pointers.append((name, f"struct {record.name}"))
            return f"struct {record.name} *{name} = {target};"
        places = [place for place in scope.places if place.pointable]
        if not places:
            return ";"
        place = self.pick(places)
        scope.pointers.append((name, place.type))
        return f"{place.type} *{name} = &{place.text};"

    # ------------------------------------------------------------ simple statements

    def _target(self, scope: Scope) -> str:
        place = self.pick(scope.places)
        return place.text

    def _assign(self, scope: Scope, _depth: int) -> str:
        if self.pick((True, True, False)):
            return f"{self._target(scope)} = {self.text(scope, 4)};"
        first, second = self.pick(scope.places), self.pick(scope.places)
        self.world.only_clang |= bool(second.bits)
        return f"{first.text} = {second.text} = {self.text(scope, 3)};"

    def _compound(self, scope: Scope, _depth: int) -> str:
        place = self.pick(scope.places)
        operator = self.pick(("+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>=", "/=", "%="))
        self.world.only_clang |= place.only_clang
        value = self.text(scope, 3)
        if operator in ("<<=", ">>="):
            return f"{place.text} {operator} ({value}) & {63 if place.wide else 31};"
        if operator in ("/=", "%="):
            return f"{place.text} {operator} safe_{self.pick(WIDE)}({value});"
        return f"{place.text} {operator} {value};"

    def _step(self, scope: Scope, _depth: int) -> str:
        return self.pick(("{}++;", "--{};", "{}--;", "++{};")).format(self._target(scope))

    def _copy(self, scope: Scope, depth: int) -> str:
        """Copy a structure as a whole."""
        if not scope.records:
            return self._assign(scope, depth)
        variable, record = self.pick(scope.records)
        kind, other = f"struct {record.name}", self.world.name("t")
        place = self.pick(record.places).text
        value = self.text(scope, 2)
        form = self.pick(
            (
                "{{ {k} {o} = {v}, *p = &{v}; {o}.{m} = {e}; *p = {o}; }}",
                "{{ {k} {o} = {v}; {o}.{m} = {e}; {v} = {c} ? {o} : {v}; }}",
                "{v} = ({{ {k} {o} = {v}; {o}.{m} = {e}; {o}; }});",
                "{{ {k} {o}[2] = {{ {v}, [1] = {v} }}; {o}[1].{m} = {e}; {v} = {o}[{c} & 1]; }}",
                "{{ {k} {o}; __builtin_memcpy(&{o}, &{v}, sizeof({v})); {o}.{m} = {e}; "
                "{v} = {o}; }}",
                "{{ {k} {o}; {o} = {v} = {v}; {v}.{m} = {e}; {v} = *({k} *)(void *)&{o}; }}",
            )
        )
        condition = f"({self.text(scope, 1)})"
        return form.format(k=kind, o=other, v=variable, m=place, e=value, c=condition)

    def _store(self, scope: Scope, depth: int) -> str:
        """Assign a structure."""
        if not scope.records:
            return self._compound(scope, depth)
        variable, record = self.pick(scope.records)
        makers = [f for f in self.world.functions if f.result == f"struct {record.name}"]
        makers = [f for f in makers if not f.takes_pointer]
        if self.pick((True, False)) and makers:
            function = self.pick(makers)
            given = [self.expressions.argument(scope, 1, t) for t in function.parameters]
            return f"{variable} = {function.name}({', '.join(given)});"
        values = initialiser(self.world, record, lambda: self.text(scope, 2))
        return f"{variable} = (struct {record.name}){values};"

    def _element(self, scope: Scope, depth: int) -> str:
        """Write to an array where the index is not known."""
        if not scope.arrays:
            return self._assign(scope, depth)
        name, _, length = self.pick(scope.arrays)
        index = f"({self.text(scope, 1)}) & {length - 1}"
        operator = self.pick(("=", "+=", "^=", "="))
        return f"{name}[{index}] {operator} {self.text(scope, 2)};"

    def _through(self, scope: Scope, depth: int) -> str:
        """Write through a pointer."""
        if not scope.pointers:
            return self._step(scope, depth)
        name, type_ = self.pick(scope.pointers)
        value = self.text(scope, 3)
        if not type_.startswith("struct"):
            form = self.pick(("*{p} = {e};", "{p}[0] += {e};", "(*{p})++;", "*&*{p} ^= {e};"))
            return form.format(p=name, e=value)
        place = self.pick(self.expressions.record(type_).inside(f"{name}->"))
        self.world.only_clang |= place.only_clang
        return f"{place.text} {self.pick(('=', '+=', '^=', '|='))} {value};"

    def _call(self, scope: Scope, depth: int) -> str:
        """Call a function that changes what it is given the address of."""
        taking = [f for f in self.world.functions if f.takes_pointer]
        if not taking:
            return self._assign(scope, depth)
        function = self.pick(taking)
        given = []
        for type_ in function.parameters:
            if not type_.endswith("*"):
                given.append(self.expressions.argument(scope, 1, type_))
                continue
            of = type_.removesuffix(" *")
            if of.startswith("struct"):
                record = self.expressions.record(of)
                fitting = [name for name, found in scope.records if found is record]
            else:
                fitting = [p.text for p in scope.places if p.pointable and p.type == of]
                fitting = [text for text in fitting if text.isidentifier()]
            if not fitting:
                return self._assign(scope, depth)
            given.append(f"&{self.pick(fitting)}")
        call = f"{function.name}({', '.join(given)})"
        if function.result.startswith("struct"):
            places = self.expressions.record(function.result).inside(f"{call}.")
            call = self.world.read(self.pick(places)).text
        return f"{self._target(scope)} = {call};"

    def _memory(self, scope: Scope, depth: int) -> str:
        """Fill or move bytes."""
        if not scope.arrays:
            return self._assign(scope, depth)
        name, type_, length = self.pick(scope.arrays)
        size = INTS[type_][0] // 8 * length
        if self.pick((True, False)):
            byte, count = self.pick((0, 255, 0x5A)), self.pick((size, size // 2, 1))
            return f"__builtin_memset({name}, {byte}, {count});"
        half = size // 2
        return f"__builtin_memcpy((u8 *){name} + {half}, {name}, {half});"

    # ------------------------------------------------------------ blocks

    def _if(self, scope: Scope, depth: int) -> str:
        condition, then = self.text(scope, 3), self._braced(scope, depth)
        other = self.pick(("", "block", "if"))
        if other == "block":
            return f"if ({condition}) {then} else {self._braced(scope, depth)}"
        if other == "if":
            return f"if ({condition}) {then} else {self._if(scope, depth - 1)}" if depth else then
        return f"if ({condition}) {then}"

    def _for(self, scope: Scope, depth: int) -> str:
        counter, inner = self.world.name("i"), scope.inner()
        type_ = self.pick(("int", "u64", "u8", "long"))
        inner.fixed.append(Place(counter, {"int": "s32"}.get(type_, type_)))
        body = " ".join(self.some(inner, min(depth - 1, 1), 2))
        leave = self.pick(("", f" if ({self.text(inner, 1)}) break;", " continue;"))
        if "if" in leave and self.pick((False, True)):
            leave = leave.replace("break", "continue") + f" {self.one(inner, 0)}"
        bound, pragma = self.pick((1, 2, 4)), self.pick(("", "", '_Pragma("unroll") '))
        step = self.pick((f"{counter}++", f"{counter} += 1", f"++{counter}"))
        header = f"{type_} {counter} = 0; {counter} < {bound}; {step}"
        self.world.fresh.clear()
        return f"{pragma}for ({header}) {{ {body}{leave} }}"

    def _while(self, scope: Scope, depth: int) -> str:
        left, inner = self.world.name("n"), scope.inner()
        stop = self.pick(("", f"if ({self.text(inner, 1)}) break; "))
        body = " ".join(self.some(inner, min(depth - 1, 1), 1))
        form = self.pick(
            (
                "{{ int {n} = 3; while ({n}-- > 0) {{ {s}{b} }} }}",
                "{{ int {n} = 3; do {{ {b} }} while (--{n} > 0); }}",
                "{{ int {n} = 0; for (;;) {{ if ({n}++ > 2) break; {s}{b} }} }}",
                "{{ int {n} = 3; for (; {n}; ) {{ {n}--; {s}{b} }} }}",
                "{{ int {n} = 3; while ({n}--) {{ if ({n} == 1) continue; {s}{b} }} }}",
            )
        )
        return form.format(n=left, b=body, s=stop)

    def _switch(self, scope: Scope, depth: int) -> str:
        labels = self.pick(
            (
                ("case 0:", "case 1 ... 5:", "case 200:", "default:"),
                ("default:", "case 3: case 4:", "case 250 ... 255:", "case 0:"),
                ("case 'a':", "case 2 ... 96:", "case 98:"),
            )
        )
        arms = []
        for label in labels:
            body = " ".join(self.some(scope.inner(), depth - 1, 1))
            arms.append(f"{label} {{ {body} }}{self.pick((' break;', ''))}")
        value = self.pick(("({e}) & 255", "(u8)({e})", "({e}) & 7", "{e}"))
        return f"switch ({value.format(e=self.text(scope, 2))}) {{ {' '.join(arms)} }}"

    def _block(self, scope: Scope, depth: int) -> str:
        return self._braced(scope, depth)

    def _goto(self, scope: Scope, depth: int) -> str:
        label, condition = self.world.name("l"), self.text(scope, 2)
        skipped = " ".join(self.some(scope.inner(), depth - 1, 1))
        return f"if ({condition}) goto {label}; {{ {skipped} }} {label}: ;"

    def _walk(self, scope: Scope, depth: int) -> str:
        """Go through an array by a pointer."""
        if not scope.arrays:
            return self._if(scope, depth)
        name, type_, length = self.pick(scope.arrays)
        pointer, target = self.world.name("q"), self.pick(scope.places)
        self.world.only_clang |= target.only_clang
        form = self.pick(
            (
                "for ({t} *{p} = {a}; {p} < {a} + {l}; {p}++) {v} += *{p};",
                "for ({t} *{p} = {a} + {l}; {p} > {a}; ) {v} = {v} * 3 + *--{p};",
                "{{ {t} *{p} = {a}; {v} = *{p}++; {v} += *{p}; {v} += {p} - {a}; }}",
                "{{ {t} *{p} = &{a}[1]; *{p} += {p}[-1]; {v} ^= *--{p}; }}",
            )
        )
        return form.format(t=type_, p=pointer, a=name, l=length, v=target.text)

    def _braced(self, scope: Scope, depth: int) -> str:
        inner = scope.inner()
        return f"{{ {' '.join(self.some(inner, depth - 1, self.pick((1, 2))))} }}"


_STATEMENTS = {
    "assign": Statements._assign,
    "compound": Statements._compound,
    "step": Statements._step,
    "copy": Statements._copy,
    "store": Statements._store,
    "element": Statements._element,
    "through": Statements._through,
    "call": Statements._call,
    "memory": Statements._memory,
    "declare": Statements._declare,
    "if": Statements._if,
    "for": Statements._for,
    "while": Statements._while,
    "switch": Statements._switch,
    "block": Statements._block,
    "goto": Statements._goto,
    "walk": Statements._walk,
}
