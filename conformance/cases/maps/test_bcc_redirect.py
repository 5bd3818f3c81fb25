"""bcc's tables for XDP: devices, CPUs, sockets."""

from __future__ import annotations

import ctypes
import socket

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.maps import run_xdp

TEXT = """
BPF_DEVMAP(devs, 4);
BPF_CPUMAP(cpus, 4);
BPF_TABLE("devmap_hash", u32, u32, by_index, 4);
int to_device(struct xdp_md *ctx) { return devs.redirect_map(2, 0); }
int to_cpu(struct xdp_md *ctx) { return cpus.redirect_map(0, 0); }
"""


@case("maps/bcc/redirect", kernel="5.4", feature="map_type/devmap_hash")
def test_packets_are_redirected_to_what_python_put_in() -> None:
    """``t[i] = ifindex`` and ``t[i] = name`` set a device, ``t[cpu] = queue length`` a CPU;
    redirect_map answers XDP_REDIRECT then, and XDP_ABORTED for an empty place.
    """
    lo = socket.if_nametoindex("lo")
    with BPF(text=TEXT) as b:
        devs, cpus, by_index = b["devs"], b["cpus"], b["by_index"]
        assert run_xdp(b, "to_device") == BPF.XDP_ABORTED
        for leaf in (lo, "lo", b"lo", devs.Leaf(lo), ctypes.c_int(lo)):
            devs[2] = leaf
            assert run_xdp(b, "to_device") == BPF.XDP_REDIRECT
            assert [(k.value, v.value) for k, v in devs.items()] == [(2, lo)]
            del devs[2]
            assert run_xdp(b, "to_device") == BPF.XDP_ABORTED
        with pytest.raises(OSError, match="no interface"):
            devs[2] = "no-such-device"
        by_index[by_index.Key(lo)] = "lo"
        assert [(k.value, v.value) for k, v in by_index.items()] == [(lo, lo)]
        by_index.clear()
        assert len(by_index) == 0
        assert run_xdp(b, "to_cpu") == BPF.XDP_ABORTED
        cpus[0] = 192
        assert cpus[0].value == 192
        assert run_xdp(b, "to_cpu") == BPF.XDP_REDIRECT
        cpus.clear()
        assert cpus.items() == []


XSK = """
BPF_XSKMAP(socks, 4);
int f(struct xdp_md *ctx) { int i = 1; return socks.lookup(&i) ? socks.redirect_map(1, 0) : 2; }
"""


@case("maps/bcc/xskmap", kernel="5.3", feature="map_type/xskmap", config="XDP_SOCKETS")
def test_only_af_xdp_sockets_go_into_an_xskmap() -> None:
    """BPF_XSKMAP loads with lookup and redirect_map, is empty at first, and refuses other sockets
    in bcc's words.
    """
    with BPF(text=XSK) as b:
        socks = b["socks"]
        assert run_xdp(b, "f") == BPF.XDP_PASS
        with (
            socket.socket() as other,
            pytest.raises(Exception, match=r"^Could not update table: .*'socks'"),
        ):
            socks[1] = other
        with pytest.raises(KeyError):
            socks[1]
        assert socks.items() == []
        assert len(socks) == 4
