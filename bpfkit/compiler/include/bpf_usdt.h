/*
 * <bpf/usdt.bpf.h>: arguments of user-space probes.
 *
 * Whoever attaches writes into two maps where each probe keeps its arguments: one specification for each
 * place, found by the attach cookie, or by the address where the kernel has no cookies. Names and layouts of
 * both are what libbpf's loader expects.
 */
#ifndef __USDT_BPF_H__
#define __USDT_BPF_H__

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif
#define BPF_USDT_MAX_ARG_CNT 12

enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,
	BPF_USDT_ARG_REG,
	BPF_USDT_ARG_REG_DEREF,
	BPF_USDT_ARG_SIB,
};

/* A number, a register, memory at a register, or memory at base + index * scale. */
struct __bpf_usdt_arg_spec {
	unsigned long long val_off;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	enum __bpf_usdt_arg_type arg_type : 8;
	unsigned short idx_reg_off : 12;
	unsigned short scale_bitshift : 4;
	unsigned char __reserved : 8;
#else
	unsigned char __reserved : 8;
	unsigned short idx_reg_off : 12;
	unsigned short scale_bitshift : 4;
	enum __bpf_usdt_arg_type arg_type : 8;
#endif
	short reg_off;
	_Bool arg_signed;
	char arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	unsigned long long usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, unsigned int);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct __bpf_usdt_spec *__bpf_usdt_spec_of(struct pt_regs *ctx)
{
	int id = 0;

	if (LINUX_HAS_BPF_COOKIE) {
		id = bpf_get_attach_cookie(ctx);
	} else {
		long ip = PT_REGS_IP(ctx);
		int *found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);

		if (!found)
			return (void *)0;
		id = *found;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

/* How many arguments the probe has; below 0 when it is not known. */
__weak __hidden int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_spec_of(ctx);

	return spec ? spec->arg_cnt : -3;
}

/* Bytes of an argument. */
__weak __hidden int bpf_usdt_arg_size(struct pt_regs *ctx, unsigned long long arg_num)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_spec_of(ctx);

	if (!spec)
		return -3;
	if (arg_num >= BPF_USDT_MAX_ARG_CNT || (short)arg_num >= spec->arg_cnt)
		return -2;
	barrier_var(arg_num);
	if (arg_num >= BPF_USDT_MAX_ARG_CNT)
		return -2;
	return (64 - spec->args[arg_num].arg_bitshift) / 8;
}

/* Write the value of an argument, widened to 64 bits; a negative errno says why it cannot be had. */
__weak __hidden int bpf_usdt_arg(struct pt_regs *ctx, unsigned long long arg_num, long *res)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_spec_of(ctx);
	struct __bpf_usdt_arg_spec *arg;
	unsigned long value = 0, index = 0;
	int error;

	*res = 0;
	if (!spec)
		return -3;
	if (arg_num >= BPF_USDT_MAX_ARG_CNT)
		return -2;
	barrier_var(arg_num);
	if (arg_num >= BPF_USDT_MAX_ARG_CNT || (short)arg_num >= spec->arg_cnt)
		return -2;
	arg = &spec->args[arg_num];
	switch (arg->arg_type) {
	case BPF_USDT_ARG_CONST:
		value = arg->val_off;
		break;
	case BPF_USDT_ARG_REG:
		error = bpf_probe_read_kernel(&value, sizeof(value), (char *)ctx + arg->reg_off);
		if (error)
			return error;
		break;
	case BPF_USDT_ARG_REG_DEREF:
	case BPF_USDT_ARG_SIB:
		error = bpf_probe_read_kernel(&value, sizeof(value), (char *)ctx + arg->reg_off);
		if (error)
			return error;
		if (arg->arg_type == BPF_USDT_ARG_SIB) {
			error = bpf_probe_read_kernel(&index, sizeof(index),
						      (char *)ctx + arg->idx_reg_off);
			if (error)
				return error;
			index <<= arg->scale_bitshift;
		}
		error = bpf_probe_read_user(&value, sizeof(value),
					    (void *)(value + index + arg->val_off));
		if (error)
			return error;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		value >>= arg->arg_bitshift;
#endif
		break;
	default:
		return -22;
	}
	value <<= arg->arg_bitshift;
	*res = arg->arg_signed ? (long)value >> arg->arg_bitshift : value >> arg->arg_bitshift;
	return 0;
}

/* What the user gave when attaching. */
__weak __hidden long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_spec_of(ctx);

	return spec ? spec->usdt_cookie : 0;
}

static __always_inline long __bpf_usdt_value(struct pt_regs *ctx, unsigned long long arg_num)
{
	long value = 0;

	bpf_usdt_arg(ctx, arg_num, &value);
	return value;
}

/* Values are handed on as pointers, which the parameters take whatever they are. */
#define __bpf_usdt_word(N) (void *)__bpf_usdt_value(ctx, N)
#define __bpf_usdt_words0
#define __bpf_usdt_words1 , __bpf_usdt_word(0)
#define __bpf_usdt_words2 __bpf_usdt_words1, __bpf_usdt_word(1)
#define __bpf_usdt_words3 __bpf_usdt_words2, __bpf_usdt_word(2)
#define __bpf_usdt_words4 __bpf_usdt_words3, __bpf_usdt_word(3)
#define __bpf_usdt_words5 __bpf_usdt_words4, __bpf_usdt_word(4)
#define __bpf_usdt_words6 __bpf_usdt_words5, __bpf_usdt_word(5)
#define __bpf_usdt_words7 __bpf_usdt_words6, __bpf_usdt_word(6)
#define __bpf_usdt_words8 __bpf_usdt_words7, __bpf_usdt_word(7)
#define __bpf_usdt_words9 __bpf_usdt_words8, __bpf_usdt_word(8)
#define __bpf_usdt_words10 __bpf_usdt_words9, __bpf_usdt_word(9)
#define __bpf_usdt_words11 __bpf_usdt_words10, __bpf_usdt_word(10)
#define __bpf_usdt_words12 __bpf_usdt_words11, __bpf_usdt_word(11)
#define BPF_USDT(NAME, ...) \
	NAME(struct pt_regs *ctx); \
	static __always_inline typeof(NAME(0)) ____##NAME(struct pt_regs *ctx, ##__VA_ARGS__); \
	typeof(NAME(0)) NAME(struct pt_regs *ctx) \
	{ \
		_Pragma("GCC diagnostic push") \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		return ____##NAME(ctx ___bpf_apply(__bpf_usdt_words, ___bpf_narg(__VA_ARGS__))); \
		_Pragma("GCC diagnostic pop") \
	} \
	static __always_inline typeof(NAME(0)) ____##NAME(struct pt_regs *ctx, ##__VA_ARGS__)

#endif
