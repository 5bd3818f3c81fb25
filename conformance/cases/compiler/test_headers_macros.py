"""Macros and inline functions of kernel headers compute what they do in the kernel."""

from __future__ import annotations

from conformance.case import case
from conformance.values import in_task, in_xdp


@case("compiler/headers/macros/byte-order", kernel="4.8")
def test_byte_order_macros() -> None:
    """ntohs, htonl, cpu_to_be64, swab and the unaligned readers swap the bytes they should."""
    body = """
    OUT(0, ntohs(0x1234)); OUT(1, htonl(0x12345678)); OUT(2, cpu_to_be64(1) == 1ULL << 56);
    OUT(3, __constant_htons(0x0800)); OUT(4, swab16(0xff00)); OUT(5, le32_to_cpu(7));
    u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 16 > end) return XDP_DROP;
    OUT(6, get_unaligned_be16(data + 1)); OUT(7, get_unaligned_le32(data + 3));
    OUT(8, be16_to_cpup((u16 *)(data + 2)));
    """
    expected = [0x3412, 0x78563412, 1, 8, 0x00FF, 7, 0x0102, 0x06050403, 0x0203]
    assert in_xdp(body, 9) == expected


@case("compiler/headers/macros/arithmetic", kernel="4.8")
def test_arithmetic_macros() -> None:
    """min, max, clamp, rounding, division and bit macros give the kernel's results."""
    body = """
    volatile u64 packets = 64;
    u64 n = packets + 36;
    u32 rest = 0;
    OUT(0, min(n, 7ULL)); OUT(1, max_t(u32, n, 7)); OUT(2, clamp(n, 1ULL, 9ULL));
    OUT(3, roundup(n, 64)); OUT(4, round_down(n, 64)); OUT(5, DIV_ROUND_UP(n, 7));
    OUT(6, div_u64(n, 9)); OUT(7, ilog2(n)); OUT(8, BIT(5) | GENMASK(2, 0));
    OUT(9, FIELD_GET(GENMASK(7, 4), n)); OUT(10, FIELD_PREP(0xf0, 3)); OUT(11, hweight64(n));
    OUT(12, sign_extend32(n & 0xf, 2)); OUT(13, rol32(0x80000001, 4)); OUT(14, abs(-(s64)n));
    OUT(15, div_u64_rem(n, 9, &rest) * 100 + rest); OUT(16, is_power_of_2(n - 36));
    OUT(17, DIV_ROUND_CLOSEST(n, 8)); OUT(18, mult_frac(n, 3, 7)); OUT(19, ffs(n));
    """
    before = "#include <linux/bitfield.h>\n#include <linux/math64.h>\n#include <linux/log2.h>"
    n = 100
    expected = [7, n, 9, 128, 64, 15, 11, 6, 0x27, 6, 0x30, 3, -4, 0x18, n]
    expected += [1101, 1, 13, 42, 3]
    assert in_xdp(body, 20, before) == expected


@case("compiler/headers/macros/times", kernel="4.8")
def test_time_macros() -> None:
    """Times convert between nanoseconds, ktime_t and jiffies with the kernel's HZ."""
    body = """
    volatile u64 one = 1;
    u64 second = one * NSEC_PER_SEC;
    OUT(0, ktime_to_ms(ns_to_ktime(second))); OUT(1, ktime_us_delta(second, 0));
    OUT(2, nsecs_to_jiffies(second) == HZ); OUT(3, jiffies_to_msecs(HZ * 2));
    OUT(4, msecs_to_jiffies(1500) == HZ + HZ / 2); OUT(5, time_after(5UL, 3UL));
    OUT(6, time_before(5UL, 3UL)); OUT(7, ktime_compare(2, 3)); OUT(8, HZ == CONFIG_HZ);
    """
    before = "#include <linux/jiffies.h>\n#include <linux/ktime.h>"
    assert in_xdp(body, 9, before) == [1000, 1000000, 1, 2000, 1, 1, 0, -1, 1]


@case("compiler/headers/macros/containers", kernel="4.7")
def test_a_walk_over_a_list_of_the_kernel() -> None:
    """container_of and the list macros walk from a task to its children's list and back."""
    body = """
    struct task_struct *t = (struct task_struct *)bpf_get_current_task(), *parent, *one;
    int me = t->pid, found = 0, steps = 0;
    parent = t->real_parent;
    struct list_head *at = parent->children.next;
    #pragma unroll
    for (int i = 0; i < 24; i++) {
        if (at != &parent->children) {
            one = list_entry(at, struct task_struct, sibling);
            steps++;
            if (one->tgid == t->tgid) found = 1;
            at = at->next;
        }
    }
    OUT(0, found || steps == 24); OUT(1, list_empty(&parent->children));
    OUT(2, container_of(&t->sibling, struct task_struct, sibling) == t);
    OUT(3, offsetof(struct task_struct, pid) > 0); OUT(4, sizeof_field(struct task_struct, comm));
    OUT(5, list_first_entry(&parent->children, struct task_struct, sibling)->real_parent == parent);
    OUT(6, me > 0);
    """
    before = "#include <linux/list.h>"
    assert in_task(body, 7, before) == [1, 0, 1, 1, 16, 1, 1]


@case("compiler/headers/macros/accessors", kernel="4.7")
def test_accessors_of_tasks_and_files() -> None:
    """task_*, d_inode, i_size_read and the like read the kernel's own members."""
    body = """
    struct task_struct *t = (struct task_struct *)bpf_get_current_task();
    struct dentry *dir = t->fs->pwd.dentry;
    u32 uid = bpf_get_current_uid_gid();
    OUT(0, task_tgid_nr(t) == bpf_get_current_pid_tgid() >> 32); OUT(1, task_is_running(t));
    OUT(2, task_euid(t).val == uid); OUT(3, is_global_init(t)); OUT(4, same_thread_group(t, t));
    OUT(5, S_ISDIR(d_inode(dir)->i_mode)); OUT(6, task_nice(t) == PRIO_TO_NICE(t->static_prio));
    OUT(7, pid_nr(task_pid(t)) == t->pid); OUT(8, IS_ERR(t)); OUT(9, task_ppid_nr(t) > 0);
    OUT(10, task_cpu(t) == bpf_get_smp_processor_id());
    """
    before = "#include <linux/fs_struct.h>\n#include <linux/dcache.h>\n#include <linux/stat.h>"
    assert in_task(body, 11, before) == [1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1]
