"""A process that attaches what outlives descriptors, and then ends in some way.

    python -m conformance.leaving OBJECT DEVICE CGROUP HOW

HOW is ``exit``, ``exception``, or ``wait`` for a signal; "attached" is printed before.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bpfkit.collection import load
from bpfkit.links.base import Link
from bpfkit.links.cgroup import attach_cgroup
from bpfkit.links.lwt import attach_lwt
from bpfkit.links.tc import attach_tc
from bpfkit.links.xdp import attach_xdp
from bpfkit.uapi.bpf import AttachType

ROUTE = "10.79.0.0/24"
TEXT = "leaving"


def main() -> None:
    """Attach, tell, end."""
    path, device, cgroup, how = sys.argv[1:]
    collection = load(Path(path))
    system, program = collection.system, collection.load_program
    links: list[Link] = [
        attach_xdp(system, program("pass"), device),
        attach_tc(system, program("next"), device),
        attach_tc(system, program("next"), device, "egress"),
        attach_lwt(system, program("leaving"), ROUTE, device),
        attach_cgroup(
            system, program("create"), cgroup, AttachType.CGROUP_INET_SOCK_CREATE, flags=2
        ),
    ]
    sys.stdout.write(f"attached {len(links)}\n")
    sys.stdout.flush()
    if how == "exception":
        raise RuntimeError("as told")
    if how == "wait":
        time.sleep(600)
    collection.close()


if __name__ == "__main__":
    main()
