"""Our syntax tree: a C translation unit after all that C leaves implicit has been said.

The frontend builds it from libclang's cursors; ``dialect`` rewrites it (bcc's constructs become
plain C nodes), ``provenance`` annotates it, ``lower`` turns it into LLVM IR. Nodes are plain data
and compare by identity, so that a node can be a dictionary key.

The tree is normalised; later stages may rely on these rules:

- Every expression has ``type`` (the C type, sugar kept) and ``loc``. An expression is an *lvalue*
  when its class is one of `LVALUES`; every other expression is a value.
- Nothing is implicit. Reading an lvalue is `Load`; an array or function turning into a pointer is
  `Decay`; every conversion is a `Cast` (``explicit`` tells casts the user wrote from those C
  inserted). Parentheses, generic selections, ``__builtin_choose_expr``, ``__extension__`` and
  constant folding of sizeof/offsetof are gone: sizeof and friends are `IntLit`. Enumeration
  constants are `IntLit`.
- ``p->f`` is ``Member(Deref(p), f)``. ``a[i]`` on an array lvalue is ``Index(a, i)``; ``p[i]`` on
  a pointer is ``Deref(Binary("+", p, i))``. Pointer operand of ``+``/``-`` comes first (``2[p]``
  is turned round), the integer keeps its own (promoted) type. Each anonymous struct or union level
  is its own `Member`.
- An aggregate value (struct copy) is ``Load`` of a record lvalue; consumers copy from the address.
- Initialisers are `InitList` in semantic form (C11 6.7.9 already applied): leaves with byte
  offsets, all other bytes zero.
- Calls to ``__builtin_*``, ``__sync_*`` and ``__atomic_*`` are `Builtin`; ``callee`` of any other
  call is a `DeclRef` of a `FunctionDecl` (not decayed) or a pointer value. A helper declared in
  bcc's and libbpf's way (``static T (*bpf_x)(…) = (void *)N;``) becomes `HelperCall` already in
  the frontend.
- A node appears once in the tree, except under `BinaryConditional`, whose value is one node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .ctype import Field, Function, Record, Type
from .diagnostics import Loc, Rejection

# ---------------------------------------------------------------- declarations


class Storage(StrEnum):
    """Where an object lives."""

    LOCAL = "local"
    STATIC = "static"  # file scope or static local, internal linkage
    GLOBAL = "global"  # file scope, external linkage
    EXTERN = "extern"  # declared here, defined elsewhere (ksym, kfunc, kconfig)


@dataclass(eq=False, slots=True)
class VarDecl:
    """A variable or parameter."""

    name: str
    type: Type
    storage: Storage
    loc: Loc
    init: Expr | None = None  # InitList for aggregates
    section: str = ""  # from SEC()/section attribute, "" for none
    annotations: tuple[str, ...] = ()
    weak: bool = False
    is_param: bool = False
    in_main_file: bool = True
    owner: str = ""  # function of a static local
    align: int = 0  # attribute aligned, in bytes; 0 is what the type asks for
    tags: tuple[str, ...] = ()  # attributes btf_decl_tag("…")
    hidden: bool = False  # not to be seen by other objects
    address_space: int = 0  # 1 for what lies in an arena


@dataclass(eq=False, slots=True)
class FunctionDecl:
    """A function; ``body`` is None for a declaration.

    One of a header that BPF cannot have has no body either: ``refusal`` says why, if it is called.
    """

    name: str
    type: Function
    params: list[VarDecl]
    loc: Loc
    body: Compound | None = None
    static: bool = False
    inline: bool = False
    always_inline: bool = False
    noinline: bool = False
    weak: bool = False
    section: str = ""
    annotations: tuple[str, ...] = ()
    asm_label: str = ""
    in_main_file: bool = True
    tags: tuple[str, ...] = ()  # attributes btf_decl_tag("…")
    hidden: bool = False  # not to be seen by other objects; the verifier takes it for static
    refusal: Rejection | None = None


# ---------------------------------------------------------------- expressions


@dataclass(eq=False, slots=True)
class Expr:
    """Base of expressions."""

    type: Type
    loc: Loc


@dataclass(eq=False, slots=True)
class IntLit(Expr):
    """An integer constant, already within the range of its type."""

    value: int


@dataclass(eq=False, slots=True)
class StrLit(Expr):
    """A string literal: an array lvalue. ``data`` has exactly the bytes of its array type, NUL
    included.
    """

    data: bytes


@dataclass(eq=False, slots=True)
class DeclRef(Expr):
    """A variable (lvalue) or a function (designator)."""

    decl: VarDecl | FunctionDecl


@dataclass(eq=False, slots=True)
class Member(Expr):
    """``base.field``, ``base`` an lvalue of record type (or a value that has an address: a call's
    result).
    """

    base: Expr
    field: Field


@dataclass(eq=False, slots=True)
class Index(Expr):
    """``base[index]``, ``base`` an lvalue of array type."""

    base: Expr
    index: Expr


@dataclass(eq=False, slots=True)
class Deref(Expr):
    """``*pointer``: an lvalue. The only node that goes through a pointer."""

    pointer: Expr


@dataclass(eq=False, slots=True)
class CompoundLiteral(Expr):
    """``(T){…}``: an lvalue with its own storage."""

    init: Expr


@dataclass(eq=False, slots=True)
class Load(Expr):
    """The value of an lvalue."""

    lvalue: Expr


@dataclass(eq=False, slots=True)
class AddrOf(Expr):
    """``&lvalue`` or ``&function``."""

    operand: Expr


@dataclass(eq=False, slots=True)
class Decay(Expr):
    """An array lvalue as pointer to its first element, or a function designator as pointer."""

    operand: Expr


@dataclass(eq=False, slots=True)
class Cast(Expr):
    """A conversion between scalar types, or to void."""

    operand: Expr
    explicit: bool = False


@dataclass(eq=False, slots=True)
class Unary(Expr):
    """``-x``, ``~x``, ``!x`` (``!`` gives int)."""

    op: str
    operand: Expr


@dataclass(eq=False, slots=True)
class Binary(Expr):
    """``* / % + - << >> < > <= >= == != & ^ |``, also pointer arithmetic and comparison."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False, slots=True)
