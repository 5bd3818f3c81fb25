"""Structures, tables and globals of a generated program, and initialisers of every form."""

from __future__ import annotations

from collections.abc import Callable

from .world import FIXED, INTS, Member, Place, Record, World

Expression = Callable[[], str]


def define_enum(world: World) -> None:
    """An enumeration; its name can stand for a 32-bit type."""
    low = world.pick(("0", "-3"))
    name = world.name("e")
    world.text.append(f"enum {name} {{ {name}_a, {name}_b = {low}, {name}_c = 9 }};")
    signed = low.startswith("-")
    world.globals.append(Place(f"{name}_v", "s32" if signed else "u32", aligned=False))
    world.text.append(f"static enum {name} {name}_v = {name}_c;")


def define_globals(world: World) -> None:
    """Objects of static storage: numbers that keep what a run leaves, and tables."""
    for _ in range(world.pick((0, 1, 2))):
        type_, name = world.pick(FIXED), world.name("g")
        world.text.append(f"static {type_} {name}{world.pick(('', ' = 77', ' = -5'))};")
        world.globals.append(Place(name, type_))
    for _ in range(world.pick((0, 1))):
        type_, name = world.pick(FIXED), world.name("t")
        how = world.pick(("static const ", "static "))
        values = world.pick(
            ("1, 200, 3, -77", "[2] = 5, 6", "[0 ... 2] = 9, 4", "0x7f, 'x', sizeof(u64)")
        )
        world.text.append(f"{how}{type_} {name}[4] = {{ {values} }};")
        world.tables.append((name, type_, 4))


def define_record(world: World) -> None:
    """A structure."""
    name = world.name("r")
    members = [_member(world) for _ in range(world.pick((1, 2, 3, 5)))]
    packed = world.pick((False, True))
    attribute = " __attribute__((packed))" if packed else ""
    text = " ".join(member.text for member in members)
    world.text.append(f"struct {name} {{ {text} }}{attribute};")
    world.records.append(Record(name, members, packed))


def _member(world: World) -> Member:
    kinds = ("plain", "bits", "bits", "bits", "array", "matrix", "nested", "union", "anonymous")
    return _MEMBERS[world.pick(kinds)](world, world.name("m"), world.pick(FIXED))


def _plain(world: World, name: str, type_: str) -> Member:
    aligned = world.pick(("", "", " __attribute__((aligned(8)))"))
    places = [Place(name, type_)]
    return Member(name, f"{type_} {name}{aligned};", places, places)


def _bits(world: World, name: str, type_: str) -> Member:
    type_ = world.pick((type_, type_, type_, "_Bool"))
    width = world.pick(range(1, INTS[type_][0] + 1))
    before = world.pick(("", "", "", f"{type_} : 0; " if type_ != "_Bool" else ""))
    places = [Place(name, type_, width)]
    return Member(name, f"{before}{type_} {name} : {width};", places, places)


def _array(_world: World, name: str, type_: str) -> Member:
    places = [Place(f"{name}[{index}]", type_) for index in range(4)]
    return Member(name, f"{type_} {name}[4];", places, places, array=(type_, 4))


def _matrix(_world: World, name: str, type_: str) -> Member:
    places = [Place(f"{name}[{row}][{column}]", type_) for row in range(2) for column in range(2)]
    return Member(name, f"{type_} {name}[2][2];", places, places)


def _nested(world: World, name: str, type_: str) -> Member:
    fitting = [record for record in world.records if len(record.places) <= 6]
    if not fitting:
        return _plain(world, name, type_)
    inner = world.pick(fitting)
    first = [
        place.inside(f"{name}.", aligned=not inner.packed)
        for member in inner.members
        for place in member.first
    ]
    return Member(name, f"struct {inner.name} {name};", inner.inside(f"{name}."), first)


def _union(world: World, name: str, type_: str) -> Member:
    other = world.pick([t for t in FIXED if INTS[t][0] <= INTS[type_][0]])
    width = world.pick(range(1, INTS[other][0] + 1))
    first = Place(f"{name}.a", type_)
    places = [first, Place(f"{name}.b", other), Place(f"{name}.c", other, width)]
    places.append(Place(f"{name}.d[0]", "u8"))
    text = f"union {{ {type_} a; {other} b; {other} c : {width}; u8 d[1]; }} {name};"
    return Member(name, text, places, [first])


def _anonymous(world: World, name: str, type_: str) -> Member:
    other = world.pick(FIXED)
    width = world.pick(range(1, INTS[other][0] + 1))
    places = [Place(f"{name}_x", type_), Place(f"{name}_y", other, width)]
    inner = f"struct {{ {type_} {name}_x; {other} {name}_y : {width}; }};"
    if world.pick((False, True)):
        seen = [*places, Place(f"{name}_z", "u8")]
        return Member("", f"union {{ {inner} u8 {name}_z; }};", seen, places)
    return Member("", inner, places, places)


_MEMBERS = {
    "plain": _plain,
    "bits": _bits,
    "array": _array,
    "matrix": _matrix,
    "nested": _nested,
    "union": _union,
    "anonymous": _anonymous,
}


def initialiser(world: World, record: Record, expression: Expression) -> str:
    """Braces for a structure: every value once, what is not named is 0."""
    parts = []
    for member in record.members:
        form = world.pick(("none", "one", "one", "braces"))
        if form == "none":
            continue
        if form == "braces" and member.array is not None:
            values = world.pick(("{v}", "{v}, {w}", "[2] = {v}, {w}", "[1 ... 2] = 7, [0] = {w}"))
            parts.append(f".{member.name} = {{ {values.format(v=expression(), w=expression())} }}")
        else:
            parts.append(f".{world.pick(member.first).text} = {expression()}")
    return f"{{ {', '.join(parts)} }}"
