/*
 * <bpf/bpf_helpers.h>: what every program of libbpf's dialect uses, under the names libbpf documents.
 *
 * Helpers themselves are declared before the text, each when it is named. Only plain C types are used here,
 * because which kernel types are present depends on the program.
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

/* ---- macros over macros */

#define ___bpf_concat(A, B) A##B
#define ___bpf_apply(FN, N) ___bpf_concat(FN, N)
#define ___bpf_nth(A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, N, ...) N
#define ___bpf_narg(...) ___bpf_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* ---- maps: a number N is the type int (*)[N], a type T is T * */

#define __uint(NAME, VALUE) int (*NAME)[VALUE]
#define __type(NAME, TYPE) typeof(TYPE) *NAME
#define __array(NAME, TYPE) typeof(TYPE) *NAME[]
#define __ulong(NAME, VALUE) \
	enum { ___bpf_concat(__number_of_##NAME##_, __COUNTER__) = (VALUE) } NAME

enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	LIBBPF_PIN_BY_NAME,
};

/* ---- attributes */

#define SEC(NAME) __attribute__((section(NAME), used))

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#ifndef __hidden
#define __hidden __attribute__((visibility("hidden")))
#endif

#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))

#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

/* Memory of an arena (v6.9). Pointers to it need no casts: each access brings its own. */
#define __BPF_FEATURE_ADDR_SPACE_CAST 1
#ifndef __arena
#define __arena __attribute__((address_space(1)))
#endif
#ifndef __arena_global
#define __arena_global __attribute__((address_space(1)))
#endif
#define cast_kern(PTR)
#define cast_user(PTR)

enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

/* ---- small things */

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(A, B, C) (((A) << 16) + ((B) << 8) + ((C) > 255 ? 255 : (C)))
#endif
#ifndef offsetof
#define offsetof(TYPE, MEMBER) __builtin_offsetof(TYPE, MEMBER)
#endif
/* Where the member is in the kernel the object is loaded into, which offsetof does not know. */
#ifndef container_of
#define container_of(PTR, TYPE, MEMBER) \
	((TYPE *)((char *)(PTR) - (unsigned long)&((TYPE *)0)->MEMBER))
#endif
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(VAR) asm volatile("" : "+r"(VAR))
#endif
#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/* A weak extern is there when its address is. */
#define bpf_ksym_exists(SYM) (!!(SYM))

#define bpf_tail_call_static(CTX, MAP, SLOT) ((void)bpf_tail_call(CTX, MAP, SLOT))

/* ---- formatted output: the values as 64-bit words */

#define __bpf_word(X) ((unsigned long long)(X))
#define __bpf_words1(A) __bpf_word(A)
#define __bpf_words2(A, ...) __bpf_word(A), __bpf_words1(__VA_ARGS__)
#define __bpf_words3(A, ...) __bpf_word(A), __bpf_words2(__VA_ARGS__)
#define __bpf_words4(A, ...) __bpf_word(A), __bpf_words3(__VA_ARGS__)
#define __bpf_words5(A, ...) __bpf_word(A), __bpf_words4(__VA_ARGS__)
#define __bpf_words6(A, ...) __bpf_word(A), __bpf_words5(__VA_ARGS__)
#define __bpf_words7(A, ...) __bpf_word(A), __bpf_words6(__VA_ARGS__)
#define __bpf_words8(A, ...) __bpf_word(A), __bpf_words7(__VA_ARGS__)
#define __bpf_words9(A, ...) __bpf_word(A), __bpf_words8(__VA_ARGS__)
#define __bpf_words10(A, ...) __bpf_word(A), __bpf_words9(__VA_ARGS__)
#define __bpf_words11(A, ...) __bpf_word(A), __bpf_words10(__VA_ARGS__)
#define __bpf_words12(A, ...) __bpf_word(A), __bpf_words11(__VA_ARGS__)

/* CALL is a function or macro of (FIRST..., format, words, bytes of words). */
#define __bpf_format0(CALL, FMT) ({ \
	static const char __format[] = FMT; \
	CALL(__format, (const void *)0, 0); })
#define __bpf_format_words(CALL, FMT, ...) ({ \
	static const char __format[] = FMT; \
	unsigned long long __words[] = { \
		___bpf_apply(__bpf_words, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__) }; \
	CALL(__format, __words, sizeof(__words)); })
