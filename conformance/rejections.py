"""Programs that the verifier refuses, each for one of the commonest causes.

    python -m conformance.rejections OUT

writes what the running kernel says about each of them into the directory OUT, as NAME.log; that is
how tests/data/verifier_logs was made, in guests of the lab.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpfkit.collection import load
from bpfkit.errors import BpfkitError, VerifierError
from bpfkit.obj.relocate import Linked
from bpfkit.programs.load import LoadOptions, load_linked
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.insn import CALL, EXIT, MOV64_IMM, Insn

from .libbpf import HEAD

MAPS = """
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, u32);
         __type(value, u64); } table SEC(".maps");
struct values { u64 first, slots[4]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
         __type(value, struct values); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
"""
JA, JNE, ST_DW = 0x05, 0x55, 0x7A
FRAME = 10
KEPT_LINES = 150


@dataclass(frozen=True)
class Rejection:
    """A program, the C line it fails at, and words of the hint."""

    body: str
    line: str
    hint: str
    section: str = "raw_tp/sys_enter"
    before: str = ""
    license: str = "GPL"
    kernel: str = "5.10"

    @property
    def text(self) -> str:
        """The whole text."""
        context = "struct xdp_md *ctx" if self.section == "xdp" else "u64 *ctx"
        head = HEAD.format(results=1).replace('"GPL"', f'"{self.license}"')
        return (
            f"{head}{MAPS}{self.before}\n"
            f'SEC("{self.section}") int program({context}) {{\n{self.body}\nreturn 0;\n}}\n'
        )


PACKET = """
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
"""
REJECTIONS = {
    "null-value": Rejection(
        "u32 key = 1;\nu64 *value = bpf_map_lookup_elem(&table, &key);\n*value += 1;",
        "*value += 1;",
        "NULL",
    ),
    "index": Rejection(
        """u32 key = 0; u64 which = bpf_get_prandom_u32();
        struct values *found = bpf_map_lookup_elem(&array, &key);
        if (!found) return 0;
        found->slots[which] = 1;""",
        "found->slots[which] = 1;",
        "bound the index",
    ),
    "past-the-value": Rejection(
        """u32 key = 1;
        u64 *value = bpf_map_lookup_elem(&table, &key);
        if (!value) return 0;
        value[1] = 5;""",
        "value[1] = 5;",
        "ends before",
    ),
    "stack-index": Rejection(
        """char name[16] = {};
        u64 which = bpf_get_prandom_u32();
        bpf_get_current_comm(name, sizeof(name));
        if (name[which] == 'x') return 1;""",
        "name[which] == 'x'",
        "bound the index",
    ),
    "packet": Rejection(
        PACKET + "struct ethhdr *eth = data;\nif (eth->h_proto) return 1;",
        "if (eth->h_proto) return 1;",
        "data_end",
        "xdp",
    ),
    "packet-lost": Rejection(
        PACKET
        + """u8 *bytes = data;
        if (data + 14 > end) return 2;
        u64 length = bytes[0];
        if (bytes[14 + length]) return 1;""",
        "if (bytes[14 + length]) return 1;",
        "data_end",
        "xdp",
    ),
    "scalar": Rejection(
        "u64 *where = (u64 *)ctx[1];\n*where = 5;",
        "*where = 5;",
        "plain number",
    ),
    "loop": Rejection(
        "while (bpf_get_prandom_u32() != 4711) ;",
        "",
        "bound the loop",
    ),
    "reference": Rejection(
        """u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);
        if (!record) return 0;
        *record = 1;""",
        "",
        "submit or discard",
    ),
    "helper-of-another-type": Rejection(
        "u32 key = 1;\nreturn bpf_redirect_map(&table, key, 0);",
        "bpf_redirect_map",
        "this program type",
    ),
    "gpl": Rejection(
        'char text[] = "x";\nbpf_trace_printk(text, sizeof(text));',
        "bpf_trace_printk(text",
        "GPL",
        license="Proprietary",
    ),
    "argument": Rejection(
        "return bpf_map_delete_elem(&table, (void *)ctx[1]);",
        "bpf_map_delete_elem(&table",
        "wants",
    ),
    "read-only": Rejection(
        "*(volatile u64 *)&limit = bpf_get_prandom_u32();",
        "*(volatile u64 *)&limit",
        "read-only",
        before="const volatile u64 limit = 5;",
    ),
    "sleeps": Rejection(
        """u64 word;
        bpf_copy_from_user(&word, sizeof(word), (void *)ctx[1]);
        OUT(0, word);""",
        "bpf_copy_from_user(&word",
        "sleep",
    ),
    "lock": Rejection(
        """u32 key = 0;
        struct locked *found = bpf_map_lookup_elem(&lockers, &key);
        if (!found) return 2;
        bpf_spin_lock(&found->lock);
        found->count++;""",
        "",
        "unlock",
        "xdp",
        """struct locked { struct bpf_spin_lock lock; u64 count; };
        struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
                 __type(value, struct locked); } lockers SEC(".maps");""",
    ),
    "kfunc": Rejection(
        "OUT(0, tcp_slow_start((struct tcp_sock *)ctx[0], 1));",
        "tcp_slow_start",
        "kernel function",
        before="u32 tcp_slow_start(struct tcp_sock *tp, u32 acked) __ksym;",
        kernel="5.13",
    ),
    "pointer-arithmetic": Rejection(
        """u32 key = 1;
        u64 *value = bpf_map_lookup_elem(&table, &key);
        value = (u64 *)((u64)value * 2);
        OUT(0, value);
        if (value) *value = 1;""",
        "value = (u64 *)((u64)value * 2);",
        "NULL",
    ),
    "return-value": Rejection(
        "return bpf_get_prandom_u32();",
        "",
        "return",
        "cgroup/sock_create",
    ),
}
RAW = {
    "register": ([Insn(0xBF, 0, 3), Insn(EXIT)], "no value on this path"),
    "no-result": ([Insn(EXIT)], "value on every path"),
    "unknown-helper": ([Insn(CALL, imm=9999), Insn(EXIT)], "helper"),
    "jump": ([Insn(MOV64_IMM), Insn(JA, off=10), Insn(EXIT)], "cut off"),
    "endless": (
        [Insn(MOV64_IMM), Insn(JNE, off=-1, imm=1), Insn(EXIT)],
        "bound the loop",
    ),
    "misaligned": ([Insn(ST_DW, FRAME, off=-12), Insn(MOV64_IMM), Insn(EXIT)], "align"),
}


def reject(name: str) -> VerifierError:
    """Have the verifier refuse a program. Raises AssertionError when it takes it."""
    if name in RAW:
        insns = bytearray(b"".join(insn.encode() for insn in RAW[name][0]))
        try:
            load_linked(
                name, Linked(insns), LoadOptions(ProgType.SOCKET_FILTER), System.live()
            ).close()
        except VerifierError as error:
            return error
        raise AssertionError(f"the verifier takes '{name}'")
    rejection = REJECTIONS[name]
    with load(rejection.text, name="case.bpf.c") as collection:
        try:
            collection.load_program("program")
        except VerifierError as error:
            return error
    raise AssertionError(f"the verifier takes '{name}'")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the logs, cut to their end where they are long."""
    out = Path((sys.argv[1:] if argv is None else argv)[0])
    out.mkdir(parents=True, exist_ok=True)
    for name in (*REJECTIONS, *RAW):
        try:
            lines = reject(name).log.splitlines(keepends=True)
        except (AssertionError, BpfkitError) as error:
            sys.stderr.write(f"{name}: {type(error).__name__} {error}\n")
        else:
            (out / f"{name}.log").write_text("".join(lines[-KEPT_LINES:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
