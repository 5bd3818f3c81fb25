"""union bpf_attr of bpf(2), as one structure for each command.

Fields have the kernel's names and places (include/uapi/linux/bpf.h, v7.3). A pointer to what the
kernel only reads is a ``char *``, so that it takes bytes and keeps them alive; one that it writes
through is an address.
"""

from __future__ import annotations

import ctypes

u32 = ctypes.c_uint32
s32 = ctypes.c_int32
u64 = ctypes.c_uint64
const_ptr = ctypes.c_char_p
name16 = ctypes.c_char * 16


class bpf_attr_map_create(ctypes.Structure):
    """BPF_MAP_CREATE."""

    _fields_ = (
        ("map_type", u32),
        ("key_size", u32),
        ("value_size", u32),
        ("max_entries", u32),
        ("map_flags", u32),
        ("inner_map_fd", u32),
        ("numa_node", u32),
        ("map_name", name16),
        ("map_ifindex", u32),
        ("btf_fd", u32),
        ("btf_key_type_id", u32),
        ("btf_value_type_id", u32),
        ("btf_vmlinux_value_type_id", u32),
        ("map_extra", u64),
        ("value_type_btf_obj_fd", s32),
        ("map_token_fd", s32),
        ("excl_prog_hash", u64),
        ("excl_prog_hash_size", u32),
    )


class bpf_attr_map_elem(ctypes.Structure):
    """BPF_MAP_LOOKUP_ELEM and its like, BPF_MAP_GET_NEXT_KEY, BPF_MAP_FREEZE.

    ``value`` is an address here: lookups write there, and ``next_key`` is at the same place.
    """

    _fields_ = (("map_fd", u32), ("key", const_ptr), ("value", u64), ("flags", u64))


class bpf_attr_element(ctypes.Structure):
    """The same commands with memory that is kept: both pointers are addresses."""

    _fields_ = (("map_fd", u32), ("key", u64), ("value", u64), ("flags", u64))


class bpf_attr_map_update(ctypes.Structure):
    """BPF_MAP_UPDATE_ELEM."""

    _fields_ = (("map_fd", u32), ("key", const_ptr), ("value", const_ptr), ("flags", u64))


class bpf_attr_batch(ctypes.Structure):
    """BPF_MAP_*_BATCH: ``batch``."""

    _fields_ = (
        ("in_batch", u64),
        ("out_batch", u64),
        ("keys", u64),
        ("values", u64),
        ("count", u32),
        ("map_fd", u32),
        ("elem_flags", u64),
        ("flags", u64),
    )


class bpf_attr_prog_load(ctypes.Structure):
    """BPF_PROG_LOAD. ``attach_prog_fd`` is a union with ``attach_btf_obj_fd``."""

    _fields_ = (
        ("prog_type", u32),
        ("insn_cnt", u32),
        ("insns", const_ptr),
        ("license", const_ptr),
        ("log_level", u32),
        ("log_size", u32),
        ("log_buf", u64),
        ("kern_version", u32),
        ("prog_flags", u32),
        ("prog_name", name16),
        ("prog_ifindex", u32),
        ("expected_attach_type", u32),
        ("prog_btf_fd", u32),
        ("func_info_rec_size", u32),
        ("func_info", const_ptr),
        ("func_info_cnt", u32),
        ("line_info_rec_size", u32),
        ("line_info", const_ptr),
        ("line_info_cnt", u32),
        ("attach_btf_id", u32),
        ("attach_prog_fd", u32),
        ("core_relo_cnt", u32),
        ("fd_array", u64),
        ("core_relos", u64),
        ("core_relo_rec_size", u32),
        ("log_true_size", u32),
        ("prog_token_fd", s32),
        ("fd_array_cnt", u32),
    )


class bpf_attr_obj(ctypes.Structure):
    """BPF_OBJ_PIN and BPF_OBJ_GET."""

    _fields_ = (
        ("pathname", const_ptr),
        ("bpf_fd", u32),
        ("file_flags", u32),
        ("path_fd", s32),
    )


class bpf_attr_prog_attach(ctypes.Structure):
    """BPF_PROG_ATTACH and BPF_PROG_DETACH."""

    _fields_ = (
        ("target_fd", u32),
        ("attach_bpf_fd", u32),
        ("attach_type", u32),
        ("attach_flags", u32),
        ("replace_bpf_fd", u32),
        ("relative_fd", u32),
        ("expected_revision", u64),
    )


class bpf_attr_test(ctypes.Structure):
    """BPF_PROG_TEST_RUN: ``test``."""

    _fields_ = (
        ("prog_fd", u32),
        ("retval", u32),
        ("data_size_in", u32),
        ("data_size_out", u32),
        ("data_in", const_ptr),
        ("data_out", u64),
        ("repeat", u32),
        ("duration", u32),
        ("ctx_size_in", u32),
        ("ctx_size_out", u32),
        ("ctx_in", const_ptr),
        ("ctx_out", u64),
        ("flags", u32),
        ("cpu", u32),
        ("batch_size", u32),
    )