#define __bpf_format1 __bpf_format_words
#define __bpf_format2 __bpf_format_words
#define __bpf_format3 __bpf_format_words
#define __bpf_format4 __bpf_format_words
#define __bpf_format5 __bpf_format_words
#define __bpf_format6 __bpf_format_words
#define __bpf_format7 __bpf_format_words
#define __bpf_format8 __bpf_format_words
#define __bpf_format9 __bpf_format_words
#define __bpf_format10 __bpf_format_words
#define __bpf_format11 __bpf_format_words
#define __bpf_format12 __bpf_format_words

#define __bpf_to_seq(FMT, WORDS, BYTES) \
	bpf_seq_printf(__seq, FMT, sizeof(FMT), WORDS, BYTES)
#define BPF_SEQ_PRINTF(SEQ, FMT, ...) ({ \
	__auto_type __seq = (SEQ); \
	___bpf_apply(__bpf_format, ___bpf_narg(__VA_ARGS__))(__bpf_to_seq, FMT, ##__VA_ARGS__); })

#define __bpf_to_buffer(FMT, WORDS, BYTES) bpf_snprintf(__to, __room, FMT, WORDS, BYTES)
#define BPF_SNPRINTF(OUT, SIZE, FMT, ...) ({ \
	char *__to = (char *)(OUT); \
	unsigned int __room = (SIZE); \
	___bpf_apply(__bpf_format, ___bpf_narg(__VA_ARGS__))(__bpf_to_buffer, FMT, ##__VA_ARGS__); })

/* Up to three values go in registers; more need bpf_trace_vprintk (v5.16). */
#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif
#define __bpf_printk_short(FMT, ...) ({ \
	BPF_PRINTK_FMT_MOD char __format[] = FMT; \
	bpf_trace_printk(__format, sizeof(__format), ##__VA_ARGS__); })
#define __bpf_to_pipe(FMT, WORDS, BYTES) bpf_trace_vprintk(FMT, sizeof(FMT), WORDS, BYTES)
#define __bpf_printk_long(FMT, ...) __bpf_format_words(__bpf_to_pipe, FMT, ##__VA_ARGS__)
#define __bpf_printk0 __bpf_printk_short
#define __bpf_printk1 __bpf_printk_short
#define __bpf_printk2 __bpf_printk_short
#define __bpf_printk3 __bpf_printk_short
#define __bpf_printk4 __bpf_printk_long
#define __bpf_printk5 __bpf_printk_long
#define __bpf_printk6 __bpf_printk_long
#define __bpf_printk7 __bpf_printk_long
#define __bpf_printk8 __bpf_printk_long
#define __bpf_printk9 __bpf_printk_long
#define __bpf_printk10 __bpf_printk_long
#define __bpf_printk11 __bpf_printk_long
#define __bpf_printk12 __bpf_printk_long
#define __bpf_printk(FMT, ...) __bpf_printk_short(FMT, ##__VA_ARGS__)
#define ___bpf_pick_printk(...) ___bpf_apply(__bpf_printk, ___bpf_narg(__VA_ARGS__))
#define bpf_printk(FMT, ...) ___bpf_pick_printk(__VA_ARGS__)(FMT, ##__VA_ARGS__)
#define bpf_stream_printk(STREAM, FMT, ...) ({ \
	int __stream = (STREAM); \
	___bpf_apply(__bpf_format, ___bpf_narg(__VA_ARGS__))(__bpf_to_stream, FMT, ##__VA_ARGS__); })
#define __bpf_to_stream(FMT, WORDS, BYTES) bpf_stream_vprintk(__stream, FMT, WORDS, BYTES, (void *)0)

/* ---- open-coded iterators (v6.4) */

struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

#define bpf_for_each(TYPE, CUR, ...) \
	for (struct bpf_iter_##TYPE __it __attribute__((aligned(8), \
							cleanup(bpf_iter_##TYPE##_destroy))), \
	     *__started __attribute__((unused)) = \
		     (bpf_iter_##TYPE##_new(&__it, ##__VA_ARGS__), (void *)0); \
	     (((CUR) = bpf_iter_##TYPE##_next(&__it)));)

#define bpf_for(I, START, END) \
	for (struct bpf_iter_num __it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))), \
	     *__started __attribute__((unused)) = \
		     (bpf_iter_num_new(&__it, (START), (END)), (void *)0); \
	     ({ int *__next = bpf_iter_num_next(&__it); \
		__next && ((I) = *__next, (I) >= (START) && (I) < (END)); });)

#define bpf_repeat(N) \
	for (struct bpf_iter_num __it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))), \
	     *__started __attribute__((unused)) = (bpf_iter_num_new(&__it, 0, (N)), (void *)0); \
	     bpf_iter_num_next(&__it);)

#endif
