"""The analysis outside bcc's dialect: programs are functions with a section."""

from __future__ import annotations

from tests.unit.compiler.bcc_chain import chain, target

SEC = "#define SEC(x) __attribute__((section(x), used))\n"


def test_sections_make_programs_and_memory_is_accessed_as_written() -> None:
    result = chain(
        SEC
        + """
        static int inner(struct task_struct *t) { return t->pid; }
        SEC("tp_btf/sched_switch") int on_switch(u64 *ctx) {
            return inner((struct task_struct *)ctx[1]); }
        SEC("kprobe/f") int on_f(struct pt_regs *ctx) {
            return inner((struct task_struct *)ctx->di); }
        """,
        target("libbpf"),
    )
    assert [i.symbol for i in result.plan.entries] == ["on_switch", "on_f"]
    inner = {call for entry in result.plan.entries for call in entry.calls.values()}
    assert [instance.accesses for instance in inner] == [{}]
    assert result.plan.read_helper == 113


def test_stores_are_the_verifiers_business() -> None:
    result = chain(
        SEC
        + """
        SEC("struct_ops/init") void on_init(u64 *ctx) {
            struct task_struct *t = (struct task_struct *)ctx[0]; t->pid = 1; }
        """,
        target("libbpf"),
    )
    assert not result.plan.entries[0].accesses


def test_explicit_reads_stay_as_they_are() -> None:
    result = chain(
        SEC
        + """
        SEC("kprobe/f") int on_f(struct pt_regs *ctx) {
            struct task_struct *t = (void *)bpf_get_current_task(), *p = 0; pid_t pid = 0;
            bpf_probe_read_kernel(&p, sizeof(p), &t->real_parent);
            bpf_probe_read_kernel(&pid, sizeof(pid), &p->pid);
            return pid; }
        """,
        target("libbpf"),
    )
    (entry,) = result.plan.entries
    assert not entry.accesses
