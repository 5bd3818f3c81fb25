"""The commands of bpf(2) on programs and BTF."""

from __future__ import annotations

import ctypes
import errno
from array import array

from ..errors import SyscallError
from ..uapi.attr import (
    bpf_attr_btf_load,
    bpf_attr_one_fd,
    bpf_attr_prog_attach,
    bpf_attr_prog_bind_map,
    bpf_attr_prog_load,
    bpf_attr_query,
    bpf_attr_test,
    bpf_attr_token_create,
)
from ..uapi.bpf import BpfCmd, ProgFlag
from ..uapi.insn import INSN_BYTES
from .bpf import kernel_name
from .call import ENOTSUPP
from .command import BpfCalls
from .fd import OwnedFd
from .hints import hint_for_program
from .requests import ProgLoad, TestRun, TestRunResult, VerifierLog

FUNC_INFO_BYTES = 8
LINE_INFO_BYTES = 16
_BTF_LOG_BYTES = 1 << 16
_QUERY_IDS = 64


_TEST_RUN_HINTS = {
    ENOTSUPP: "this kernel cannot run programs of this type for a test",
    errno.EOPNOTSUPP: "this kernel cannot run programs of this type for a test",
    errno.EINVAL: "programs on packets need at least 14 bytes of data, others a context alone;"
    " those of raw tracepoints and system calls want repeat=0; check flags, cpu and batch",
    errno.ENOSPC: "more comes back than data_out or context_out have room for",
    errno.ENXIO: "there is no such CPU, or it is not online",
    errno.E2BIG: "the context is longer than this kernel knows, with more than zeroes at its end",
    errno.EFAULT: "the kernel could not read or write the memory that was given",
}


_TOKEN_HINTS = {
    errno.EOPNOTSUPP: "tokens are for user namespaces other than the first one",
    errno.ENOENT: "the file system delegates nothing: it must be mounted with delegate_cmds=…,"
    " delegate_maps=…, delegate_progs=… and delegate_attachs=…",
    errno.EPERM: "the file system must belong to this user namespace, and CAP_BPF be held there",
    errno.EINVAL: "this is not the root of a BPF file system; tokens came with Linux 6.9",
}


