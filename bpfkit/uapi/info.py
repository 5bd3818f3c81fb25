"""What BPF_OBJ_GET_INFO_BY_FD fills in.

Fields have the kernel's names and places (include/uapi/linux/bpf.h, v7.3). An older kernel fills in
less, and the rest stays zero.
"""

from __future__ import annotations

import ctypes

u8 = ctypes.c_uint8
u32 = ctypes.c_uint32
u64 = ctypes.c_uint64
name16 = ctypes.c_char * 16


class bpf_prog_info(ctypes.Structure):
    """struct bpf_prog_info."""

    _fields_ = (
        ("type", u32),
        ("id", u32),
        ("tag", u8 * 8),
        ("jited_prog_len", u32),
        ("xlated_prog_len", u32),
        ("jited_prog_insns", u64),
        ("xlated_prog_insns", u64),
        ("load_time", u64),
        ("created_by_uid", u32),
        ("nr_map_ids", u32),
        ("map_ids", u64),
        ("name", name16),
        ("ifindex", u32),
        ("gpl_compatible", u32, 1),
        ("netns_dev", u64),
        ("netns_ino", u64),
        ("nr_jited_ksyms", u32),
        ("nr_jited_func_lens", u32),
        ("jited_ksyms", u64),
        ("jited_func_lens", u64),
        ("btf_id", u32),
        ("func_info_rec_size", u32),
        ("func_info", u64),
        ("nr_func_info", u32),
        ("nr_line_info", u32),
        ("line_info", u64),
        ("jited_line_info", u64),
        ("nr_jited_line_info", u32),
        ("line_info_rec_size", u32),
        ("jited_line_info_rec_size", u32),
        ("nr_prog_tags", u32),
        ("prog_tags", u64),
        ("run_time_ns", u64),
        ("run_cnt", u64),
        ("recursion_misses", u64),
        ("verified_insns", u32),
        ("attach_btf_obj_id", u32),
        ("attach_btf_id", u32),
    )


class bpf_map_info(ctypes.Structure):
    """struct bpf_map_info."""

    _fields_ = (
        ("type", u32),
        ("id", u32),
        ("key_size", u32),
        ("value_size", u32),
        ("max_entries", u32),
        ("map_flags", u32),
        ("name", name16),
        ("ifindex", u32),
        ("btf_vmlinux_value_type_id", u32),
        ("netns_dev", u64),
        ("netns_ino", u64),
        ("btf_id", u32),
        ("btf_key_type_id", u32),
        ("btf_value_type_id", u32),
        ("btf_vmlinux_id", u32),
        ("map_extra", u64),
        ("hash", u64),
        ("hash_size", u32),
    )


class bpf_btf_info(ctypes.Structure):
    """struct bpf_btf_info."""

    _fields_ = (
        ("btf", u64),
        ("btf_size", u32),
        ("id", u32),
        ("name", u64),
        ("name_len", u32),
        ("kernel_btf", u32),
    )


class _info_raw_tracepoint(ctypes.Structure):
    _fields_ = (("tp_name", u64), ("tp_name_len", u32))


class _info_tracing(ctypes.Structure):
    _fields_ = (("attach_type", u32), ("target_obj_id", u32), ("target_btf_id", u32))


class _info_cgroup(ctypes.Structure):
    _fields_ = (("cgroup_id", u64), ("attach_type", u32))


class _info_netns(ctypes.Structure):
    _fields_ = (("netns_ino", u32), ("attach_type", u32))


class _info_xdp(ctypes.Structure):
    _fields_ = (("ifindex", u32),)


class _info_tcx(ctypes.Structure):
    _fields_ = (("ifindex", u32), ("attach_type", u32))


class _info_union(ctypes.Union):
    _fields_ = (
        ("raw_tracepoint", _info_raw_tracepoint),
        ("tracing", _info_tracing),
        ("cgroup", _info_cgroup),
        ("netns", _info_netns),
        ("xdp", _info_xdp),
        ("tcx", _info_tcx),
        ("netkit", _info_tcx),
        ("room", u8 * 48),
    )


class bpf_link_info(ctypes.Structure):
    """struct bpf_link_info. Its anonymous union is called ``u`` here."""

    _fields_ = (("type", u32), ("id", u32), ("prog_id", u32), ("u", _info_union))
