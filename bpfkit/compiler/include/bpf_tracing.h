/*
 * <bpf/bpf_tracing.h>: programs with named arguments, and registers by what they hold.
 *
 * "args:…" on a function asks the dialect stage to take its further parameters from the context: "ctx" from
 * the 64-bit words it points to, "regs" from the registers of a call, "ret" from the register of a result,
 * "syscall" from those of a system call, "usdt" from a user-space probe. PT_REGS_* come from the table of
 * architectures and stand before this text.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct pt_regs;

#define __bpf_regs(X) ((struct pt_regs *)(X))
/* @registers@ */
/* Where a system call keeps its arguments: in the registers of its caller, behind the wrapper's argument. */
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
#define PT_REGS_SYSCALL_REGS(CTX) \
	(LINUX_HAS_SYSCALL_WRAPPER ? __bpf_regs(PT_REGS_PARM1(CTX)) : __bpf_regs(CTX))

#define BPF_KPROBE_READ_RET_IP(IP, CTX) \
	({ bpf_probe_read_kernel(&(IP), sizeof(IP), (void *)(PT_REGS_FP(CTX) + sizeof(IP))); })
#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP

#define __bpf_args(FROM) __attribute__((annotate("args:" FROM)))

#define BPF_PROG(NAME, ...) __bpf_args("ctx") NAME(unsigned long long *ctx, ##__VA_ARGS__)
#define BPF_KPROBE(NAME, ...) __bpf_args("regs") NAME(struct pt_regs *ctx, ##__VA_ARGS__)
#define BPF_KRETPROBE(NAME, ...) __bpf_args("ret") NAME(struct pt_regs *ctx, ##__VA_ARGS__)
#define BPF_KSYSCALL(NAME, ...) __bpf_args("syscall") NAME(struct pt_regs *ctx, ##__VA_ARGS__)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL
#define BPF_UPROBE(NAME, ...) BPF_KPROBE(NAME, ##__VA_ARGS__)
#define BPF_URETPROBE(NAME, ...) BPF_KRETPROBE(NAME, ##__VA_ARGS__)

/* Types and names in turn; a struct takes as many words as it has. */
#define __bpf_pairs0()
#define __bpf_pairs2(T, A) , T A
#define __bpf_pairs4(T, A, ...) , T A __bpf_pairs2(__VA_ARGS__)
#define __bpf_pairs6(T, A, ...) , T A __bpf_pairs4(__VA_ARGS__)
#define __bpf_pairs8(T, A, ...) , T A __bpf_pairs6(__VA_ARGS__)
#define __bpf_pairs10(T, A, ...) , T A __bpf_pairs8(__VA_ARGS__)
#define __bpf_pairs12(T, A, ...) , T A __bpf_pairs10(__VA_ARGS__)
#define BPF_PROG2(NAME, ...) __bpf_args("ctx") \
	NAME(unsigned long long *ctx \
	     ___bpf_apply(__bpf_pairs, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__))

#endif
