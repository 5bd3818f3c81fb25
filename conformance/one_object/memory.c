#include <linux/fs.h>

RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct mm_struct *mm = task->mm;

    OUT(0, mm->start_code);
    OUT(1, mm->start_stack);
    OUT(2, mm->arg_start);
    OUT(3, mm->arg_end);
    OUT(4, mm->env_start);
    OUT(5, mm->total_vm);
    OUT(6, mm->exe_file->f_inode->i_ino);
    return 0;
}
