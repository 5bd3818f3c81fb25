RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    OUT(0, task->real_parent->state); /* __state since v5.14 */
    OUT(1, task->real_parent->tgid);
    return 0;
}
