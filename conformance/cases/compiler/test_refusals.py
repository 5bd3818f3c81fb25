"""What BPF cannot do is refused by us with a place and a hint, and nothing ends the process."""

from __future__ import annotations

from conformance.construct import refused

test_assembly = refused(
    "assembly",
    "Inline assembly with instructions is refused where it stands.",
    'int x = 1; asm volatile("r0 = 1" : "+r"(x)); OUT(0, x);',
    "inline assembly",
    at="asm volatile",
)

test_module_assembly = refused(
    "module-assembly",
    "Assembly outside functions is refused.",
    "OUT(0, 1);",
    "assembly",
    before='asm(".globl x");',
)

test_float = refused(
    "floating-point",
    "Floating point arithmetic is refused.",
    "double x = 1.5; OUT(0, (int)(x * ctx->data));",
    "floating point",
)

test_vla = refused(
    "variable-length-array",
    "An array whose length is not constant is refused.",
    "int n = ctx->data; char x[n]; x[0] = 1; OUT(0, x[0]);",
    "array",
    at="x[n]",
)

test_alloca = refused(
    "alloca",
    "__builtin_alloca is refused.",
    "char *x = __builtin_alloca(8); OUT(0, *x);",
    "alloca",
    at="__builtin_alloca",
)

test_arguments = refused(
    "six-arguments",
    "A function that is not inlined takes at most five arguments.",
    "volatile int v = 1; OUT(0, f(v, 2, 3, 4, 5, 6));",
    "at most 5",
    before="static __attribute__((noinline)) int f(int a, int b, int c, int d, int e, int g)"
    " { return a + b + c + d + e + g; }",
)

test_record_result = refused(
    "record-by-value",
    "A function that is not inlined returns no structure by value.",
    "volatile int v = 1; OUT(0, f(v).a);",
    "by value",
    before="struct s { u64 a, b, c; };"
    " static __attribute__((noinline)) struct s f(int x) { struct s r = { x }; return r; }",
)

test_narrow_atomics = refused(
    "narrow-atomics",
    "Atomic operations of 8 and 16 bits are refused.",
    "static u16 n; __sync_fetch_and_add(&n, 1); OUT(0, n);",
    "atomic",
)

test_nand = refused(
    "atomic-nand",
    "Atomic nand is refused.",
    "static u64 n; __sync_fetch_and_nand(&n, 1); OUT(0, n);",
    "nand",
)

test_variable_memcpy = refused(
    "memcpy-of-unknown-size",
    "A memcpy whose size is not constant is refused.",
    "char a[8] = {}, b[8]; int n = ctx->data & 7; __builtin_memcpy(b, a, n); OUT(0, b[0]);",
    "memcpy",
    at="__builtin_memcpy",
)

test_computed_goto = refused(
    "computed-goto",
    "goto through a label's address is refused.",
    "void *l = &&out; goto *l; out: OUT(0, 1);",
    "label",
)

test_wide_division = refused(
    "division-of-128-bits",
    "Division of 128-bit integers is refused.",
    "unsigned __int128 a = ctx->data; OUT(0, (u64)(a / (ctx->data_end + 1)));",
    "128",
)

test_stack = refused(
    "stack",
    "A program that needs more than 512 bytes of stack is refused, with a place in the text.",
    "char x[600]; bpf_probe_read_kernel(x, sizeof(x), ctx); OUT(0, x[5]);",
    "stack",
)

test_variadic = refused(
    "variadic-functions",
    "A function with variable arguments is refused.",
    "OUT(0, f(1, 2));",
    "variable",
    before="static int f(int n, ...) { return n; }",
)

test_recursion = refused(
    "recursion",
    "A function that calls itself is refused.",
    "OUT(0, f(ctx->data));",
    "calls itself",
    before="static int f(int n) { return n ? f(n - 1) + 1 : 0; }",
)

test_pointer_table = refused(
    "string-table",
    "A table of strings indexed at run time is refused: nobody would fill in the addresses.",
    "char b[4]; bpf_probe_read_kernel_str(b, 4, names[ctx->data & 1]); OUT(0, b[0]);",
    "addresses",
    before='static const char *const names[] = { "ab", "cd" };',
)

test_undefined_function = refused(
    "undefined-function",
    "A call of a function without a body is refused.",
    "OUT(0, elsewhere(1));",
    "elsewhere",
    before="int elsewhere(int x);",
)

test_unknown_pointer_call = refused(
    "call-of-an-unknown-pointer",
    "A call through a pointer that is not known when compiling is refused.",
    "int (*f)(int) = (void *)(long)ctx->data; OUT(0, f(1));",
    "pointer",
)

test_unknown_builtin = refused(
    "unknown-builtin",
    "A builtin that BPF does not have is refused by name.",
    "OUT(0, (long)__builtin_return_address(0));",
    "__builtin_return_address",
    at="__builtin_return_address",
)

test_external_store = refused(
    "store-to-kernel-memory",
    "A store through a pointer into kernel memory is refused where it stands.",
    "struct task_struct *t = (void *)bpf_get_current_task(); t->flags = 1; OUT(0, 1);",
    "writ",
    at="flags = 1",
)
