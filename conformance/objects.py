"""Objects compiled on another machine than the one they are loaded on.

    python -m conformance.objects OUT FACTS ONE_FACTS

compiles every text of `texts` for the kernels whose facts are in the two files: tools and examples
for FACTS, the one object for ONE_FACTS. What fails leaves its message in the place of the object.
In the guest `object_of` reads them where the environment names OUT; on a machine that nobody
prepared it compiles for the running kernel.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpfkit.collection import compile_text
from bpfkit.errors import BpfkitError
from bpfkit.host.files import read_facts
from bpfkit.system import System

from .layout import offsets
from .staging import OBJECTS, WHY_NOT
from .texts import EXAMPLES, HOOKS, ONE_OBJECT, TOOLS, Text, names, read_text

if TYPE_CHECKING:
    from bpfkit.collection import Facts

LAYOUT = "layout.json"


class NotCompiledError(Exception):
    """There is no object; the message says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compile everything."""
    out, facts, one = map(Path, sys.argv[1:] if argv is None else argv)
    kernel = read_facts(facts)
    for group in (TOOLS, EXAMPLES, HOOKS):
        compile_group(out, group, kernel)
    oldest = read_facts(one)
    compile_group(out, ONE_OBJECT, oldest)
    (out / ONE_OBJECT / LAYOUT).write_text(json.dumps(offsets(oldest.btf)))
    return 0


def compile_group(out: Path, group: str, facts: Facts) -> None:
    """Compile the texts of a group into a directory of its name."""
    folder = out / group
    folder.mkdir(parents=True)
    for name in names(group):
        try:
            (folder / f"{name}.o").write_bytes(_compiled(read_text(group, name), facts))
        except BpfkitError as error:
            (folder / f"{name}.err").write_text(f"{type(error).__name__}: {error}")


def object_of(text: Text, system: System) -> bytes:
    """The object of a text. Raises NotCompiledError."""
    prepared = os.environ.get(OBJECTS)
    if prepared is None:
        return _compiled(text, system.facts)
    folder = Path(prepared) / text.group
    for reason in (folder / f"{text.name}.err", Path(prepared) / WHY_NOT):
        if reason.exists():
            raise NotCompiledError(reason.read_text())
    return (folder / f"{text.name}.o").read_bytes()


def compiled_layout(system: System) -> dict[str, int]:
    """Where members are in the kernel that the one object was compiled for."""
    prepared = os.environ.get(OBJECTS)
    if prepared is None:
        return offsets(system.facts.btf)
    found: dict[str, int] = json.loads((Path(prepared) / ONE_OBJECT / LAYOUT).read_text())
    return found


def _compiled(text: Text, facts: Facts) -> bytes:
    return compile_text(text.text, name=f"{text.name}.c", facts=facts).elf


if __name__ == "__main__":
    sys.exit(main())
