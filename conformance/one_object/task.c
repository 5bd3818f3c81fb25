RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    char name[16] = {};

    OUT(0, task->tgid);
    OUT(1, task->real_parent->tgid);
    OUT(2, task->static_prio);
    OUT(3, task->signal->rlim[7].rlim_cur); /* RLIMIT_NOFILE */
    OUT(4, task->nsproxy->uts_ns->ns.inum);
    OUT(5, task->cred->suid.val);
    bpf_probe_read_kernel_str(&name, sizeof(name), task->comm);
    OUT(6, *(u64 *)&name[0]);
    OUT(7, *(u64 *)&name[8]);
    return 0;
}
