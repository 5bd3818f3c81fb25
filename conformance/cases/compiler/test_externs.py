"""What a program leaves to the kernel: kernel symbols, kernel functions, configuration."""

from __future__ import annotations

import os
import platform

import pytest

from bpfkit.errors import LoadError
from bpfkit.system import System
from bpfkit.uapi.btf import BtfKind
from conformance.case import case
from conformance.libbpf import RAW_TP_RUN, in_tracepoint, load_text


def option(name: str) -> str | None:
    """The kernel's value of a CONFIG option."""
    return System.live().facts.config(name)


@case("compiler/externs/kernel-version", kernel=RAW_TP_RUN)
def test_the_kernels_version_is_filled_in() -> None:
    """``LINUX_KERNEL_VERSION`` is the running kernel's version, and dead code is dropped."""
    before = "extern int LINUX_KERNEL_VERSION __kconfig;"
    body = """
    OUT(0, LINUX_KERNEL_VERSION); OUT(1, LINUX_KERNEL_VERSION >= KERNEL_VERSION(4, 0, 0));
    if (LINUX_KERNEL_VERSION < KERNEL_VERSION(4, 0, 0)) *(volatile int *)0x10 = 1;
    """
    major, minor, patch = System.live().facts.version
    code = (major << 16) + (minor << 8) + min(patch, 255)
    assert in_tracepoint(body, 2, before) == [code, 1]


@case("compiler/externs/kconfig-values", kernel=RAW_TP_RUN)
def test_options_are_filled_in_by_their_type() -> None:
    """Options declared as bool, tristate, int, char and string have the kernel's values."""
    before = """
    extern bool CONFIG_BPF_SYSCALL __kconfig; extern enum libbpf_tristate CONFIG_BPF __kconfig;
    extern int CONFIG_HZ __kconfig; extern char CONFIG_NET __kconfig;
    extern char CONFIG_DEFAULT_HOSTNAME[16] __kconfig __weak;
    """
    body = """
    OUT(0, CONFIG_BPF_SYSCALL); OUT(1, CONFIG_BPF == TRI_YES); OUT(2, CONFIG_HZ);
    OUT(3, CONFIG_NET); OUT(4, CONFIG_DEFAULT_HOSTNAME[1]);
    """
    host = (option("CONFIG_DEFAULT_HOSTNAME") or '"').strip('"')
    hz = int(option("CONFIG_HZ") or "0")
    second = ord(host[1]) if len(host) > 1 else 0
    assert in_tracepoint(body, 5, before) == [1, 1, hz, ord("y"), second]


@case("compiler/externs/kconfig-weak", kernel=RAW_TP_RUN)
def test_an_unknown_option_is_zero_when_it_is_weak() -> None:
    """An option the kernel does not set is 0 if declared weak; else loading says its name."""
    weak = "extern int CONFIG_OF_NO_KERNEL __kconfig __weak;"
    assert in_tracepoint("OUT(0, CONFIG_OF_NO_KERNEL);", 1, weak) == [0]
    with pytest.raises(LoadError, match=r"'CONFIG_OF_NO_KERNEL'.*__weak"):
        in_tracepoint("OUT(0, CONFIG_OF_NO_KERNEL);", 1, weak.replace("__weak", ""))


@case("compiler/externs/kconfig-facts", kernel=RAW_TP_RUN)
def test_facts_of_the_kernel_are_filled_in() -> None:
    """``LINUX_HAS_SYSCALL_WRAPPER`` and ``LINUX_HAS_BPF_COOKIE`` say what the kernel has."""
    before = """
    extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig; extern bool LINUX_HAS_BPF_COOKIE __kconfig;
    """
    wrapped = platform.machine() in ("x86_64", "aarch64", "s390x")
    cookies = System.live().facts.version[:2] >= (5, 15)
    body = "OUT(0, LINUX_HAS_SYSCALL_WRAPPER); OUT(1, LINUX_HAS_BPF_COOKIE);"
    assert in_tracepoint(body, 2, before) == [wrapped, cookies]


