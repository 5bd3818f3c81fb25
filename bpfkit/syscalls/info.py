"""BPF_OBJ_GET_INFO_BY_FD: what the kernel tells about an object."""

from __future__ import annotations

import ctypes
import errno

from ..errors import SyscallError
from ..uapi.attr import bpf_attr_info
from ..uapi.bpf import BpfCmd, LinkType
from ..uapi.info import bpf_btf_info, bpf_link_info, bpf_map_info, bpf_prog_info
from .command import BpfCalls
from .requests import BtfInfo, LinkInfo, MapInfo, ProgCode, ProgInfo

_NAME_BYTES = 64
TAG_BYTES = 8  # BPF_TAG_SIZE


class InfoCommands(BpfCalls):
    """Information."""

    def _info(self, fd: int, into: ctypes.Structure, what: str) -> None:
        attr = bpf_attr_info(fd, ctypes.sizeof(into), ctypes.addressof(into))
        self._command(BpfCmd.OBJ_GET_INFO_BY_FD, attr, f"{what} {fd}")

    def prog_info(self, fd: int) -> ProgInfo:
        """Tell about a program."""
        info = bpf_prog_info()
        self._info(fd, info, "program")
        lists = bpf_prog_info(
            nr_map_ids=info.nr_map_ids,
            nr_jited_ksyms=info.nr_jited_ksyms,
            nr_jited_func_lens=info.nr_jited_func_lens,
            nr_prog_tags=info.nr_prog_tags,
        )
        # Asked again with memory for the lists; what has none stays zero.
        maps = (ctypes.c_uint32 * lists.nr_map_ids)()
        addresses = (ctypes.c_uint64 * lists.nr_jited_ksyms)()
        lengths = (ctypes.c_uint32 * lists.nr_jited_func_lens)()
        tags = ((ctypes.c_uint8 * TAG_BYTES) * lists.nr_prog_tags)()
        lists.map_ids, lists.jited_ksyms = map(ctypes.addressof, (maps, addresses))
        lists.jited_func_lens, lists.prog_tags = map(ctypes.addressof, (lengths, tags))
        self._info(fd, lists, "program")
        return ProgInfo(
            id=info.id,
            type=info.type,
            tag=bytes(info.tag),
            name=info.name.decode("ascii", "replace"),
            jited_bytes=info.jited_prog_len,
            xlated_bytes=info.xlated_prog_len,
            load_time_ns=info.load_time,
            uid=info.created_by_uid,
            map_ids=tuple(maps),
            gpl_compatible=bool(info.gpl_compatible),
            btf_id=info.btf_id,
            run_time_ns=info.run_time_ns,
            run_count=info.run_cnt,
            recursion_misses=info.recursion_misses,
            verified_insns=info.verified_insns,
            attach_btf_id=info.attach_btf_id,
            attach_btf_object=info.attach_btf_obj_id,
            ifindex=info.ifindex,
            netns_dev=info.netns_dev,
            netns_ino=info.netns_ino,
            jited_addresses=tuple(addresses),
            jited_function_bytes=tuple(lengths),
            function_tags=tuple(bytes(tag) for tag in tags),
            function_infos=info.nr_func_info,
            line_infos=info.nr_line_info,
            jited_line_infos=info.nr_jited_line_info,
        )

    def prog_code(self, fd: int) -> ProgCode:
        """The code of a program."""
        info = bpf_prog_info()
        self._info(fd, info, "program")
        xlated = (ctypes.c_char * info.xlated_prog_len)()
        jited = (ctypes.c_char * info.jited_prog_len)()
        info = bpf_prog_info(
            xlated_prog_len=len(xlated),
            xlated_prog_insns=ctypes.addressof(xlated),
            jited_prog_len=len(jited),
            jited_prog_insns=ctypes.addressof(jited),
        )
        self._info(fd, info, "program")
        # The addresses are taken away where the kernel does not let its code be seen.
        return ProgCode(
            xlated.raw if info.xlated_prog_insns else b"",
            jited.raw if info.jited_prog_insns else b"",
        )

    def map_info(self, fd: int) -> MapInfo:
        """Tell about a map."""
        info = bpf_map_info()
        self._info(fd, info, "map")
        return MapInfo(
            id=info.id,
            type=info.type,
            key_size=info.key_size,
            value_size=info.value_size,
            max_entries=info.max_entries,
            flags=info.map_flags,
            name=info.name.decode("ascii", "replace"),
            btf_id=info.btf_id,
            key_type_id=info.btf_key_type_id,
            value_type_id=info.btf_value_type_id,
            map_extra=info.map_extra,
            ifindex=info.ifindex,
            vmlinux_value_type_id=info.btf_vmlinux_value_type_id,
            netns_dev=info.netns_dev,
            netns_ino=info.netns_ino,
            btf_vmlinux_id=info.btf_vmlinux_id,
        )

    def btf_info(self, fd: int) -> BtfInfo:
        """Tell about BTF, its bytes included."""
        info = bpf_btf_info()
        self._info(fd, info, "BTF")
        data = (ctypes.c_char * info.btf_size)()
        kernel = bool(info.kernel_btf)
        info = bpf_btf_info(btf=ctypes.addressof(data), btf_size=len(data))
        self._info(fd, info, "BTF")
        return BtfInfo(info.id, self.btf_name(fd), kernel, data.raw)

    def btf_name(self, fd: int) -> str:
        """The name of BTF."""
        name = (ctypes.c_char * _NAME_BYTES)()
        info = bpf_btf_info(name=ctypes.addressof(name), name_len=_NAME_BYTES)
        try:
            self._info(fd, info, "BTF")
        except SyscallError as error:
            # Names came with Linux kernel commit 5329722057d4 ("bpf: Assign ID to vmlinux BTF and
            # return extra info for BTF in GET_OBJ_INFO") (in v5.11).
            if error.errno != errno.E2BIG:
                raise
            return ""
        return name.value.decode()

    def link_info(self, fd: int) -> LinkInfo:
        """Tell about a link."""
        name = (ctypes.c_char * _NAME_BYTES)()
        info = bpf_link_info()
        self._info(fd, info, "link")
        kind = info.type
        if kind == LinkType.RAW_TRACEPOINT:
            info = bpf_link_info()
            info.u.raw_tracepoint.tp_name = ctypes.addressof(name)
            info.u.raw_tracepoint.tp_name_len = _NAME_BYTES
            self._info(fd, info, "link")
        attach_type: int | None = None
        ifindex = 0
        match kind:
            case LinkType.TRACING:
                attach_type = info.u.tracing.attach_type
            case LinkType.CGROUP:
                attach_type = info.u.cgroup.attach_type
            case LinkType.NETNS:
                attach_type = info.u.netns.attach_type
            case LinkType.XDP:
                ifindex = info.u.xdp.ifindex
            case LinkType.TCX | LinkType.NETKIT:
                ifindex, attach_type = info.u.tcx.ifindex, info.u.tcx.attach_type
        return LinkInfo(info.id, kind, info.prog_id, attach_type, ifindex, name.value.decode())