class Logical(Expr):
    """``&&`` or ``||``."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False, slots=True)
class Comma(Expr):
    """``left, right``."""

    left: Expr
    right: Expr


@dataclass(eq=False, slots=True)
class Assign(Expr):
    """``lvalue = value``; its value is what was stored. For records ``value`` is a record value."""

    lvalue: Expr
    value: Expr


@dataclass(eq=False, slots=True)
class CompoundAssign(Expr):
    """``lvalue op= value``: computed in ``compute`` (pointer type for pointers), converted back,
    stored.
    """

    op: str
    lvalue: Expr
    value: Expr
    compute: Type


@dataclass(eq=False, slots=True)
class IncDec(Expr):
    """``++`` and ``--``."""

    op: str  # "++" or "--"
    lvalue: Expr
    prefix: bool


@dataclass(eq=False, slots=True)
class Conditional(Expr):
    """``condition ? then : otherwise``."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(eq=False, slots=True)
class BinaryConditional(Expr):
    """``value ?: otherwise``; ``value`` is evaluated once. Both are converted to ``type`` by the
    user of the node.
    """

    value: Expr
    otherwise: Expr


@dataclass(eq=False, slots=True)
class Call(Expr):
    """A call of a C function, or through a pointer."""

    callee: Expr
    args: list[Expr]


@dataclass(eq=False, slots=True)
class HelperCall(Expr):
    """A call of a BPF helper by number (enum bpf_func_id)."""

    number: int
    name: str
    args: list[Expr]


@dataclass(eq=False, slots=True)
class Builtin(Expr):
    """A compiler builtin by its C name; operands that are types have been folded by the frontend.

    ``constants`` carries what is not an expression (an access kind, a memory order), ``enumerator``
    the name that ``__builtin_preserve_enum_value`` was given.
    """

    name: str
    args: list[Expr]
    constants: tuple[int, ...] = ()
    enumerator: str = ""


@dataclass(eq=False, slots=True)
class StmtExpr(Expr):
    """``({ …; value; })``: the value is that of the last statement's expression."""

    body: Compound


@dataclass(frozen=True, slots=True)
class Init:
    """One leaf of an initialiser: ``value`` of ``type`` at byte ``offset`` (``field`` when it is a
    bit-field).
    """

    offset: int
    type: Type
    value: Expr
    field: Field | None = None


@dataclass(eq=False, slots=True)
class InitList(Expr):
    """A semantic initialiser of an aggregate: in order, later leaves override; every other byte is
    zero.
    """

    entries: list[Init]