class bpf_attr_id(ctypes.Structure):
    """BPF_*_GET_FD_BY_ID and BPF_*_GET_NEXT_ID."""

    _fields_ = (("start_id", u32), ("next_id", u32), ("open_flags", u32))


class bpf_attr_info(ctypes.Structure):
    """BPF_OBJ_GET_INFO_BY_FD: ``info``."""

    _fields_ = (("bpf_fd", u32), ("info_len", u32), ("info", u64))


class bpf_attr_query(ctypes.Structure):
    """BPF_PROG_QUERY: ``query``.

    Whole, whatever is used of it: kernels write ``revision`` without looking at the size.
    """

    _fields_ = (
        ("target_fd", u32),
        ("attach_type", u32),
        ("query_flags", u32),
        ("attach_flags", u32),
        ("prog_ids", u64),
        ("prog_cnt", u32),
        ("prog_attach_flags", u64),
        ("link_ids", u64),
        ("link_attach_flags", u64),
        ("revision", u64),
    )


class bpf_attr_raw_tracepoint(ctypes.Structure):
    """BPF_RAW_TRACEPOINT_OPEN: ``raw_tracepoint``."""

    _fields_ = (("name", const_ptr), ("prog_fd", u32), ("cookie", u64))


class bpf_attr_btf_load(ctypes.Structure):
    """BPF_BTF_LOAD."""

    _fields_ = (
        ("btf", const_ptr),
        ("btf_log_buf", u64),
        ("btf_size", u32),
        ("btf_log_size", u32),
        ("btf_log_level", u32),
        ("btf_log_true_size", u32),
        ("btf_flags", u32),
        ("btf_token_fd", s32),
    )


class _link_tracing(ctypes.Structure):
    _fields_ = (("target_btf_id", u32), ("cookie", u64))


class _link_perf_event(ctypes.Structure):
    _fields_ = (("bpf_cookie", u64),)


class _link_kprobe_multi(ctypes.Structure):
    _fields_ = (("flags", u32), ("cnt", u32), ("syms", u64), ("addrs", u64), ("cookies", u64))


class _link_uprobe_multi(ctypes.Structure):
    _fields_ = (
        ("path", const_ptr),
        ("offsets", u64),
        ("ref_ctr_offsets", u64),
        ("cookies", u64),
        ("cnt", u32),
        ("flags", u32),
        ("pid", u32),
    )


class _link_relative(ctypes.Structure):
    _fields_ = (("relative_fd", u32), ("expected_revision", u64))


class _link_netfilter(ctypes.Structure):
    _fields_ = (("pf", u32), ("hooknum", u32), ("priority", s32), ("flags", u32))


class _link_iter(ctypes.Structure):
    _fields_ = (("iter_info", const_ptr), ("iter_info_len", u32))


class link_options(ctypes.Union):
    """The union at the end of ``link_create``."""

    _fields_ = (
        ("target_btf_id", u32),
        ("iter", _link_iter),
        ("perf_event", _link_perf_event),
        ("kprobe_multi", _link_kprobe_multi),
        ("tracing", _link_tracing),
        ("netfilter", _link_netfilter),
        ("tcx", _link_relative),
        ("uprobe_multi", _link_uprobe_multi),
    )


class bpf_attr_link_create(ctypes.Structure):
    """BPF_LINK_CREATE: ``link_create``. ``target_fd`` is a union with ``target_ifindex``."""

    _fields_ = (
        ("prog_fd", u32),
        ("target_fd", u32),
        ("attach_type", u32),
        ("flags", u32),
        ("options", link_options),
    )


class bpf_attr_link_update(ctypes.Structure):
    """BPF_LINK_UPDATE: ``link_update``."""

    _fields_ = (("link_fd", u32), ("new_prog_fd", u32), ("flags", u32), ("old_prog_fd", u32))


class bpf_attr_one_fd(ctypes.Structure):
    """Commands with one number: BPF_LINK_DETACH (``link_fd``), BPF_ENABLE_STATS (``type``)."""

    _fields_ = (("number", u32),)


class bpf_attr_iter_create(ctypes.Structure):
    """BPF_ITER_CREATE: ``iter_create``."""

    _fields_ = (("link_fd", u32), ("flags", u32))


class bpf_attr_token_create(ctypes.Structure):
    """BPF_TOKEN_CREATE: ``token_create``."""

    _fields_ = (("flags", u32), ("bpffs_fd", u32))


class bpf_attr_prog_bind_map(ctypes.Structure):
    """BPF_PROG_BIND_MAP: ``prog_bind_map``."""

    _fields_ = (("prog_fd", u32), ("map_fd", u32), ("flags", u32))
