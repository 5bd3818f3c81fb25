/*
 * <bpf/bpf_core_read.h>: reads and questions that are relocated to the kernel the program is loaded on.
 *
 * A chain such as BPF_CORE_READ(task, mm, owner, pid) follows pointers: all accessors but the last name one.
 */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include <bpf/bpf_helpers.h>

enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};
enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};
enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};
enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

/* ---- questions */

#define ___bpf_typeof(TYPE) ((typeof(TYPE) *)0)
#define __bpf_field1(FIELD) (FIELD)
#define __bpf_field2(TYPE, FIELD) (___bpf_typeof(TYPE)->FIELD)
#define __bpf_field(...) ___bpf_apply(__bpf_field, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__)

#define bpf_core_field_exists(...) \
	__builtin_preserve_field_info(__bpf_field(__VA_ARGS__), BPF_FIELD_EXISTS)
#define bpf_core_field_size(...) \
	__builtin_preserve_field_info(__bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_SIZE)
#define bpf_core_field_offset(...) \
	__builtin_preserve_field_info(__bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_OFFSET)

#define bpf_core_type_id_local(TYPE) \
	__builtin_btf_type_id(*___bpf_typeof(TYPE), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(TYPE) \
	__builtin_btf_type_id(*___bpf_typeof(TYPE), BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(TYPE) \
	__builtin_preserve_type_info(*___bpf_typeof(TYPE), BPF_TYPE_EXISTS)
#define bpf_core_type_matches(TYPE) \
	__builtin_preserve_type_info(*___bpf_typeof(TYPE), BPF_TYPE_MATCHES)
#define bpf_core_type_size(TYPE) \
	__builtin_preserve_type_info(*___bpf_typeof(TYPE), BPF_TYPE_SIZE)
#define bpf_core_enum_value_exists(TYPE, VALUE) \
	__builtin_preserve_enum_value(*(typeof(TYPE) *)VALUE, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(TYPE, VALUE) \
	__builtin_preserve_enum_value(*(typeof(TYPE) *)VALUE, BPF_ENUMVAL_VALUE)

/* A pointer the verifier knows the type of; reads through it need no helper (v6.2). */
extern void *bpf_rdonly_cast(const void *obj, unsigned int btf_id) __ksym __weak;
#define bpf_core_cast(PTR, TYPE) \
	((typeof(TYPE) *)bpf_rdonly_cast((PTR), bpf_core_type_id_kernel(TYPE)))

/* ---- single reads; "size" bytes of the field or object at the address SRC */

#define bpf_core_read(DST, SIZE, SRC) \
	bpf_probe_read_kernel(DST, SIZE, (const void *)__builtin_preserve_access_index(SRC))
#define bpf_core_read_user(DST, SIZE, SRC) \
	bpf_probe_read_user(DST, SIZE, (const void *)__builtin_preserve_access_index(SRC))
#define bpf_core_read_str(DST, SIZE, SRC) \
	bpf_probe_read_kernel_str(DST, SIZE, (const void *)__builtin_preserve_access_index(SRC))
#define bpf_core_read_user_str(DST, SIZE, SRC) \
	bpf_probe_read_user_str(DST, SIZE, (const void *)__builtin_preserve_access_index(SRC))

/* ---- chains: READ is one of the readers above or a helper */

#define __bpf_step(READ, SRC, FIELD) ({ \
	__auto_type __base = (SRC); \
	typeof(__base->FIELD) __value; \
	READ((void *)&__value, sizeof(__value), &__base->FIELD); \
	__value; })
#define __bpf_last(READ, LAST, DST, SRC, FIELD) ({ \
	__auto_type __into = (DST); \
	__auto_type __base = (SRC); \
	LAST((void *)__into, sizeof(*__into), &__base->FIELD); })

#define __bpf_chain1(READ, SRC, A) __bpf_step(READ, SRC, A)
#define __bpf_chain2(READ, SRC, A, ...) __bpf_chain1(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain3(READ, SRC, A, ...) __bpf_chain2(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain4(READ, SRC, A, ...) __bpf_chain3(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain5(READ, SRC, A, ...) __bpf_chain4(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain6(READ, SRC, A, ...) __bpf_chain5(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain7(READ, SRC, A, ...) __bpf_chain6(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain8(READ, SRC, A, ...) __bpf_chain7(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain9(READ, SRC, A, ...) __bpf_chain8(READ, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_chain(READ, SRC, ...) \
	___bpf_apply(__bpf_chain, ___bpf_narg(__VA_ARGS__))(READ, SRC, __VA_ARGS__)

