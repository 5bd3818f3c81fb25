"""Short C texts through the frontend: the ground the tests of this folder stand on."""

from __future__ import annotations

from bpfkit.compiler.diagnostics import Diagnostic
from bpfkit.compiler.dump import dump_stmt
from bpfkit.compiler.frontend.parse import parse
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.compiler.tree import FunctionDecl, Unit

PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64;
struct in { int x; int y; };
struct s {
    int a; struct in in;
    union { u8 b; long c; struct { short d; short e; }; };
    int arr[3];
    u32 f1 : 3; u32 f2 : 5; long w : 40; int : 4;
    char name[8];
    struct s *next;
};
union un { int i; char c; struct in p; };
enum color { RED, GREEN = 5 };
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static int (*bpf_trace_printk)(const char *fmt, int size, ...) = (void *)6;
extern int ext(int, long);
void clean(int *);
static inline int inl(int v) { return v + 1; }
static inline int unreached(int v) { return v; }
struct tab { int key; u64 leaf; u64 *(*lookup)(int *); int (*update)(int *, u64 *); };
"""

PARAMS = "int x, u8 c, long l, u64 q, int *p, struct s *ps, struct s v, int ar[4]"


def read(text: str, **more: object) -> tuple[Unit, list[Diagnostic]]:
    """The unit of a whole text, and its warnings."""
    given: dict[str, object] = {"name": "t.c", "prelude": PRELUDE} | more
    return parse(ParseInput(text=text, **given))  # type: ignore[arg-type]


def unit_of(text: str, **more: object) -> Unit:
    """The unit of a whole text."""
    return read(text, **more)[0]


def function_text(body: str) -> str:
    """A text with one function whose statements start in line 3, column 1."""
    return f"struct tab t;\nint f({PARAMS}) {{\n{body}\nreturn 0; }}"


def function_of(body: str) -> FunctionDecl:
    """The function `function_text` writes."""
    return unit_of(function_text(body)).functions[0]


def dump(body: str) -> str:
    """The statements of ``body``, each on a line of its own, without the closing return."""
    built = function_of(body).body
    assert built is not None
    lines = [line for statement in built.body[:-1] for line in dump_stmt(statement)]
    return "\n".join(lines)


def flat(body: str) -> str:
    """As `dump`, on one line."""
    return " ".join(dump(body).split())
