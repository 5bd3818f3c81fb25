"""Types every program may use, written without a look at the kernel.

The integer types are the same on every 64-bit kernel. `REGISTERS` are the kernel's ``struct
pt_regs``, whose layout user space depends on; ``CONTEXTS`` stand in for those of a kernel whose BTF
lacks them.
"""

from __future__ import annotations

from collections.abc import Set

_INTS = {
    "u8": "unsigned char",
    "u16": "unsigned short",
    "u32": "unsigned int",
    "u64": "unsigned long long",
    "s8": "signed char",
    "s16": "short",
    "s32": "int",
    "s64": "long long",
}
_SAME = {
    "u8": "__u8 uint8_t u_int8_t u_char unchar",
    "u16": "__u16 uint16_t u_int16_t __be16 __le16 __sum16 umode_t u_short ushort",
    "u32": "__u32 uint32_t u_int32_t __be32 __le32 __wsum gfp_t fmode_t dev_t uid_t gid_t u_int"
    " uint",
    "u64": "__u64 uint64_t u_int64_t __be64 __le64 sector_t blkcnt_t",
    "s8": "__s8 int8_t",
    "s16": "__s16 int16_t",
    "s32": "__s32 int32_t pid_t clockid_t",
    "s64": "__s64 int64_t time64_t ktime_t loff_t",
}
_OTHER = {
    "bool": "_Bool",
    "size_t": "unsigned long",
    "ssize_t": "long",
    "ptrdiff_t": "long",
    "uintptr_t": "unsigned long",
    "intptr_t": "long",
    "off_t": "long",
    "time_t": "long",
    "ulong": "unsigned long",
    "u_long": "unsigned long",
}
TYPEDEFS: dict[str, str] = {
    **_INTS,
    **{name: _INTS[base] for base, names in _SAME.items() for name in names.split()},
    **_OTHER,
}
"""Name to plain C type."""

CONSTANTS = {"true": "1", "false": "0"}

REGISTERS = {
    "x86_64": "unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di,"
    " orig_ax, ip, cs, flags, sp, ss;",
    "aarch64": "u64 regs[31], sp, pc, pstate, orig_x0; s32 syscallno; u32 unused2;",
    "s390x": "unsigned long args[1]; unsigned long psw[2]; unsigned long gprs[16];"
    " unsigned long orig_gpr2;",
    "riscv64": "unsigned long epc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5,"
    " a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6, status, badaddr, cause,"
    " orig_a0;",
    "ppc64le": "unsigned long gpr[32], nip, msr, orig_gpr3, ctr, link, xer, ccr, softe, trap, dar,"
    " dsisr, result;",
    "loongarch64": "unsigned long regs[32], orig_a0, csr_era, csr_badvaddr, csr_crmd, csr_prmd,"
    " csr_euen, csr_ecfg, csr_estat;",
}
"""Members of ``struct pt_regs`` by architecture. Source: arch/*/include/asm/ptrace.h."""

CONTEXTS = {
    "xdp_md": "u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;",
    "bpf_raw_tracepoint_args": "u64 args[0];",
    "__sk_buff": "u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci,"
    " vlan_proto, priority, ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data,"
    " data_end, napi_id, family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port,"
    " local_port, data_meta;"
    " union { struct bpf_flow_keys *flow_keys; u64 : 64; } __attribute__((aligned(8)));"
    " u64 tstamp; u32 wire_len, gso_segs;"
    " union { struct bpf_sock *sk; u64 : 64; } __attribute__((aligned(8)));"
    " u32 gso_size; u8 tstamp_type; u32 : 24; u64 hwtstamp;",
    "bpf_perf_event_data": "struct pt_regs regs; u64 sample_period; u64 addr;",
    "bpf_pidns_info": "u32 pid, tgid;",
    "bpf_perf_event_value": "u64 counter, enabled, running;",
}
"""Members of the contexts and data of tracing and packet programs.

Source: include/uapi/linux/bpf.h.
"""


def basic_types(skip: Set[str]) -> str:
    """Return the typedefs and constants of this module but those in ``skip``."""
    lines = [f"typedef {text} {name};" for name, text in TYPEDEFS.items() if name not in skip]
    lines += [f"#define {name} {text}" for name, text in CONSTANTS.items() if name not in skip]
    return "\n".join(lines) + "\n"


def registers(arch: str) -> str:
    """Return the definition of ``struct pt_regs``, empty for an architecture not known here."""
    members = REGISTERS.get(arch)
    return f"struct pt_regs {{ {members} }};\n" if members else ""


def context(tag: str) -> str:
    """Return the definition of a context structure, empty when it is not known here."""
    members = CONTEXTS.get(tag)
    return f"struct {tag} {{ {members} }};\n" if members else ""
