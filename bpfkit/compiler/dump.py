"""The tree as S-expressions, for debugging and for tests: compact, one statement a line.

    (return (cast long (load (member (deref (load p)) f))))

Names of C types are C's own, as far as they fit on a line.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import tree as t
from .ctype import Array, Enum, Float, Function, Int, Pointer, Qual, Record, Type, Typedef


def type_name(type_: Type) -> str:
    """``type_`` as a C type name, roughly: declarators are written from the inside out."""
    match type_:
        case Int() | Float() | Typedef():
            return type_.name
        case Record():
            return f"{type_.kind} {type_.name or '(anonymous)'}"
        case Enum():
            return f"enum {type_.name or '(anonymous)'}"
        case Pointer():
            space = f" space({type_.address_space})" if type_.address_space else ""
            return f"{type_name(type_.to)}{space}*"
        case Array():
            bounds = ""
            element: Type = type_
            while isinstance(element, Array):
                bounds += f"[{'' if element.count is None else element.count}]"
                element = element.of
            return type_name(element) + bounds
        case Qual():
            words = [w for w, on in (("const", type_.const), ("volatile", type_.volatile)) if on]
            return " ".join([*words, type_name(type_.to)])
        case Function():
            params = [type_name(p) for p in type_.params] + ["..."] * type_.variadic
            return f"{type_name(type_.result)}({', '.join(params)})"
    return "void"


def dump_expr(e: t.Expr) -> str:
    """One expression."""
    match e:
        case t.IntLit():
            return f"{e.value}{_suffix(e.type)}"
        case t.StrLit():
            return f"{e.data!r}"
        case t.DeclRef():
            return e.decl.name
        case t.Member():
            return f"(. {dump_expr(e.base)} {e.field.name or '<anonymous>'})"
        case t.CompoundLiteral():
            return f"(literal {type_name(e.type)} {dump_expr(e.init)})"
        case t.Cast():
            return f"({'cast!' if e.explicit else 'cast'} {_quoted(e.type)} {dump_expr(e.operand)})"
        case t.Unary() | t.Binary() | t.Logical():
            return _form(e.op, *_operands(e))
        case t.CompoundAssign():
            return _form(f"{e.op}=:{type_name(e.compute)}", e.lvalue, e.value)
        case t.IncDec():
            return _form(e.op + "x" if e.prefix else "x" + e.op, e.lvalue)
        case t.HelperCall():
            return _form(f"helper {e.number} {e.name}", *e.args)
        case t.Builtin():
            constants = "".join(f" #{c}" for c in e.constants)
            return _form(f"{e.name}{constants}", *e.args)
        case t.StmtExpr():
            return f"(stmtexpr {' '.join(line.strip() for line in dump_stmt(e.body))})"
        case t.InitList():
            return "{" + ", ".join(map(_init, e.entries)) + "}"
        case t.MapAddress():
            return f"(map {e.map.name})"
    return _form(_WORDS[type(e)], *_operands(e))


_WORDS: dict[type[t.Expr], str] = {
    t.Index: "index",
    t.Deref: "deref",
    t.Load: "load",
    t.AddrOf: "addr",
    t.Decay: "decay",
    t.Comma: "comma",
    t.Assign: "=",
    t.Conditional: "?",
    t.BinaryConditional: "?:",
    t.Call: "call",
}


def _operands(e: t.Expr) -> Iterator[t.Expr]:
    names: tuple[str, ...] = e.__match_args__
    for name in names[2:]:
        held = getattr(e, name)
        if isinstance(held, t.Expr):
            yield held
        elif isinstance(held, list):
            yield from held


def _form(head: str, *operands: t.Expr) -> str:
    return f"({' '.join([head, *map(dump_expr, operands)])})"


def _suffix(type_: Type) -> str:
    name = type_name(type_)
    return "" if name == "int" else f":{_quoted(type_)}"


def _quoted(type_: Type) -> str:
    name = type_name(type_)
    return f"<{name}>" if " " in name else name


def _init(entry: t.Init) -> str:
    bits = f":{entry.field.bit_offset}+{entry.field.bit_width}" if entry.field else ""
    return f"{entry.offset}{bits}={dump_expr(entry.value)}"


def dump_stmt(s: t.Stmt, indent: int = 0) -> list[str]:
    """The lines of a statement."""
    pad = "  " * indent
    match s:
        case t.Compound():
            inner = [line for child in s.body for line in dump_stmt(child, indent + 1)]
            return [f"{pad}{{", *inner, f"{pad}}}"]
        case t.ExprStmt():
            return [f"{pad}{dump_expr(s.expr)}"]
        case t.DeclStmt():
            return [f"{pad}{dump_var(var)}" for var in s.vars] or [f"{pad}(declare)"]
        case t.Return():
            return [f"{pad}(return{' ' + dump_expr(s.value) if s.value else ''})"]
        case t.Goto():
            return [f"{pad}(goto {s.label})"]
        case t.Asm():
            operands = " ".join(map(dump_expr, [*s.outputs, *s.inputs]))
            return [f"{pad}(asm {s.constraints!r} {operands})"]
        case t.Break():
            return [f"{pad}(break)"]
        case t.Continue():
            return [f"{pad}(continue)"]
    head, bodies = _head(s)
    return [f"{pad}({head}", *(x for b in bodies for x in dump_stmt(b, indent + 1)), f"{pad})"]


def _head(s: t.Stmt) -> tuple[str, list[t.Stmt]]:
    hint = getattr(s, "hint", None)
    suffix = f" unroll={hint.unroll}" if hint else ""
    match s:
        case t.If():
            return f"if {dump_expr(s.condition)}", [s.then, *([s.otherwise] if s.otherwise else [])]
        case t.While():
            return f"while {dump_expr(s.condition)}{suffix}", [s.body]
        case t.DoWhile():
            return f"do-while {dump_expr(s.condition)}{suffix}", [s.body]
        case t.For():
            init = " ".join(line.strip() for line in dump_stmt(s.init)) if s.init else "-"
            parts = [dump_expr(part) if part else "-" for part in (s.condition, s.step)]
            return f"for {init} {' '.join(parts)}{suffix}", [s.body]
        case t.Switch():
            return f"switch {dump_expr(s.condition)}", [s.body]
        case t.Case():
            return f"case {s.low}" + (f"...{s.high}" if s.high != s.low else ""), [s.body]
        case t.Default():
            return "default", [s.body]
        case t.Label():
            return f"label {s.name}", [s.body]
    raise TypeError(f"no form for {s!r}")


def dump_var(var: t.VarDecl) -> str:
    """A declaration on one line."""
    words = [f"({var.storage}", var.name, _quoted(var.type)]
    if var.owner:
        words.append(f"in={var.owner}")
    if var.section:
        words.append(f"section={var.section}")
    if var.init is not None:
        words.append(dump_expr(var.init))
    return " ".join(words) + ")"


def dump_function(function: t.FunctionDecl) -> str:
    """A function with its body."""
    params = ", ".join(f"{type_name(p.type)} {p.name}" for p in function.params)
    flags = ("static", "inline", "always_inline", "noinline", "weak")
    words = [flag for flag in flags if getattr(function, flag)]
    head = " ".join([*words, type_name(function.type.result), f"{function.name}({params})"])
    section = f" section={function.section}" if function.section else ""
    body = dump_stmt(function.body) if function.body else [";"]
    return "\n".join([head + section, *body])
