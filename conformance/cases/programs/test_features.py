"""``python -m bpfkit features``."""

from __future__ import annotations

import json
import subprocess
import sys

from conformance.case import case


@case("programs/features", kernel="5.10")
def test_features_says_what_this_kernel_has() -> None:
    """``python -m bpfkit features --json`` answers yes for what every lab kernel has."""
    run = subprocess.run(
        [sys.executable, "-m", "bpfkit", "features", "--json"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)["features"]
    for name in ("map_type/hash", "map_type/ringbuf", "program_type/kprobe", "program_type/xdp"):
        assert answers[name]["support"] == "yes", name