@dataclass(eq=False, slots=True)
class MapAddress(Expr):
    """The address of a map, as helpers take it. Made by ``dialect``."""

    map: MapDecl


LVALUES = (DeclRef, Member, Index, Deref, CompoundLiteral, StrLit)

# ---------------------------------------------------------------- statements


@dataclass(eq=False, slots=True)
class Stmt:
    """Base of statements."""

    loc: Loc


@dataclass(eq=False, slots=True)
class Compound(Stmt):
    """``{ … }``."""

    body: list[Stmt]
    end: Loc = field(default_factory=Loc)


@dataclass(eq=False, slots=True)
class ExprStmt(Stmt):
    """An expression for its effects."""

    expr: Expr


@dataclass(eq=False, slots=True)
class DeclStmt(Stmt):
    """Declarations of local objects (static locals included)."""

    vars: list[VarDecl]


@dataclass(eq=False, slots=True)
class If(Stmt):
    """``if``."""

    condition: Expr
    then: Stmt
    otherwise: Stmt | None = None


@dataclass(eq=False, slots=True)
class LoopHint:
    """What a pragma asks of a loop: ``unroll`` is "full", "enable", "disable" or a count."""

    unroll: str | int


@dataclass(eq=False, slots=True)
class While(Stmt):
    """``while``."""

    condition: Expr
    body: Stmt
    hint: LoopHint | None = None


@dataclass(eq=False, slots=True)
class DoWhile(Stmt):
    """``do … while``."""

    body: Stmt
    condition: Expr
    hint: LoopHint | None = None


@dataclass(eq=False, slots=True)
class For(Stmt):
    """``for``; each part may be missing."""

    init: Stmt | None
    condition: Expr | None
    step: Expr | None
    body: Stmt
    hint: LoopHint | None = None


@dataclass(eq=False, slots=True)
class Switch(Stmt):
    """``switch``; its labels are `Case` and `Default` statements inside ``body``."""

    condition: Expr
    body: Stmt


@dataclass(eq=False, slots=True)
class Case(Stmt):
    """``case low ... high: body`` (``high == low`` for an ordinary label)."""

    low: int
    high: int
    body: Stmt


@dataclass(eq=False, slots=True)
class Default(Stmt):
    """``default: body``."""

    body: Stmt


@dataclass(eq=False, slots=True)
class Break(Stmt):
    """``break``."""


@dataclass(eq=False, slots=True)
class Continue(Stmt):
    """``continue``."""


@dataclass(eq=False, slots=True)
class Return(Stmt):
    """``return``; the value has the function's result type."""

    value: Expr | None = None


@dataclass(eq=False, slots=True)
class Goto(Stmt):
    """``goto label``."""

    label: str


@dataclass(eq=False, slots=True)
class Label(Stmt):
    """``name: body``."""

    name: str
    body: Stmt


@dataclass(eq=False, slots=True)
class Asm(Stmt):
    """Inline assembly with an empty template (the backend can emit no other)."""

    constraints: str  # LLVM's constraint string
    outputs: list[Expr]  # lvalues
    inputs: list[Expr]


# ---------------------------------------------------------------- maps and units


@dataclass(eq=False, slots=True)
class MapDecl:
    """A map of bcc's dialect, as its macro declared it. ``type`` is enum bpf_map_type's number."""

    name: str
    kind: str  # bcc's word: "hash", "perf_output", "ringbuf" …
    type: int
    key: Type | None
    leaf: Type | None
    max_entries: int
    flags: int
    loc: Loc
    var: VarDecl
    pin_path: str = ""
    inner: str = ""
    scope: str = (
        ""  # "export", "shared": offered to other objects; "extern": taken from one, type is 0
    )
    event: Record | None = None  # what programs send through it, from the last call that sends


@dataclass(eq=False, slots=True)
class Unit:
    """A translation unit: what the main file defines, and what that reaches elsewhere."""

    file: str
    source: str
    functions: list[FunctionDecl]  # with bodies; main file in source order, then reached ones
    globals: list[VarDecl]  # file-scope objects that the main file defines, or that are reached
    macros: dict[str, str] = field(
        default_factory=dict
    )  # object-like macros asked for (BPF_LICENSE)
    maps: list[MapDecl] = field(default_factory=list)  # filled by dialect
    license: str = "GPL"
    records: list[Record] = field(
        default_factory=list
    )  # records the main file names, for debug info
