// Each T(name) is a function of two numbers; the same text is compiled for BPF and natively.
// Signed overflow wraps, shifts are in range, division by zero does not happen.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
#define AI static inline __attribute__((always_inline))
#define T(name) AI int name(u32 a, u32 b)

struct S {
	int a : 3;
	unsigned b : 5;
	u32 c : 20;
	int : 0;
	union {
		int x;
		struct {
			u8 y, z;
		};
	};
	struct {
		int q;
	} nm;
	int arr[4];
};
struct __attribute__((packed)) P {
	u8 a;
	u64 b;
	u16 c : 9;
	u32 d : 17;
	s8 e : 3;
	u32 tail;
};
struct W {
	u64 lo : 33;
	s64 hi : 31;
	_Bool flag : 1;
	u8 rest : 7;
};
union U {
	int i;
	char c[8];
};
enum E { EA = 1, EB = -3, EC = 1u << 30 };
enum big { BIG = 1ull << 40, SMALL = 2 };

static const u32 tab[8] = {[0 ... 2] = 7, 1, [6] = 9};
struct S gs = {.a = 1, .b = 2, .y = 3, .nm.q = 5, .arr = {1, [2] = 3}};
struct S gs2[3] = {
	[1] = {1, 2, 3, 4, {5}, {6, 7}},
	{.arr[1] = 4},
	[0].arr = {9, 8},
};
int m2[2][3] = {1, 2, 3, {4, 5}};
int m3[][2] = {{1}, 2, 3, [1][1] = 7};
char str[] = "a\0b\x41\n" "tail";
union U gu = {.c = "abc"};
static volatile const u32 knob = 77;
static u64 counter;
u8 bytes[5] = {1, 2, 3};
static _Bool gflag = 5;

