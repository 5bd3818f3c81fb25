"""Write ``bpfkit/compiler/include/uapi_enumerators.json``: the enumerators of BPF's own UAPI.

    gen_enumerators.py LABEL FILE

FILE holds the BTF of the newest kernel, LABEL says which. Programs for older kernels may use names
that came later (and test for them at run time), so that these do not depend on the kernel at hand.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bpfkit.btf.decode import decode  # noqa: E402
from bpfkit.btf.types import Enum, Enum64  # noqa: E402

TARGET = ROOT / "bpfkit" / "compiler" / "include" / "uapi_enumerators.json"
NAMES = re.compile(
    r"BPF_(?!FUNC_)[A-Z0-9_]+|BPF_FUNC_\w+|XDP_[A-Z]+|SK_(?:DROP|PASS)|BTF_[FK][A-Z_0-9]+|LIBBPF_\w+"
)
# Enumerations of the kernel's inside that look like the UAPI's.
PRIVATE = re.compile(
    r"bpf_(?:struct_ops_|reg_|dynptr_|iter_feature|cgroup_storage|tramp|text_poke|diag|audit|async|fd_type|common_attrs).*"
)


def main(label: str, file: str) -> None:
    """Write the table, sorted by name."""
    values: dict[str, int] = {}
    for _, found in decode(Path(file).read_bytes()):
        if isinstance(found, Enum | Enum64) and not PRIVATE.fullmatch(found.name):
            for one in found.values:
                if NAMES.fullmatch(one.name):
                    values.setdefault(one.name, one.value)
    table = {"ORIGIN": f"BTF of {label}, by scripts/gen_enumerators.py"} | dict(
        sorted(values.items())
    )
    TARGET.write_text(json.dumps(table, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
