"""Programs that use the supplied macros and inline functions of the kernel, by the record read."""

from __future__ import annotations

HEADERS = "#include <linux/sched.h>\n#include <net/sock.h>\n#include <linux/fs.h>\n"

ACCESSORS: dict[str, tuple[str, str]] = {
    "task": (
        "struct task_struct *t",
        """task_cpu(t) + task_is_running(t) + task_ppid_nr(t) + thread_group_leader(t)
        + same_thread_group(t, t->group_leader) + is_global_init(t) + is_idle_task(t) + task_nice(t)
        + (task_stack_page(t) == 0) + (task_thread_info(t) == 0) + task_uid(t).val
        + task_euid(t).val + pid_nr(task_pid(t)) + (task_tgid(t) == 0) + (task_pgrp(t) == 0)
        + (task_session(t) == 0) + rt_task(t) + dl_task(t) + task_has_rt_policy(t)
        + uid_eq(task_uid(t), task_euid(t)) + gid_valid(t->cred->gid) + task_pid_nr(t)""",
    ),
    "file": (
        "struct file *f",
        """file_inode(f)->i_ino + i_size_read(file_inode(f)) + d_inode(file_dentry(f))->i_mode
        + i_uid_read(f->f_inode) + i_gid_read(f->f_inode) + imajor(f->f_inode) + iminor(f->f_inode)
        + (sb_rdonly(f->f_inode->i_sb) != 0) + IS_ROOT(file_dentry(f)) + d_unhashed(file_dentry(f))
        + d_really_is_negative(file_dentry(f)) + real_mount(f->f_path.mnt)->mnt_id""",
    ),
    "request": (
        "struct request *r",
        """rq_data_dir(r) + op_is_flush(r->cmd_flags) + op_is_sync(r->cmd_flags)
        + blk_rq_is_passthrough(r) + blk_rq_pos(r) + blk_rq_bytes(r) + bio_data_dir(r->bio)
        + bio_end_sector(r->bio) + op_is_discard(r->cmd_flags) + disk_devt(r->rq_disk)""",
    ),
    "buffer": (
        "struct sk_buff *s",
        """skb_headlen(s) + skb_is_nonlinear(s) + (skb_end_pointer(s) > skb_tail_pointer(s))
        + skb_headroom(s) + skb_network_offset(s) + skb_transport_offset(s) + skb_mac_offset(s)
        + skb_network_header_len(s) + skb_mac_header_was_set(s) + skb_transport_header_was_set(s)
        + skb_is_gso(s) + skb_get_hash_raw(s) + (skb_dst(s) == 0) + inner_ip_hdr(s)->ttl
        + inner_tcp_hdr(s)->seq + icmp_hdr(s)->type + tcp_hdrlen(s) + ip_hdrlen(s)
        + dev_net(s->dev)->ns.inum + skb_vlan_tag_get(s) + arp_hdr(s)->ar_op
        + ipv4_is_loopback(ip_hdr(s)->daddr) + is_multicast_ether_addr(eth_hdr(s)->h_dest)
        + eth_hdr(s)->h_proto + udp_hdr(s)->len""",
    ),
    "socket": (
        "struct sock *sk",
        """tcp_packets_in_flight(tcp_sk(sk)) + tcp_in_slow_start(tcp_sk(sk))
        + tcp_snd_cwnd(tcp_sk(sk)) + tcp_min_rtt(tcp_sk(sk)) + sk_fullsock(sk)
        + sk_listener(sk) + sock_net(sk)->ns.inum
        + read_pnet(&sk->__sk_common.skc_net)->ns.inum + inet_sk(sk)->inet_num
        + SOCK_INODE(sk->sk_socket)->i_ino + udp_sk(sk)->pending
        + inet_csk(sk)->icsk_retransmits""",
    ),
    "memory": (
        "struct vm_area_struct *v",
        """vma_pages(v) + PAGE_ALIGN(v->vm_start) + PAGE_ALIGNED(v->vm_end) + PFN_UP(v->vm_start)
        + PFN_DOWN(v->vm_end) + offset_in_page(v->vm_start)
        + atomic_read(&v->vm_mm->mm_users)""",
    ),
}
"""Name to the parameter and an expression of it."""