T(tables)
{
	return tab[a & 7] + gs.a + gs.b * 10 + gs.x * 100 + gs.nm.q * 1000 + gs.arr[b & 3] + gs.arr[2] * 7;
}
T(bit_fields)
{
	struct S s = {.a = a, .b = b, .c = a * b};
	s.a += 3;
	s.c <<= 3;
	s.b--;
	int r = (s.b = b + 1);
	return s.a + s.b * 17 + (int)(s.c >> 5) + s.c + r + (s.a++) + (++s.b);
}
T(packed_bit_fields)
{
	struct P p = {0};
	p.a = a;
	p.b = (u64)a << 20 | b;
	p.c = a;
	p.d = b;
	p.e = a;
	p.e++;
	p.tail = b;
	return p.a + p.b + p.c * 3 + p.d * 5 + p.e * 7 + sizeof(p) + p.tail;
}
T(wide_bit_fields)
{
	struct W w = {.lo = a, .hi = -3, .flag = b};
	w.lo += 1;
	w.hi *= (s64)b;
	w.flag = a & 2;
	w.rest = 200;
	u64 lo = w.lo;
	s64 hi = w.hi;
	return lo + hi + w.flag * 3 + w.rest;
}
T(switches)
{
	int r = 0;
	switch (a % 12) {
	case 1:
		r = 1;
	case 2:
	case 3:
		r += 3;
		break;
	case 5 ... 9: {
		r = 5;
	} break;
	default:
		r = 7;
	}
	switch (b) {
	case 100 ... 100000:
		r += 1000;
		break;
	case 0 ... 9:
		r += 100;
		break;
	case 0xfffffff0 ... 0xffffffff:
		r += 50;
	}
	switch ((s8)a) {
	case -128 ... -1:
		r += 9;
		break;
	case 3:
		r += 11;
	}
	switch ((u64)a << 32 | b) {
	case 0x100000002ull:
		r += 77;
	}
	return r * 3 + b;
}
T(loops)
{
	int r = 0;
	for (int k = 0; k < 10; k++) {
		if (k == (int)(a % 7))
			continue;
		if (k == 8)
			break;
		r += k * b;
	}
	int i = 5;
	while (i--)
		r ^= i;
	int n = 0;
	do
		r++;
	while (++n < 4 && (r & 3));
	for (;;) {
		if (++r > 0)
			break;
		if (r < -3)
			break;
		break;
	}
	return r;
}
T(unrolled)
{
	int r = 0;
#pragma unroll
	for (int i = 0; i < 30; i++)
		r = r * 3 + (a >> i);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 20; i++)
		r ^= b << i;
	return r;
}
T(conditionals)
{
	int r = a ?: b;
	r += ({
		int z = a;
		z + b;
	});
	r += (a, b);
	r = a > b ? r : -r;
	u64 w = a ? (s8)b : (u64)a;
	return r + (b ?: 3) + (int)w + (int)((a & 1) ? -1 : 1u);
}
T(narrow_arithmetic)
{
	u8 x = a;
	s8 y = b;
	u16 h = a * 3;
	s16 g = b * 5;
	x += y;
	h >>= 3;
	g >>= 2;
	x <<= 2;
	y *= 3;
	h -= g;
	y /= 3;
	x %= 7;
	g |= h;
	g ^= x;
	u64 w = y;
	s64 v = x;
	w += a;
	v -= b;
	v >>= 3;
	w >>= 5;
	return x + y + h + g + w + v;
}
T(mixed_signs)
{
	int sa = a, sb = b;
	u64 q = (u64)a * b;
	long l = -1;
	return (sa >> 3) + (a >> 3) + (sa < sb) + (a < b) * 2 + (sa > l) * 4 + ((u32)a > l) * 8 +
	       (b ? a / b : 1) + (b ? a % b : 1) + (int)(q >> 33) + ~sa + !sb + -sa;
}
T(signed_division)
{
	int sa = a, sb = b ? b : 1;
	if (sb == -1)
		sb = 3;
	s64 la = (s64)sa * 123456789, lb = sb;
	int r = sa / sb + sa % sb * 3;
	r += (int)(la / lb) + (int)(la % lb) * 5;
	r += sa / 7 + sa % 7 + sa / -8 + sa % 16 + sa / 16;
	r += (int)(la / 1000) + (int)(la % -77);
	s8 c = a;
	s16 h = b;
	r += c / 3 + c % 5 + h / 9;
	c /= 2;
	h %= 11;
	return r + c + h;
}
T(pointers)
{
	int arr[6] = {1, 2, 3, [5] = 9};
	int *p = arr;
	p++;
	p += 2;
	int r = *p;
	r += p[-1] + (p - arr) * 100;
	int *q = &arr[5];
	r += q - p;
	r += *--q;
	r += (*q)++;
	r += 2 [arr];
	r += (q > p);
	r += (char *)q - (char *)p;
	int **pp = &q;
	**pp += a;
	*pp -= 1;
	struct { char c[3]; } tri[4], *tp = &tri[3];
	r += tp - tri + (tp - 2 == &tri[1]);
	return r + arr[4] + *q + b;
}
T(booleans)
{
	_Bool x = a & 4;
	x = b;
	x += 3;
	_Bool y = x;
	y--;
	_Bool z = !!(a & 8);
	z |= b & 2;
	z ^= 1;
	char c = '\377';
	u64 w = -1;
	w = c;
	enum E e = EB;
	return x + y * 2 + z * 4 + gflag * 8 + (int)w + (e < 0) * 16 + (EC > 0) * 2 + (c < 0) * 4 + '\n' +
	       sizeof('a') + sizeof(struct S) + __alignof__(struct P) + _Alignof(u64) +
	       __builtin_offsetof(struct S, nm.q) + __builtin_offsetof(struct S, arr[2]) + (BIG >> 39);
}
T(records)
{
	struct S x = {.arr = {1, 2, 3, 4}}, y = x;
	struct S *q = &(struct S){.a = 1, .x = 7};
	y.arr[2] = a;
	x = y;
	__builtin_memset(&y, 0xff, 16);
	__builtin_memcpy(&y.arr, &x.arr, 8);
	x = a > b ? y : *q;
	struct S z;
	z = y = x;
	return x.arr[0] + x.arr[2] + q->x + y.a + y.y + x.z + z.arr[1];
}
T(byte_order)
{
	return __builtin_bswap32(a) + __builtin_bswap16(b) + (int)__builtin_bswap64(a);
}
T(builtin_hints)
{
	int r = 0;
	if (__builtin_expect(!!(a > 3), 0))
		r = 1;
	else
		r = 2;
	r += __builtin_constant_p(3) * 10 + __builtin_types_compatible_p(int, u32) * 100;
	r += __builtin_choose_expr(1, a, "x") + _Generic(a, int: 1, unsigned: 2000, default: 3);
	r += _Generic(&r, int *: b, default: (char)1);
	if (a == 0xdeadbeef && b == 0xfeedface && a == b)
		__builtin_unreachable();
	return r;
}
T(atomics)
{
	int r = a;
	r += __sync_fetch_and_add(&r, b);
	r += __atomic_fetch_add(&r, 2, 5) * 3;
	r += __atomic_add_fetch(&r, 2, 5);
	u64 q = a;
	r += __sync_lock_test_and_set(&q, b);
	r += __sync_val_compare_and_swap(&q, (u64)b, 7ull);
	__atomic_store_n(&r, r + 1, 5);
	__sync_fetch_and_or(&q, 8);
	__sync_fetch_and_add(&q, 5);
	r += __sync_bool_compare_and_swap(&q, 20, 1) * 5;
	u64 want = 1;
	r += __atomic_compare_exchange_n(&q, &want, 9ull, 0, 5, 5) * 7 + want;
	u32 s = b;
	r += __sync_sub_and_fetch(&s, 3) + __sync_and_and_fetch(&s, a) + __sync_xor_and_fetch(&s, 5);
	r += __atomic_exchange_n(&s, 4u, 5) + s;
	return r + q + __atomic_load_n(&r, 0);
}
T(gotos)
{
	int i = 0;
again:
	i++;
	if (i < (int)(a & 7))
		goto again;
	if (b & 1)
		goto out;
	i *= 10;
out : {
	typeof(a) z = i;
	return z;
}
}
T(tables_by_index)
{
	return m2[0][a & 1] + m2[1][b & 1] * 10 + m3[1][a & 1] * 100 + m3[0][b & 1] +
	       gs2[a & 1].arr[b & 3] * 1000 + gs2[1].b + gs2[1].x + gs2[1].nm.q * 3 + gs2[0].arr[1];
}
T(strings)
{
	return str[a & 7] + gu.c[b & 3] + sizeof(str) + sizeof("x\0y") + "hello"[a & 3] +
	       __builtin_strlen("four");
}
T(short_circuit)
{
	int r = (a && b) + (a || b) * 2 + (a && (b || a > 5)) * 4;
	r += (a > b) == (b < a);
	static int st = 4;
	st += a;
	r += st;
	st = 4;
	int n = 0;
	r += (a & 1 && n++) + (a & 2 || n++) + !(a && !b);
	return r + n * 100;
}
T(unions)
{
	union {
		u64 v;
		struct {
			u32 lo, hi;
		};
		u8 by[8];
	} u = {.lo = a};
	u.hi = b;
	u32 x = (u32)(u.v >> 16);
	u.by[3] ^= 0x55;
	return x + u.by[7] + u.lo;
}
#define LOOP(i, n) for (; i < n; i++)
T(odd_loops)
{
	int r = 0;
	int i, j;
	for (i = 0, j = 10; i < j; i++, j--)
		r += i * j;
	for (; i > 0;) {
		i--;
		r++;
	}
	for (i = 3;; i--)
		if (!i)
			break;
	for (;; i++)
		if (i > 4)
			break;
	for (; i < 9; i++)
		r += 2;
	i = 0;
	LOOP(i, 5) r += a;
	return r + i + a;
}
AI int narrow_helper(s8 x, u16 y, u64 z)
{
	if (x > 3)
		return y;
	return z;
}
static __attribute__((noinline)) s16 outlined(u8 x, s64 y, _Bool z)
{
	return x * y + z;
}
T(calls)
{
	return narrow_helper(a, b, a + b) + narrow_helper(b, a, -1) + outlined(a, b, b) * 3 +
	       outlined(b, -1, a & 64);
}
AI struct S make(u32 a, struct S base)
{
	base.arr[1] = a;
	base.b = a;
	return base;
}
AI void nothing(u32 *p)
{
	if (*p > 10)
		return;
	*p += 1;
}
T(records_by_value)
{
	struct S s = {.x = b, .arr = {5, 6, 7, 8}};
	struct S t = make(a, s);
	s = make(b, make(1, t));
	u32 n = a;
	nothing(&n);
	return s.arr[1] + s.arr[2] + t.arr[1] + t.b + s.x + make(3, s).arr[1] + n;
}
T(promotions)
{
	struct S s = {};
	s.c = a;
	s.b = b;
	int r = (s.c - 10 < 0) + (s.b - 40 < 0) * 2;
	s.c = -1;
	r += (s.c + 1 == 1 << 20) * 8;
	u8 k = 250;
	k += 10;
	r += k;
	k = k - 20;
	r += k >> 1;
	r += (u8)~k;
	r += -k;
	return r;
}
T(scopes)
{
	int r;
	{
		int a2 = a;
		{
			int a2 = b;
			r = a2;
		}
		r += a2;
	}
	switch (b % 3) {
		int k;
	case 0:
		k = 5;
		r += k;
		break;
	case 2:
		for (k = 0; k < 3; k++) {
			if (k == 1)
				continue;
			r += k;
		}
	}
	return r;
}
T(wide_arithmetic)
{
	s64 x = (s64)(int)a * (int)b;
	u64 y = (u64)a << 32 | b;
	return (x >> 17) + (y >> 29) + (u32)x % ((b & 15) + 1) + (y / ((a & 255) + 1));
}
T(local_tables)
{
	struct Q {
		char n[4];
		int v;
	} q[2] = {{"ab", 1}, {.v = 2, .n = {'x', 'y'}}};
	return q[a & 1].n[b & 3] + q[b & 1].v;
}
T(mixed_initialisers)
{
	struct {
		u32 k[3];
		struct S s;
		char tag[6];
	} v = {.k = {1, a, 3}, .s = {.b = b, .nm = {a}, .arr = {[3] = b}}, .tag = "hi"};
	int n[4] = {a, [2] = b};
	return v.k[0] + v.k[1] * 3 + v.k[2] + v.s.b + v.s.nm.q + v.s.arr[3] + v.tag[1] + v.tag[5] + n[0] +
	       n[1] + n[2];
}
T(walk_string)
{
	const char *s = "A" "B\101\x41";
	int n = 0;
	while (*s)
		n = n * 3 + *s++;
	return n + __func__[0] + sizeof(__func__) + (a < b ? -1 : a > b);
}
T(shifts)
{
	int x = -7;
	u32 sh = a & 31;
	u8 n = b & 7;
	u64 w = a;
	w <<= n;
	x >>= (u64)n;
	return (x << 2) + (x >> 1) + (1u << sh) + (0x80000000u >> sh) + (((s64)x) << (b & 31)) +
	       (int)(((u64)x) >> (b & 63)) + w;
}
T(volatiles)
{
	volatile u32 v = a;
	v += b;
	volatile u8 arr[3] = {1, 2, 3};
	arr[1]++;
	return v + knob + arr[1];
}
T(counts)
{
	return __builtin_clz(a | 1) + __builtin_ctz(b | 8) * 3 + __builtin_popcount(a) * 7 +
	       __builtin_popcountll((u64)a << 20 | b) + __builtin_ffs(b) + __builtin_clzll((u64)a | 1) +
	       __builtin_ctzll((u64)b << 9 | (1ull << 63)) + __builtin_parity(a);
}
T(compare_memory)
{
	struct {
		u64 x;
		u32 y;
		u8 z[5];
	} p = {a, b, "abcd"}, q = {a, a, "abce"};
	char m[7] = "abc", n[7] = "abd";
	n[2] = b;
	int r = __builtin_memcmp(&p, &q, 8) == 0;
	int c = __builtin_memcmp(&p.y, &q.y, 4);
	r += (c < 0) * 2 + (c > 0) * 4;
	c = __builtin_memcmp(m, n, 7);
	return r + (c < 0) * 8 + (c > 0) * 16 + (__builtin_memcmp(p.z, q.z, 5) < 0) * 32;
}
T(move_memory)
{
	u8 buf[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	buf[3] = a;
	__builtin_memmove(buf + 2, buf, 8);
	u64 w = 0;
	__builtin_memcpy(&w, buf + 1, 7);
	return (int)(w >> 13) + buf[9] + buf[5];
}
T(globals_change)
{
	counter = 0;
	counter += a;
	counter++;
	bytes[b & 3] = a;
	int r = bytes[0] + bytes[4] + bytes[b & 3];
	bytes[b & 3] = 1;
	gs.a = a;
	gs.nm.q = b;
	r += gs.a + gs.nm.q;
	gs.a = 1;
	gs.nm.q = 5;
	return r + counter;
}
T(overflows)
{
	u32 r32;
	s64 r64;
	int r = __builtin_add_overflow(a, b, &r32);
	r += __builtin_sub_overflow((s64)a << 32, (s64)b << 32, &r64) * 2;
	return r + r32 + (r64 >> 33) + __builtin_abs((int)a | 1);
}
T(nested_statement_expressions)
{
#define MAX(x, y) ({ typeof(x) _x = (x); typeof(y) _y = (y); _x > _y ? _x : _y; })
	struct S s = ({
		struct S t = {.x = a};
		t.arr[0] = b;
		t;
	});
	return MAX(MAX(a, 7u), b & 0xff) + s.x + s.arr[0] + ({ int v = 3; while (v < 9) v += 2; v; });
}
T(function_pointer)
{
	int (*f)(s8, u16, u64) = narrow_helper;
	return f(a, b, 5);
}
T(flexible)
{
	u32 (*rows)[3] = (u32 (*)[3])m2;
	return rows[1][0] + (*rows)[2] + sizeof(*rows) + (int)(&rows[1] - rows);
}
