// Time spent in handlers of hardware interrupts, by the name of the handler.
#include <uapi/linux/ptrace.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/interrupt.h>

struct irq_name_t {
    char name[32];
    u64 slot;
};

struct entered_t {
    u64 ts;
    struct irq_name_t who;
};

BPF_HASH(running, u32, struct entered_t);
BPF_HISTOGRAM(handlers, struct irq_name_t, 1024);
BPF_HASH(unhandled, u32);

TRACEPOINT_PROBE(irq, irq_handler_entry) {
    struct entered_t one = {};
    u32 tid = bpf_get_current_pid_tgid();

    one.ts = bpf_ktime_get_ns();
    TP_DATA_LOC_READ_STR(&one.who.name, name, sizeof(one.who.name));
    running.update(&tid, &one);
    return 0;
}

TRACEPOINT_PROBE(irq, irq_handler_exit) {
    u32 tid = bpf_get_current_pid_tgid();
    u32 irq = args->irq;
    struct entered_t *one;

    if (args->ret == IRQ_NONE) {
        unhandled.increment(irq);
        return 0;
    }
    one = running.lookup(&tid);
    if (!one)
        return 0;
    struct irq_name_t key = {};
    __builtin_memcpy(&key.name, one->who.name, sizeof(key.name));
    key.slot = bpf_log2l(bpf_ktime_get_ns() - one->ts);
    handlers.atomic_increment(key);
    running.delete(&tid);
    return 0;
}

/* Without the tracepoints the descriptor leads to the name. */
int kprobe__handle_irq_event_percpu(struct pt_regs *ctx, struct irq_desc *desc) {
    struct irqaction *action = desc->action;
    struct irq_name_t key = {};

    if (action == NULL || desc->irq_data.irq == 0)
        return 0;
    bpf_probe_read_kernel_str(&key.name, sizeof(key.name), action->name);
    handlers.increment(key);
    return 0;
}
