from __future__ import annotations

import errno

import pytest

from bpfkit.errors import NotSupportedError
from bpfkit.syscalls.bpf import kernel_name
from bpfkit.syscalls.call import ENOTSUPP, numbers_of
from bpfkit.syscalls.hints import (
    hint_for_call,
    hint_for_element,
    hint_for_freeze,
    hint_for_map,
    hint_for_program,
)
from bpfkit.syscalls.requests import MapCreate, ProgLoad
from bpfkit.uapi.bpf import AttachType, BpfCmd, MapType, ProgFlag, ProgType


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(errno.EPERM, "run as root or grant CAP_BPF", id="EPERM"),
        pytest.param(errno.E2BIG, "max_entries 10 is larger", id="E2BIG"),
        pytest.param(errno.ENOMEM, "lower max_entries", id="ENOMEM"),
        pytest.param(errno.EINVAL, "BPF_MAP_TYPE_RINGBUF came with Linux 5.8", id="EINVAL"),
    ],
)
def test_a_map_that_was_refused_gets_a_hint(code: int, words: str) -> None:
    assert words in hint_for_map(MapCreate(MapType.RINGBUF, 0, 0, 10), code)


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        pytest.param(ProgType.XDP, errno.EPERM, "CAP_NET_ADMIN", id="network"),
        pytest.param(ProgType.KPROBE, errno.EPERM, "CAP_PERFMON", id="tracing"),
        pytest.param(ProgType.SYSCALL, errno.EPERM, "CAP_BPF", id="other"),
        pytest.param(ProgType.XDP, errno.E2BIG, "2 instructions", id="E2BIG"),
        pytest.param(ProgType.SK_LOOKUP, errno.EINVAL, "came with Linux 5.9", id="EINVAL"),
    ],
)
def test_a_program_that_was_refused_gets_a_hint(kind: ProgType, code: int, words: str) -> None:
    assert words in hint_for_program(ProgLoad(kind, bytes(16)), code)


def test_a_program_that_is_too_new_names_what_is() -> None:
    request = ProgLoad(
        ProgType.XDP,
        bytes(16),
        flags=ProgFlag.XDP_HAS_FRAGS,
        expected_attach_type=AttachType.XDP_CPUMAP,
    )
    assert hint_for_program(request, errno.EINVAL) == (
        "BPF_PROG_TYPE_XDP came with Linux 4.8, BPF_XDP_CPUMAP with 5.9, "
        "BPF_F_XDP_HAS_FRAGS with 5.18"
    )


def test_an_unknown_type_is_named_by_its_number() -> None:
    assert "999" in hint_for_map(MapCreate(999, 4, 4, 1), errno.EINVAL)
    assert hint_for_program(ProgLoad(999, b""), errno.EINVAL) == ""


def test_the_kernels_own_errno_is_explained() -> None:
    assert "ENOTSUPP" in hint_for_call(BpfCmd.MAP_LOOKUP_ELEM, ENOTSUPP)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("counts", b"counts", id="plain"),
        pytest.param("a-b c", b"a_b_c", id="signs"),
        pytest.param(".rodata.str1.1", b".rodata.str1.1", id="dots"),
        pytest.param("a_name_that_is_too_long", b"a_name_that_is_", id="long"),
        pytest.param("größe", b"gr__e", id="not-ascii"),
    ],
)
def test_a_name_is_cut_to_what_the_kernel_takes(name: str, expected: bytes) -> None:
    assert kernel_name(name) == expected


def test_a_machine_without_numbers_is_refused_with_those_known() -> None:
    with pytest.raises(NotSupportedError, match="x86_64"):
        numbers_of("vax")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.E2BIG, "the map is full", id="full"),
        pytest.param(BpfCmd.MAP_UPDATE_BATCH, errno.ENOSPC, "the trie is full", id="full trie"),
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.EEXIST, "it must be new", id="new"),
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.ENOENT, "it must exist", id="old"),
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.EINVAL, "what this map type takes", id="wrong"),
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.EBADF, "no descriptor of what", id="descriptor"),
        pytest.param(BpfCmd.MAP_UPDATE_ELEM, errno.EBUSY, "try again", id="busy"),
        pytest.param(BpfCmd.MAP_DELETE_ELEM, errno.EINVAL, "set them to zero", id="array"),
        pytest.param(BpfCmd.MAP_LOOKUP_ELEM, errno.EPERM, "reading or writing alone", id="one way"),
        pytest.param(BpfCmd.MAP_LOOKUP_ELEM, ENOTSUPP, "for user space", id="ENOTSUPP"),
    ],
)
def test_an_operation_on_an_element_that_was_refused_gets_a_hint(
    command: BpfCmd, code: int, words: str
) -> None:
    assert words in (hint_for_element(command, code) or "")


def test_what_needs_no_hint_of_its_own_gets_none() -> None:
    assert hint_for_element(BpfCmd.MAP_LOOKUP_ELEM, errno.ENOSYS) is None
    assert hint_for_freeze(errno.ENOSYS) is None
    assert "frozen already" in (hint_for_freeze(errno.EBUSY) or "")
