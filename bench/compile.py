"""How long does a compilation take: the first one of a process, and later ones.

    python bench/compile.py

Needs root only for tracefs; nothing is loaded. Milliseconds.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bpfkit.collection import compile_text
from bpfkit.system import System

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def program_of(script: Path) -> str:
    """The C text between the triple quotes of an example."""
    return script.read_text().split('text="""')[1].split('"""')[0]


def main() -> None:
    """Compile every example a few times."""
    system = System.live()
    for script in sorted(EXAMPLES.glob("*.py")):
        text = program_of(script)
        times = []
        for _ in range(6):
            started = time.monotonic()
            compile_text(text, system=system)
            times.append((time.monotonic() - started) * 1000)
        later = statistics.median(times[1:])
        print(f"{script.name:<22} first {times[0]:6.0f} ms   later {later:6.0f} ms")


if __name__ == "__main__":
    main()
