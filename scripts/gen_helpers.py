"""Write ``bpfkit/uapi/helpers.py`` from the kernel's UAPI header.

    gen_helpers.py /usr/include/linux/bpf.h

Facts taken: number and name from the helper list, the prototype from the first line of each
helper's description. The release of each comes from the numbers, which are given out in order.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "bpfkit" / "uapi" / "helpers.py"

# Last helper number of every release that added one.
LAST = [
    (3, "3.19"), (11, "4.1"), (16, "4.2"), (22, "4.3"), (25, "4.4"), (26, "4.5"), (30, "4.6"),
    (36, "4.8"), (41, "4.9"), (44, "4.10"), (45, "4.11"), (47, "4.12"), (50, "4.13"), (53, "4.14"),
    (57, "4.15"), (59, "4.16"), (64, "4.17"), (80, "4.18"), (83, "4.19"), (90, "4.20"), (92, "5.0"),
    (98, "5.1"), (108, "5.2"), (110, "5.3"), (115, "5.5"), (118, "5.6"), (124, "5.7"),
    (135, "5.8"), (141, "5.9"), (155, "5.10"), (162, "5.11"), (163, "5.12"), (165, "5.13"),
    (168, "5.14"), (175, "5.15"), (179, "5.16"), (185, "5.17"), (193, "5.18"), (203, "5.19"),
    (207, "6.0"), (209, "6.1"), (211, "6.2"),
]  # fmt: skip

# Helpers a header of 6.1 does not list yet.
LATER = {
    "cgrp_storage_get": "void *bpf_cgrp_storage_get(struct bpf_map *map, struct cgroup *cgroup, "
    "void *value, u64 flags)",
    "cgrp_storage_delete": "long bpf_cgrp_storage_delete(struct bpf_map *map, "
    "struct cgroup *cgroup)",
}

# Records programs fill in or read themselves; any other structure behind a pointer becomes void.
DATA = {
    "bpf_perf_event_value", "bpf_tunnel_key", "bpf_fib_lookup", "bpf_redir_neigh", "bpf_timer",
    "bpf_pidns_info", "bpf_sock_tuple", "bpf_xfrm_state", "btf_ptr", "bpf_dynptr", "bpf_spin_lock",
}  # fmt: skip

HEAD = '''"""The kernel's BPF helpers: number, name, C prototype and first release.

Generated; do not edit.

ORIGIN: {origin}, by scripts/gen_helpers.py.

Structures a program only passes on are ``void`` in parameters. ``bcc_result`` is the result type in
bcc's dialect where that differs: bcc declares the older helpers as ``int``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Helper:
    """One helper function of the kernel. ``params`` is the text between the parentheses."""

    number: int
    name: str
    result: str
    params: str
    since: str
    bcc_result: str = ""

    @property
    def prototype(self) -> str:
        """The C prototype as documented."""
        return f"{{_join(self.result, self.name)}}({{self.params}})"

    def declaration(self, *, bcc: bool = False) -> str:
        """Return a C constant that calls by number: ``static T (*bpf_x)(…) = (void *)N;``."""
        result = self.bcc_result if bcc and self.bcc_result else self.result
        pointer = _join(result, f"(*{{self.name}})")
        return f"static {{pointer}}({{self.params}}) = (void *){{self.number}};"


def _join(result: str, name: str) -> str:
    return f"{{result}}{{name}}" if result.endswith("*") else f"{{result}} {{name}}"


@cache
def by_name() -> dict[str, Helper]:
    """Return every helper by its C name, ``bpf_`` included."""
    return {{helper.name: helper for helper in HELPERS}}


HELPERS: tuple[Helper, ...] = (
'''

# The last helper bcc declares with the result type int.
LAST_INT = 135


def helper_names(text: str) -> dict[str, int]:
    """Return helper names, without ``bpf_``, with their numbers."""
    at = text.index("__BPF_FUNC_MAPPER(FN")
    block = text[at : text.index("\n\n", at)]
    found = re.findall(r"FN\((\w+)(?:, (\d+))?", block)
    names = {name: int(number) if number else index for index, (name, number) in enumerate(found)}
    for name in LATER:
        names.setdefault(name, max(names.values()) + 1)
    return {name: number for name, number in names.items() if name != "unspec"}


def prototypes(text: str) -> dict[str, str]:
    """Return the first line of each description, joined when it is wrapped."""
    at = text.index("Start of BPF helper function")
    plain = re.sub(r"^ \* ?", "", text[at : text.index("*/", at)], flags=re.M)
    found = re.findall(r"^((?:\w+[ *]+)+bpf_(\w+)\([^;{}]*?\))\s*$", plain, re.M | re.S)
    return {name: " ".join(line.split()) for line, name in reversed(found)}


def tidy(params: str) -> str:
    """Replace what only the kernel knows by plain C."""
    params = re.sub(r"\b__(u|s)(8|16|32|64)\b", r"\1\2", params)
    params = re.sub(r"\bstruct (\w+)", lambda m: m[0] if m[1] in DATA else "void", params)
    for kernel, plain in (
        ("__be16", "u16"),
        ("__be32", "u32"),
        ("__wsum", "u32"),
        ("size_t", "u64"),
    ):
        params = re.sub(rf"\b{kernel}\b", plain, params)
    return params or "void"


def main(header: str) -> None:
    """Write the table."""
    text = Path(header).read_text()
    version = Path(header).parent / "version.h"
    code = int(re.search(r"VERSION_CODE (\d+)", version.read_text())[1]) if version.exists() else 0
    lines = []
    known = prototypes(text) | LATER
    for name, number in sorted(helper_names(text).items(), key=lambda item: item[1]):
        line = known[name]
        match = re.fullmatch(r"(.*?[ *])(bpf_\w+)\((.*)\)", line)
        assert match, line
        result = re.sub(r"\b__(u|s)(8|16|32|64)\b", r"\1\2", match[1].strip())
        since = LAST[bisect_left([last for last, _ in LAST], number)][1]
        bcc = "int" if result == "long" and number <= LAST_INT else ""
        values = [number, match[2], result, tidy(match[3]), since, *([bcc] if bcc else [])]
        lines.append(f"    Helper({', '.join(repr(v) for v in values)}),\n".replace("'", '"'))
    origin = f"include/uapi/linux/bpf.h of Linux {code >> 16}.{code >> 8 & 255}"
    TARGET.write_text(HEAD.format(origin=origin) + "".join(lines) + ")\n")


if __name__ == "__main__":
    main(sys.argv[1])
