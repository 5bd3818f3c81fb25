"""The BPF Type Format as numbers: kinds, flags and CO-RE relocation kinds.

Source: include/uapi/linux/btf.h and enum bpf_core_relo_kind in include/uapi/linux/bpf.h.
What the records mean is told in ``btf/types.py``.
"""

from __future__ import annotations

from enum import IntEnum

BTF_MAGIC = 0xEB9F
BTF_VERSION = 1
BTF_HEADER_BYTES = 24
BTF_MAX_NAME_OFFSET = 0x00FFFFFF


class BtfKind(IntEnum):
    """BTF_KIND_* values."""

    VOID = 0  # BTF_KIND_UNKN, v4.18; type id 0 stands for void
    INT = 1  # BTF_KIND_INT, v4.18
    PTR = 2  # BTF_KIND_PTR, v4.18
    ARRAY = 3  # BTF_KIND_ARRAY, v4.18
    STRUCT = 4  # BTF_KIND_STRUCT, v4.18
    UNION = 5  # BTF_KIND_UNION, v4.18
    ENUM = 6  # BTF_KIND_ENUM, v4.18
    FWD = 7  # BTF_KIND_FWD, v4.18
    TYPEDEF = 8  # BTF_KIND_TYPEDEF, v4.18
    VOLATILE = 9  # BTF_KIND_VOLATILE, v4.18
    CONST = 10  # BTF_KIND_CONST, v4.18
    RESTRICT = 11  # BTF_KIND_RESTRICT, v4.18
    FUNC = 12  # BTF_KIND_FUNC, v5.0
    FUNC_PROTO = 13  # BTF_KIND_FUNC_PROTO, v5.0
    VAR = 14  # BTF_KIND_VAR, v5.2
    DATASEC = 15  # BTF_KIND_DATASEC, v5.2
    FLOAT = 16  # BTF_KIND_FLOAT, v5.13
    DECL_TAG = 17  # BTF_KIND_DECL_TAG, v5.16
    TYPE_TAG = 18  # BTF_KIND_TYPE_TAG, v5.17
    ENUM64 = 19  # BTF_KIND_ENUM64, v6.0

    def __str__(self) -> str:
        return "BTF_KIND_UNKN" if self is BtfKind.VOID else f"BTF_KIND_{self.name}"


class IntEncoding(IntEnum):
    """BTF_INT_* bits of an integer's encoding."""

    SIGNED = 1  # BTF_INT_SIGNED, v4.18
    CHAR = 2  # BTF_INT_CHAR, v4.18
    BOOL = 4  # BTF_INT_BOOL, v4.18


class FuncLinkage(IntEnum):
    """enum btf_func_linkage, kept in the vlen of BTF_KIND_FUNC."""

    STATIC = 0  # BTF_FUNC_STATIC, v5.6; the only value older kernels accept
    GLOBAL = 1  # BTF_FUNC_GLOBAL, v5.6
    EXTERN = 2  # BTF_FUNC_EXTERN, v5.6


class VarLinkage(IntEnum):
    """BTF_VAR_* linkage of a variable."""

    STATIC = 0  # BTF_VAR_STATIC, v5.2
    GLOBAL_ALLOCATED = 1  # BTF_VAR_GLOBAL_ALLOCATED, v5.2
    GLOBAL_EXTERN = 2  # BTF_VAR_GLOBAL_EXTERN, v5.6


class CoreRelocKind(IntEnum):
    """enum bpf_core_relo_kind."""

    FIELD_BYTE_OFFSET = 0  # BPF_CORE_FIELD_BYTE_OFFSET, v5.4
    FIELD_BYTE_SIZE = 1  # BPF_CORE_FIELD_BYTE_SIZE, v5.5
    FIELD_EXISTS = 2  # BPF_CORE_FIELD_EXISTS, v5.5
    FIELD_SIGNED = 3  # BPF_CORE_FIELD_SIGNED, v5.5
    FIELD_LSHIFT_U64 = 4  # BPF_CORE_FIELD_LSHIFT_U64, v5.5
    FIELD_RSHIFT_U64 = 5  # BPF_CORE_FIELD_RSHIFT_U64, v5.5
    TYPE_ID_LOCAL = 6  # BPF_CORE_TYPE_ID_LOCAL, v5.10
    TYPE_ID_TARGET = 7  # BPF_CORE_TYPE_ID_TARGET, v5.10
    TYPE_EXISTS = 8  # BPF_CORE_TYPE_EXISTS, v5.10
    TYPE_SIZE = 9  # BPF_CORE_TYPE_SIZE, v5.10
    ENUMVAL_EXISTS = 10  # BPF_CORE_ENUMVAL_EXISTS, v5.10
    ENUMVAL_VALUE = 11  # BPF_CORE_ENUMVAL_VALUE, v5.10
    TYPE_MATCHES = 12  # BPF_CORE_TYPE_MATCHES, v6.0

    def __str__(self) -> str:
        return f"BPF_CORE_{self.name}"