class ProgramCommands(BpfCalls):
    """Programs and BTF."""

    def prog_load(self, request: ProgLoad) -> OwnedFd:
        """BPF_PROG_LOAD without a log."""
        fd = self._load(request, 0, 0, 0)
        if isinstance(fd, SyscallError):
            raise fd
        return fd

    def prog_log(
        self, request: ProgLoad, size: int, level: int = 1
    ) -> tuple[OwnedFd | SyscallError, VerifierLog]:
        """BPF_PROG_LOAD with a log."""
        log = (ctypes.c_char * size)()
        result = self._load(request, level, size, ctypes.addressof(log))
        text = log.value.decode("utf-8", "replace")
        full = isinstance(result, SyscallError) and result.errno == errno.ENOSPC
        return result, VerifierLog(text, full or len(log.value) >= size - 1)

    def _load(
        self, request: ProgLoad, level: int, size: int, address: int
    ) -> OwnedFd | SyscallError:
        # The array has to live until the call is over.
        fds = array("i", request.fd_array)
        attr = bpf_attr_prog_load(
            prog_type=request.type,
            insn_cnt=len(request.insns) // INSN_BYTES,
            insns=request.insns,
            license=request.license.encode(),
            log_level=level,
            log_size=size,
            log_buf=address,
            kern_version=request.kern_version,
            prog_flags=request.flags,
            prog_name=kernel_name(request.name),
            prog_ifindex=request.ifindex,
            expected_attach_type=request.expected_attach_type,
            prog_btf_fd=request.btf_fd,
            attach_btf_id=request.attach_btf_id,
            attach_prog_fd=request.attach_target_fd,
            fd_array=fds.buffer_info()[0] if fds else 0,
            fd_array_cnt=len(fds) if request.fd_array_whole else 0,
        )
        if self._token is not None:
            attr.prog_token_fd = self._token.fileno()
            attr.prog_flags |= ProgFlag.TOKEN_FD
        if request.func_info:
            attr.func_info_rec_size = FUNC_INFO_BYTES
            attr.func_info = request.func_info
            attr.func_info_cnt = len(request.func_info) // FUNC_INFO_BYTES
        if request.line_info:
            attr.line_info_rec_size = LINE_INFO_BYTES
            attr.line_info = request.line_info
            attr.line_info_cnt = len(request.line_info) // LINE_INFO_BYTES
        what = f"program '{request.name}'"
        fd = self._caller.bpf(BpfCmd.PROG_LOAD, attr)
        if fd < 0:
            hint = hint_for_program(request, -fd)
            return SyscallError(-fd, str(BpfCmd.PROG_LOAD), what, hint)
        return OwnedFd(fd, what)

    def btf_load(self, data: bytes) -> OwnedFd:
        """BPF_BTF_LOAD."""
        attr = bpf_attr_btf_load(btf=data, btf_size=len(data))
        if self._token is not None:
            attr.btf_token_fd, attr.btf_flags = self._token.fileno(), ProgFlag.TOKEN_FD
        fd = self._caller.bpf(BpfCmd.BTF_LOAD, attr)
        if fd >= 0:
            return OwnedFd(fd, "BTF")
        log = (ctypes.c_char * _BTF_LOG_BYTES)()
        attr.btf_log_buf = ctypes.addressof(log)
        attr.btf_log_size = _BTF_LOG_BYTES
        attr.btf_log_level = 1
        again = self._caller.bpf(BpfCmd.BTF_LOAD, attr)
        if again >= 0:
            return OwnedFd(again, "BTF")
        lines = log.value.decode("utf-8", "replace").strip().splitlines()
        hint = " / ".join(lines[-3:]) if lines else None
        self._fail(BpfCmd.BTF_LOAD, -fd, f"{len(data)} bytes of BTF", hint)

    def prog_test_run(self, fd: int, request: TestRun, *, subject: str = "") -> TestRunResult:
        """BPF_PROG_TEST_RUN."""
        # Syscall programs change the context where it is given.
        context_in = ctypes.create_string_buffer(request.context, max(len(request.context), 1))
        data_out = (ctypes.c_char * request.data_out)()
        context_out = (ctypes.c_char * request.context_out)()
        attr = bpf_attr_test(
            prog_fd=fd,
            data_size_in=len(request.data),
            data_size_out=request.data_out,
            data_in=request.data or None,
            data_out=ctypes.addressof(data_out) if request.data_out else 0,
            repeat=request.repeat,
            ctx_size_in=len(request.context),
            ctx_size_out=request.context_out,
            ctx_in=ctypes.cast(context_in, ctypes.c_char_p) if request.context else None,
            ctx_out=ctypes.addressof(context_out) if request.context_out else 0,
            flags=request.flags,
            cpu=request.cpu,
            batch_size=request.batch,
        )
        result = self._caller.bpf(BpfCmd.PROG_TEST_RUN, attr)
        if result < 0:
            hint = _TEST_RUN_HINTS.get(-result)
            self._fail(BpfCmd.PROG_TEST_RUN, -result, subject or f"program {fd}", hint)
        given = context_in.raw[: len(request.context)]
        return TestRunResult(
            attr.retval,
            attr.duration,
            data_out.raw[: attr.data_size_out],
            context_out.raw[: attr.ctx_size_out] if request.context_out else given,
        )

    def prog_bind_map(self, prog_fd: int, map_fd: int) -> None:
        """BPF_PROG_BIND_MAP."""
        attr = bpf_attr_prog_bind_map(prog_fd, map_fd)
        self._command(BpfCmd.PROG_BIND_MAP, attr, f"program {prog_fd} and map {map_fd}")

    def prog_attach(
        self, target_fd: int, prog_fd: int, attach_type: int, flags: int = 0, replace_fd: int = 0
    ) -> None:
        """BPF_PROG_ATTACH."""
        attr = bpf_attr_prog_attach(target_fd, prog_fd, attach_type, flags, replace_fd)
        self._command(BpfCmd.PROG_ATTACH, attr, f"program {prog_fd} on {target_fd}")

    def prog_detach(self, target_fd: int, prog_fd: int, attach_type: int) -> None:
        """BPF_PROG_DETACH."""
        attr = bpf_attr_prog_attach(target_fd, prog_fd, attach_type)
        self._command(BpfCmd.PROG_DETACH, attr, f"program {prog_fd} on {target_fd}")

    def prog_query(self, target_fd: int, attach_type: int, flags: int = 0) -> tuple[int, ...]:
        """BPF_PROG_QUERY."""
        count = _QUERY_IDS
        while True:
            ids = (ctypes.c_uint32 * count)()
            attr = bpf_attr_query(target_fd, attach_type, flags, 0, ctypes.addressof(ids), len(ids))
            result = self._caller.bpf(BpfCmd.PROG_QUERY, attr)
            if result == -errno.ENOSPC:
                count *= 2
                continue
            if result < 0:
                self._fail(BpfCmd.PROG_QUERY, -result, f"hook {attach_type} of {target_fd}")
            return tuple(ids[: attr.prog_cnt])

    def enable_stats(self, kind: int) -> OwnedFd:
        """BPF_ENABLE_STATS."""
        what = "run time statistics"
        return OwnedFd(self._command(BpfCmd.ENABLE_STATS, bpf_attr_one_fd(kind), what), what)

    def token_create(self, bpffs_fd: int) -> OwnedFd:
        """BPF_TOKEN_CREATE."""
        attr = bpf_attr_token_create(0, bpffs_fd)
        result = self._caller.bpf(BpfCmd.TOKEN_CREATE, attr)
        if result < 0:
            what = f"BPF file system {bpffs_fd}"
            self._fail(BpfCmd.TOKEN_CREATE, -result, what, _TOKEN_HINTS.get(-result))
        return OwnedFd(result, "BPF token")
