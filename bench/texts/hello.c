TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
	bpf_trace_printk("hello %d\n", args->id);
	return 0;
}
