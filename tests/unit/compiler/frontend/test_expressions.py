"""Every kind of expression, and what the tree says of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.compiler.ctype import Int, bare
from bpfkit.compiler.tree import Assign, Expr, ExprStmt, IntLit
from tests.unit.compiler.frontend.snippets import flat, function_of

D = "(. (. (. (deref (load ps)) <anonymous>) <anonymous>) d)"
E = "(. (. (. v <anonymous>) <anonymous>) e)"

CASES = [
    # conversions
    pytest.param("x = c;", "(= x (cast int (load c)))", id="widen"),
    pytest.param("c = x;", "(= c (cast u8 (load x)))", id="narrow"),
    pytest.param("q = (u32)-1;", "(= q (cast u64 (cast! u32 (- 1))))", id="explicit-cast"),
    pytest.param("p = 0;", "(= p (cast int* 0))", id="null-pointer"),
    pytest.param("p = (int *)q;", "(= p (cast! int* (load q)))", id="integer-to-pointer"),
    pytest.param("(void)x;", "(cast! void (load x))", id="cast-to-void"),
    pytest.param("x = (int)1.5;", "(= x 1)", id="float-constant-cast-to-int"),
    pytest.param("x = (x ? c : l);",
        "(= x (cast int (? (load x) (cast long (load c)) (load l))))", id="?"),
    pytest.param("x = (1 ? c : l);", "(= x (cast int (cast long (load c))))", id="?-constant"),
    pytest.param("x = (3 - 3 ? c : l);", "(= x (cast int (load l)))", id="?-constant-false"),
    pytest.param("_Bool b = x;", "(local b _Bool (cast _Bool (load x)))", id="bool"),
    # arithmetic
    pytest.param("l = c + l;", "(= l (+ (cast long (load c)) (load l)))", id="usual-conversions"),
    pytest.param("q = 1ULL << c;", "(= q (<< 1:<unsigned long long> (cast int (load c))))",
        id="shl"),
    pytest.param("x = -c + ~x + !l + +c;",
        "(= x (+ (+ (+ (- (cast int (load c))) (~ (load x))) (! (load l))) (cast int (load c))))",
        id="unary"),
    pytest.param("x = x && c || !p;",
        "(= x (|| (&& (load x) (cast int (load c))) (! (load p))))", id="logical"),
    pytest.param("x = 7, l = 4;", "(comma (= x 7) (= l (cast long 4)))", id="comma"),
    pytest.param("x = x ?: c;", "(= x (?: (load x) (cast int (load c))))", id="binary-conditional"),
    pytest.param("x = l == q;", "(= x (== (cast u64 (load l)) (load q)))", id="comparison"),
    pytest.param("__extension__ x;", "(load x)", id="extension"),
    # assignments
    pytest.param("c += l;", "(+=:long c (load l))", id="compound-computes-wider"),
    pytest.param("l += c;", "(+=:long l (cast long (load c)))", id="compound-converts-value"),
    pytest.param("c <<= l;", "(<<=:int c (load l))", id="compound-shift"),
    pytest.param("p -= 1;", "(-=:int* p 1)", id="compound-pointer"),
    pytest.param("v.f1 += 2;", "(+=:int (. v f1) 2)", id="compound-bit-field"),
    pytest.param("v.w <<= 3;", "(<<=:long (. v w) 3)", id="compound-wide-bit-field"),
    pytest.param("x++; --x; p++; c--;", "(x++ x) (--x x) (x++ p) (x-- c)", id="increments"),
    pytest.param("x = l = 3;", "(= x (cast int (= l (cast long 3))))", id="chained"),
    # places
    pytest.param("*p = p[x];", "(= (deref (load p)) (load (deref (+ (load p) (load x)))))", id="*"),
    pytest.param("x = 2[p];", "(= x (load (deref (+ (load p) 2))))", id="subscript-turned-round"),
    pytest.param("p = 1 + p;", "(= p (+ (load p) 1))", id="pointer-operand-first"),
    pytest.param("x = ar[1];", "(= x (load (deref (+ (load ar) 1))))", id="array-parameter"),
    pytest.param("ar = p; ar++;", "(= ar (load p)) (x++ ar)", id="array-parameter-assigned"),
    pytest.param("x = ps->arr[c];",
        "(= x (load (index (. (deref (load ps)) arr) (load c))))", id="array-member"),
    pytest.param("x = ps->next->in.y;",
        "(= x (load (. (. (deref (load (. (deref (load ps)) next))) in) y)))", id="arrows"),
    pytest.param("x = ps->d;", f"(= x (cast int (load {D})))", id="anonymous-levels"),
    pytest.param("x = v.e;", f"(= x (cast int (load {E})))", id="anonymous-dot"),
    pytest.param("x = (*ps).a;", "(= x (load (. (deref (load ps)) a)))", id="star-dot"),
    pytest.param("p = &x; p = &ps->arr[1];",
        "(= p (addr x)) (= p (addr (index (. (deref (load ps)) arr) 1)))", id="address"),
    pytest.param("p = ps->arr;", "(= p (decay (. (deref (load ps)) arr)))", id="decay"),
    pytest.param("p = &*p;", "(= p (addr (deref (load p))))", id="address-of-star"),
    pytest.param("v = *ps; ps->in = v.in;",
        "(= v (load (deref (load ps)))) (= (. (deref (load ps)) in) (load (. v in)))",
        id="records"),
    pytest.param("x = (x ? v : *ps).a;",
        "(= x (load (. (? (load x) (load v) (load (deref (load ps)))) a)))", id="record-value"),
    pytest.param("(x ? p : ps->arr)[1] = 3;",
        "(= (deref (+ (? (load x) (load p) (decay (. (deref (load ps)) arr))) 1)) 3)",
        id="pointer-value-subscript"),
    pytest.param("int m[2][3]; x = m[1][c] + *m[0];",
        "(local m int[2][3]) (= x (+ (load (index (index m 1) (load c))) "
        "(load (deref (decay (index m 0))))))", id="two-dimensions"),
    pytest.param("x = \"ab\"[1];", "(= x (cast int (load (index b'ab\\x00' 1))))", id="string"),
    pytest.param("const char *n = __func__;", "(local n <const char*> (decay b'f\\x00'))",
        id="func"),
    pytest.param("volatile int vi = x; x = vi;",
        "(local vi <volatile int> (load x)) (= x (load vi))", id="volatile"),
    # constants
    pytest.param("q = sizeof(struct s) + sizeof x + _Alignof(long);",
        "(= q (cast u64 (+ (+ 64:<unsigned long> 4:<unsigned long>) 8:<unsigned long>)))",
        id="sizeof"),
    pytest.param("q = __builtin_offsetof(struct s, in.y);", "(= q (cast u64 8:<unsigned long>))",
        id="offsetof"),
    pytest.param("q = __builtin_offsetof(struct s, arr[2]);", "(= q (cast u64 32:<unsigned long>))",
        id="offsetof-with-subscript"),
    pytest.param("x = RED + GREEN;", "(= x (+ 0 5))", id="enumerators"),
    pytest.param("enum color k = x;", "(local k <enum color> (cast <enum color> (load x)))",
        id="enum"),
    pytest.param("x = 'a' + '\\xff';", "(= x (+ 97 -1))", id="characters"),
    pytest.param("x = __builtin_types_compatible_p(typeof(c), int);", "(= x 0)", id="types-differ"),
    pytest.param("x = __builtin_types_compatible_p(typeof(x), int);", "(= x 1)", id="types-same"),
    pytest.param("x = __builtin_choose_expr(sizeof(x) == 4, x, p);", "(= x (load x))", id="choose"),
    pytest.param("__builtin_choose_expr(1, x, l) = 3;", "(= x 3)", id="choose-lvalue"),
    pytest.param("x = _Generic(c, u8: 7, int: 1, default: 3);", "(= x 7)", id="generic-typedef"),
    pytest.param("x = _Generic(p, char *: x, int *: c, default: 3);",
        "(= x (cast int (load c)))", id="generic-pointer"),
    pytest.param("x = _Generic(q, int: 1, default: x);", "(= x (load x))", id="generic-default"),
    # calls
    pytest.param("x = ext(x, c);", "(= x (call ext (load x) (cast long (load c))))", id="call"),
    pytest.param("int (*fp)(int) = inl; fp = &inl; fp(1); (*fp)(2); (**fp)(3); (&inl)(4);",
        "(local fp int(int)* (decay inl)) (= fp (addr inl)) (call (load fp) 1) (call (load fp) 2) "
        "(call (load fp) 3) (call inl 4)", id="function-pointers"),
    pytest.param("t.update(&x, t.lookup(&x));",
        "(call (load (. t update)) (addr x) (call (load (. t lookup)) (addr x)))",
        id="map-methods"),
    pytest.param("q = bpf_ktime_get_ns();", "(= q (helper 5 bpf_ktime_get_ns))", id="helper"),
    pytest.param("bpf_trace_printk(\"a\", 2, c);",
        "(helper 6 bpf_trace_printk (cast <const char*> (decay b'a\\x00')) 2 (cast int (load c)))",
        id="variadic-helper"),
    pytest.param("q = ((u64 (*)(void))5)();", "(= q (helper 5 helper_5))", id="helper-by-cast"),
    pytest.param("enum { BPF_FUNC_ktime = 5 }; q = ((u64 (*)(void))BPF_FUNC_ktime)();",
        "(declare) (= q (helper 5 bpf_ktime))", id="helper-by-enumerator"),
    pytest.param("u64 (*g)(void) = bpf_ktime_get_ns;",
        "(local g u64()* (load bpf_ktime_get_ns))", id="helper-as-value"),
    # statement expressions, compound literals
    pytest.param("x = ({ int z = x; z + 1; });",
        "(= x (stmtexpr { (local z int (load x)) (+ (load z) 1) }))", id="statement-expression"),
    pytest.param("v = ({ v; });", "(= v (stmtexpr { (load v) }))",
        id="record-statement-expression"),
    pytest.param("struct in *pi = &(struct in){ .y = 3 };",
        "(local pi <struct in*> (addr (literal struct in {4=3})))", id="compound-literal"),
    pytest.param("p = (int[]){ 1, 2 };", "(= p (decay (literal int[2] {0=1, 4=2})))",
        id="array-literal"),
    # builtins
    pytest.param("x = __builtin_expect(!!x, 1);",
        "(= x (cast int (__builtin_expect (cast long (! (! (load x)))) (cast long 1))))",
        id="expect"),
    pytest.param("x = __builtin_constant_p(3) + __builtin_constant_p(x);",
        "(= x (+ 1 (__builtin_constant_p (load x))))", id="constant-p"),
    pytest.param("__sync_fetch_and_add(&q, 1);", "(__sync_fetch_and_add (addr q) (cast u64 1))",
        id="sync-suffix-goes"),
    pytest.param("x = __atomic_load_n(&x, 5); __atomic_fetch_add(&x, 1, 0);",
        "(= x (__atomic_load_n #5 (addr x))) (__atomic_fetch_add #0 (addr x) 1)", id="atomics"),
    pytest.param("__atomic_compare_exchange_n(&x, p, 5, 1, 4, 2);",
        "(__atomic_compare_exchange_n #4 #2 #1 (addr x) (load p) 5)", id="compare-exchange"),
    pytest.param("x = __builtin_preserve_field_info(ps->f1, 3);",
        "(= x (cast int (__builtin_preserve_field_info #3 (. (deref (load ps)) f1))))",
        id="field-info"),
    pytest.param("x = __builtin_preserve_enum_value(*(enum color *)GREEN, 1);",
        "(= x (cast int (__builtin_preserve_enum_value #1 (deref (cast! <enum color*> 5)))))",
        id="enum-value"),
    pytest.param("__builtin_memset(&v, 0, sizeof(v));",
        "(__builtin_memset (cast void* (addr v)) 0 64:<unsigned long>)", id="memset"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_expression(text: str, expected: str) -> None:
    assert flat(text) == expected


def _value(text: str) -> Expr:
    body = function_of(f"l = {text};").body
    assert body is not None
    statement = body.body[0]
    assert isinstance(statement, ExprStmt)
    assert isinstance(statement.expr, Assign)
    value = statement.expr.value
    while not isinstance(value, IntLit):
        value = getattr(value, "operand")  # noqa: B009 - Cast, the only node that may be here
    return value


@given(
    st.sampled_from(["", "u", "l", "ul", "ll", "ull"]).flatmap(
        lambda suffix: st.tuples(
            st.integers(0, 2**32 - 1 if suffix in ("", "u") else 2**63 - 1),
            st.just(suffix),
            st.sampled_from(["{:d}", "{:#x}"]),
        )
    )
)
@settings(max_examples=40, deadline=None)
def test_an_integer_literal_keeps_its_value_within_its_type(case: tuple[int, str, str]) -> None:
    number, suffix, form = case
    literal = _value(form.format(number) + suffix)
    assert isinstance(literal, IntLit)
    assert literal.value == number
    kind = bare(literal.type)
    assert isinstance(kind, Int)
    assert number < 2 ** (kind.size * 8 - kind.signed)


def test_a_node_appears_once_in_the_tree() -> None:
    function = function_of('int a[4] = {[0 ... 3] = x + 1}; x += x ?: 3; asm("" : "+r"(x));')
    seen: set[int] = set()

    def visit(node: object) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        elif hasattr(node, "__match_args__"):
            if isinstance(node, Expr):
                assert id(node) not in seen
                seen.add(id(node))
            for name in node.__match_args__:
                if name not in ("type", "loc", "decl", "field", "compute"):
                    visit(getattr(node, name))

    assert function.body is not None
    visit(function.body.body)
    assert len(seen) > 10
