"""Kernel symbols."""

from __future__ import annotations

from pathlib import Path

from bpfkit import BPF
from conformance.case import case


@case("symbols/ksym", kernel="4.1")
def test_addresses_and_names_lead_to_each_other() -> None:
    """``ksymname`` gives the address kallsyms lists, and ``ksym`` leads back, offset and module
    included.
    """
    lines = Path("/proc/kallsyms").read_text().splitlines()
    listed = {name: int(address, 16) for address, _, name, *_ in map(str.split, lines)}
    address = BPF.ksymname("vfs_read")
    assert address == listed["vfs_read"] != 0
    assert BPF.ksym(address) == b"vfs_read"
    assert BPF.ksym(address + 4, show_offset=True) == b"vfs_read+0x4"
    assert BPF.ksym(address, show_module=True) == b"vfs_read [kernel]"
    assert BPF.ksym(1) == b"[unknown]"
    assert BPF.ksymname("no_such_symbol_at_all") == -1
