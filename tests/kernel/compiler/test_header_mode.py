"""Kernel-header mode with the headers that are installed, whatever kernel they are of."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bpfkit.collection import load
from bpfkit.compat.bcc import BPF
from bpfkit.host.kernel_headers import BUILD_MARK
from bpfkit.uapi.bpf import ProgType

pytestmark = pytest.mark.kernel

TREES = sorted(
    path for path in Path("/usr/src").glob("linux-headers-*") if (path / BUILD_MARK).is_file()
)
TEXT = """
#include <linux/sched.h>
#include <net/sock.h>
#include <bcc/proto.h>
BPF_ARRAY(out, u64, 3);
int program(struct xdp_md *ctx) {
    struct { struct sock_common __sk_common; } fake = {};
    int at = 0;
    u64 value = roundup_pow_of_two(100) + TASK_COMM_LEN;
    out.update(&at, &value);
    at = 1;
    fake.__sk_common.skc_dport = 0x3412;
    value = ntohs(fake.__sk_common.skc_dport);
    out.update(&at, &value);
    at = 2;
    value = min_t(u64, sizeof(struct sk_buff), 8);
    out.update(&at, &value);
    return XDP_PASS;
}
"""


@pytest.mark.skipif(not TREES, reason="no configured kernel headers in /usr/src")
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_macros_and_types_of_installed_headers_serve_a_program(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):  # the second time with the headers precompiled
        with load(TEXT, kernel_headers=tree) as collection:
            collection.load_program("program", ProgType.XDP).test_run(bytes(64))
            array = collection.maps["out"].raw
            values = [array.lookup(struct.pack("=I", index)) for index in range(3)]
        assert values == [struct.pack("=Q", value) for value in (144, 0x1234, 8)]
    assert list(tmp_path.glob("bpfkit/headers/*/base.pch"))


@pytest.mark.skipif(not TREES, reason="no configured kernel headers in /usr/src")
def test_bccs_variable_names_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BCC_KERNEL_SOURCE", str(TREES[0]))
    # Only a header of the tree has this macro's value.
    text = "#include <generated/utsrelease.h>\nconst char release[] = UTS_RELEASE;\n"
    text += "int program(struct xdp_md *ctx) { return release[0] - '0'; }\n"
    with BPF(text=text) as bpf:
        function = bpf.load_func("program", BPF.XDP)
        status = function.program.test_run(bytes(64)).retval
    assert TREES[0].name.startswith(f"linux-headers-{status}.")