@case("compiler/externs/addresses", kernel=RAW_TP_RUN)
def test_a_symbol_without_a_type_is_an_address() -> None:
    """``extern const void x __ksym`` is the address that kallsyms gives; weak ones may be 0."""
    before = """
    extern const void bpf_prog_put __ksym; extern const void no_such_symbol_here __ksym __weak;
    """
    body = """
    OUT(0, &bpf_prog_put); OUT(1, &no_such_symbol_here);
    OUT(2, bpf_ksym_exists(&no_such_symbol_here)); OUT(3, bpf_ksym_exists(&bpf_prog_put));
    """
    address = next(iter(System.live().facts.kallsyms.addresses("bpf_prog_put")))
    assert in_tracepoint(body, 4, before) == [address - (1 << 64), 0, 0, 1]


@case("compiler/externs/variables", kernel=RAW_TP_RUN, config="KALLSYMS_ALL")
def test_a_per_cpu_variable_of_the_kernel_is_read() -> None:
    """A typed ``__ksym`` variable is found by BTF and read with bpf_this_cpu_ptr.

    Kernels whose BTF was made without variables have none; the error says so.
    """
    before = "extern const struct rq runqueues __ksym;"
    body = """
    struct rq *rq = (struct rq *)bpf_per_cpu_ptr(&runqueues, 0);
    OUT(0, rq != 0); if (rq) OUT(1, rq->cpu);
    struct rq *mine = (struct rq *)bpf_this_cpu_ptr(&runqueues);
    OUT(2, mine->cpu == bpf_get_smp_processor_id());
    """
    if System.live().facts.btf.by_name("runqueues", (BtfKind.VAR,)):
        assert in_tracepoint(body, 3, before) == [1, 0, 1]
    else:
        with pytest.raises(LoadError, match=r"'runqueues'.*describes no variables at all"):
            in_tracepoint(body, 3, before)


@case("compiler/externs/missing", kernel=RAW_TP_RUN)
def test_a_missing_symbol_is_an_error_that_names_it() -> None:
    """A symbol the kernel lacks is an error unless it is weak; the hint says so."""
    before = "extern const int no_such_variable __ksym;"
    with pytest.raises(LoadError, match=r"'no_such_variable'.*__weak"):
        in_tracepoint("OUT(0, *(int *)bpf_this_cpu_ptr(&no_such_variable));", 1, before)


@case("compiler/externs/functions", kernel="6.2")
def test_functions_of_the_kernel_are_called() -> None:
    """A kfunc declared ``__ksym`` is found in the kernel's BTF and called."""
    before = """
    extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
    extern void bpf_task_release(struct task_struct *p) __ksym;
    const volatile int wanted;
    """
    text = f"""{before}
    SEC("tp_btf/sys_enter") int BPF_PROG(on_enter, struct pt_regs *regs, long id) {{
        struct task_struct *found;
        if (bpf_get_current_pid_tgid() >> 32 != wanted) return 0;
        found = bpf_task_from_pid(wanted);
        if (!found) return 0;
        OUT(0, found->tgid);
        bpf_task_release(found);
        return 0;
    }}
    """
    with load_text(text, 1, globals={"wanted": os.getpid()}) as collection:
        program = collection.load_program("on_enter")
        with collection.system.syscalls.raw_tracepoint_open(None, program.fileno()):
            os.getpgid(0)
        assert collection.globals["out"] == (os.getpid(),)


@case("compiler/externs/weak-functions", kernel="5.13")
def test_a_weak_function_may_be_missing() -> None:
    """A weak kfunc that no kernel has is false in ``bpf_ksym_exists``, and its call is dead."""
    before = """
    extern int bpf_no_such_kfunc(int a) __ksym __weak;
    """
    body = """
    OUT(0, bpf_ksym_exists(bpf_no_such_kfunc));
    if (bpf_ksym_exists(bpf_no_such_kfunc)) OUT(1, bpf_no_such_kfunc(1));
    else OUT(1, 5);
    """
    assert in_tracepoint(body, 2, before) == [0, 5]


@case("compiler/externs/flavours", kernel="6.2")
def test_flavours_declare_one_function_in_several_ways() -> None:
    """A kfunc may be declared as NAME___flavour; the kernel's NAME is called."""
    before = """
    extern void *bpf_rdonly_cast___mine(const void *obj, u32 id) __ksym __weak;
    """
    body = """
    void *any = (void *)bpf_get_current_task();
    struct task_struct *task = bpf_rdonly_cast___mine(any,
                                                      bpf_core_type_id_kernel(struct task_struct));
    OUT(0, task->tgid);
    """
    assert in_tracepoint(body, 1, before) == [os.getpid()]