#define __bpf_into1(READ, LAST, DST, SRC, A) __bpf_last(READ, LAST, DST, SRC, A)
#define __bpf_into2(READ, LAST, DST, SRC, A, ...) \
	__bpf_into1(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into3(READ, LAST, DST, SRC, A, ...) \
	__bpf_into2(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into4(READ, LAST, DST, SRC, A, ...) \
	__bpf_into3(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into5(READ, LAST, DST, SRC, A, ...) \
	__bpf_into4(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into6(READ, LAST, DST, SRC, A, ...) \
	__bpf_into5(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into7(READ, LAST, DST, SRC, A, ...) \
	__bpf_into6(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into8(READ, LAST, DST, SRC, A, ...) \
	__bpf_into7(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into9(READ, LAST, DST, SRC, A, ...) \
	__bpf_into8(READ, LAST, DST, __bpf_step(READ, SRC, A), __VA_ARGS__)
#define __bpf_into(READ, LAST, DST, SRC, ...) \
	___bpf_apply(__bpf_into, ___bpf_narg(__VA_ARGS__))(READ, LAST, DST, SRC, __VA_ARGS__)

#define BPF_CORE_READ(SRC, ...) __bpf_chain(bpf_core_read, SRC, __VA_ARGS__)
#define BPF_CORE_READ_USER(SRC, ...) __bpf_chain(bpf_core_read_user, SRC, __VA_ARGS__)
#define BPF_PROBE_READ(SRC, ...) __bpf_chain(bpf_probe_read_kernel, SRC, __VA_ARGS__)
#define BPF_PROBE_READ_USER(SRC, ...) __bpf_chain(bpf_probe_read_user, SRC, __VA_ARGS__)

#define BPF_CORE_READ_INTO(DST, SRC, ...) \
	__bpf_into(bpf_core_read, bpf_core_read, DST, SRC, __VA_ARGS__)
#define BPF_CORE_READ_USER_INTO(DST, SRC, ...) \
	__bpf_into(bpf_core_read_user, bpf_core_read_user, DST, SRC, __VA_ARGS__)
#define BPF_PROBE_READ_INTO(DST, SRC, ...) \
	__bpf_into(bpf_probe_read_kernel, bpf_probe_read_kernel, DST, SRC, __VA_ARGS__)
#define BPF_PROBE_READ_USER_INTO(DST, SRC, ...) \
	__bpf_into(bpf_probe_read_user, bpf_probe_read_user, DST, SRC, __VA_ARGS__)

#define BPF_CORE_READ_STR_INTO(DST, SRC, ...) \
	__bpf_into(bpf_core_read, bpf_core_read_str, DST, SRC, __VA_ARGS__)
#define BPF_CORE_READ_USER_STR_INTO(DST, SRC, ...) \
	__bpf_into(bpf_core_read_user, bpf_core_read_user_str, DST, SRC, __VA_ARGS__)
#define BPF_PROBE_READ_STR_INTO(DST, SRC, ...) \
	__bpf_into(bpf_probe_read_kernel, bpf_probe_read_kernel_str, DST, SRC, __VA_ARGS__)
#define BPF_PROBE_READ_USER_STR_INTO(DST, SRC, ...) \
	__bpf_into(bpf_probe_read_user, bpf_probe_read_user_str, DST, SRC, __VA_ARGS__)

/* ---- bit-fields: the bytes that hold one are read whole, and shifted to where they mean its value */

#define __CORE_RELO(SRC, FIELD, INFO) \
	__builtin_preserve_field_info((SRC)->FIELD, BPF_FIELD_##INFO)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __bpf_word_end(SRC, FIELD) 0
#else
#define __bpf_word_end(SRC, FIELD) (8 - __CORE_RELO(SRC, FIELD, BYTE_SIZE))
#endif

#define __bpf_field_value(SRC, FIELD, WORD) ({ \
	unsigned long long __bits = (WORD) << __CORE_RELO(SRC, FIELD, LSHIFT_U64); \
	if (__CORE_RELO(SRC, FIELD, SIGNED)) \
		__bits = (long long)__bits >> __CORE_RELO(SRC, FIELD, RSHIFT_U64); \
	else \
		__bits = __bits >> __CORE_RELO(SRC, FIELD, RSHIFT_U64); \
	__bits; })

#define BPF_CORE_READ_BITFIELD_PROBED(SRC, FIELD) ({ \
	unsigned long long __word = 0; \
	bpf_probe_read_kernel((char *)&__word + __bpf_word_end(SRC, FIELD), \
			      __CORE_RELO(SRC, FIELD, BYTE_SIZE), \
			      (const char *)(SRC) + __CORE_RELO(SRC, FIELD, BYTE_OFFSET)); \
	__bpf_field_value(SRC, FIELD, __word); })

/* The barrier keeps the offset out of the load: only an instruction of its own can be relocated. */
#define BPF_CORE_READ_BITFIELD(SRC, FIELD) ({ \
	const char *__at = (const char *)(SRC) + __CORE_RELO(SRC, FIELD, BYTE_OFFSET); \
	unsigned long long __word = 0; \
	barrier_var(__at); \
	switch (__CORE_RELO(SRC, FIELD, BYTE_SIZE)) { \
	case 1: __word = *(const unsigned char *)__at; break; \
	case 2: __word = *(const unsigned short *)__at; break; \
	case 4: __word = *(const unsigned int *)__at; break; \
	case 8: __word = *(const unsigned long long *)__at; break; \
	} \
	__bpf_field_value(SRC, FIELD, __word); })

#define BPF_CORE_WRITE_BITFIELD(DST, FIELD, VALUE) ({ \
	char *__at = (char *)(DST) + __CORE_RELO(DST, FIELD, BYTE_OFFSET); \
	unsigned int __size = __CORE_RELO(DST, FIELD, BYTE_SIZE); \
	unsigned int __left = __CORE_RELO(DST, FIELD, LSHIFT_U64); \
	unsigned int __right = __CORE_RELO(DST, FIELD, RSHIFT_U64); \
	unsigned long long __mask = (~0ULL << __right) >> __left, __word = 0; \
	unsigned long long __new = ((unsigned long long)(VALUE) << __right) >> __left; \
	barrier_var(__at); \
	switch (__size) { \
	case 1: __word = *(unsigned char *)__at; break; \
	case 2: __word = *(unsigned short *)__at; break; \
	case 4: __word = *(unsigned int *)__at; break; \
	case 8: __word = *(unsigned long long *)__at; break; \
	} \
	__word = (__word & ~__mask) | (__new & __mask); \
	switch (__size) { \
	case 1: *(unsigned char *)__at = __word; break; \
	case 2: *(unsigned short *)__at = __word; break; \
	case 4: *(unsigned int *)__at = __word; break; \
	case 8: *(unsigned long long *)__at = __word; break; \
	} })

#endif
