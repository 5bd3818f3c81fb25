"""Where the members that the one object reads are, kernel by kernel."""

from __future__ import annotations

from bpfkit.btf.types import Btf, Struct, Union
from bpfkit.uapi.btf import BtfKind

MEMBERS: dict[str, tuple[str, ...]] = {
    "task_struct": ("tgid", "real_parent", "static_prio", "signal", "nsproxy", "cred", "files"),
    "signal_struct": ("rlim",),
    "mm_struct": ("start_code", "start_stack", "arg_start", "total_vm", "exe_file"),
    "file": ("f_pos", "f_flags", "f_inode", "f_path", "private_data"),
    "sock": ("sk_type", "sk_rcvbuf", "sk_sndbuf", "sk_mark", "sk_priority", "sk_no_check_tx"),
    "sk_buff": ("mark", "priority", "protocol", "head", "network_header"),
    "net_device": ("ifindex", "mtu"),
}


def offsets(btf: Btf) -> dict[str, int]:
    """Offsets in bits, by ``record.member``; a member that is not there is left out."""
    found = {}
    for record, members in MEMBERS.items():
        record_id = btf.by_name(record, {BtfKind.STRUCT})[0]
        for member in members:
            at = _offset(btf, record_id, member)
            if at is not None:
                found[f"{record}.{member}"] = at
    return found


def _offset(btf: Btf, record_id: int, name: str) -> int | None:
    """Find a member, also inside of members without a name."""
    record = btf.resolve(record_id)[1]
    assert isinstance(record, Struct | Union)
    for member in record.members:
        if member.name == name:
            return member.bit_offset
        inner = None if member.name else _offset(btf, member.type_id, name)
        if inner is not None:
            return member.bit_offset + inner
    return None
