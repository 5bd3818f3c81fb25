/*
 * The probe macros of bcc's dialect: each declares the function that is the program.
 *
 * "args:ctx" on a function asks the dialect stage to take its further parameters from the 64-bit words the
 * context points to (fentry, fexit, fmod_ret and LSM programs), the first from word 0.
 */

#define TRACEPOINT_PROBE(CATEGORY, EVENT) \
	int tracepoint__##CATEGORY##__##EVENT(struct tracepoint__##CATEGORY##__##EVENT *args)

#define RAW_TRACEPOINT_PROBE(EVENT) \
	int raw_tracepoint__##EVENT(struct bpf_raw_tracepoint_args *ctx)

#define BPF_PROG(NAME, ...) \
	__attribute__((annotate("args:ctx"))) int NAME(unsigned long long *ctx, ##__VA_ARGS__)

#define KFUNC_PROBE(FN, ...) BPF_PROG(kfunc__vmlinux__##FN, ##__VA_ARGS__)
#define KRETFUNC_PROBE(FN, ...) BPF_PROG(kretfunc__vmlinux__##FN, ##__VA_ARGS__)
#define MODULE_KFUNC_PROBE(MODULE, FN, ...) BPF_PROG(kfunc__##MODULE##__##FN, ##__VA_ARGS__)
#define MODULE_KRETFUNC_PROBE(MODULE, FN, ...) BPF_PROG(kretfunc__##MODULE##__##FN, ##__VA_ARGS__)
#define KMOD_RET(FN, ...) BPF_PROG(kmod_ret__##FN, ##__VA_ARGS__)
#define LSM_PROBE(HOOK, ...) BPF_PROG(lsm__##HOOK, ##__VA_ARGS__)

#define BPF_ITER(TARGET) int bpf_iter__##TARGET(struct bpf_iter__##TARGET *ctx)

/* A variable-length tracepoint field: the low half of its word is where it starts, the high half its length. */
#define TP_DATA_LOC_READ_CONST(DST, FIELD, LEN) \
	do { \
		unsigned short __start = args->data_loc_##FIELD & 0xffff; \
		bpf_probe_read_kernel((void *)(DST), LEN, (char *)args + __start); \
	} while (0)
#define TP_DATA_LOC_READ(DST, FIELD) \
	do { \
		unsigned short __start = args->data_loc_##FIELD & 0xffff; \
		unsigned short __bytes = args->data_loc_##FIELD >> 16; \
		bpf_probe_read_kernel((void *)(DST), __bytes, (char *)args + __start); \
	} while (0)
#define TP_DATA_LOC_READ_STR(DST, FIELD, LEN) \
	do { \
		unsigned short __start = args->data_loc_##FIELD & 0xffff; \
		bpf_probe_read_kernel_str((void *)(DST), LEN, (char *)args + __start); \
	} while (0)
