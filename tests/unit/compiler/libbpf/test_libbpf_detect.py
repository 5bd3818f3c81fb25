"""Which dialect a text is written in."""

from __future__ import annotations

import pytest

from bpfkit.compiler.dialect.detect import dialect_of


@pytest.mark.parametrize(
    ("text", "name", "dialect"),
    [
        pytest.param('#include "vmlinux.h"\n', "", "libbpf", id="vmlinux"),
        pytest.param("  #  include <vmlinux.h>\n", "", "libbpf", id="in-brackets"),
        pytest.param('#include "../x86/vmlinux.h"\n', "", "libbpf", id="in-a-folder"),
        pytest.param("#include <bpf/bpf_helpers.h>", "", "libbpf", id="helpers"),
        pytest.param("int f(void) { return 0; }", "tool.bpf.c", "libbpf", id="file-name"),
        pytest.param("#include <uapi/linux/ptrace.h>\n", "tool.c", "bcc", id="bcc"),
        pytest.param("#include <linux/bpf.h>\nBPF_HASH(h);", "", "bcc", id="uapi"),
        pytest.param("// #include <bpf/bpf_helpers.h>\n", "", "bcc", id="comment"),
        pytest.param('#include "my_vmlinux.h"\n', "", "bcc", id="another-header"),
        pytest.param("", "", "bcc", id="empty"),
    ],
)
def test_the_includes_tell_the_dialect(text: str, name: str, dialect: str) -> None:
    assert dialect_of(text, name) == dialect
