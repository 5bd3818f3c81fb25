"""freplace: a program in the place of a function of another loaded program."""

from __future__ import annotations

import pytest

from bpfkit.errors import AttachError, LoadError, VerifierError
from bpfkit.uapi.bpf import LinkType
from conformance.case import case
from conformance.libbpf import PACKET, load_text, stored

TARGET = """
__attribute__((noinline)) int choose(struct xdp_md *ctx) { volatile int r = XDP_PASS; return r; }
SEC("xdp") int packets(struct xdp_md *ctx) { return choose(ctx); }
SEC("freplace/choose") int other(struct xdp_md *ctx) { OUT(0, out[0] + 1); return XDP_DROP; }
"""
XDP_DROP, XDP_PASS = 1, 2


@case("links/freplace/global-function", kernel="5.6", feature="program_type/ext")
def test_a_global_function_is_replaced_and_comes_back() -> None:
    """freplace takes the place of a loaded program's global function while it is attached."""
    with load_text(TARGET) as c:
        packets = c.load_program("packets")
        assert packets.test_run(PACKET).retval == XDP_PASS
        other = c.load_program("other", attach_target=packets)
        with other.attach() as link:
            assert packets.test_run(PACKET).retval == XDP_DROP
            assert stored(c) == [1]
            assert link.info().type == LinkType.TRACING
            assert link.target == "freplace of choose in program 'packets'"
        assert packets.test_run(PACKET).retval == XDP_PASS


@case("links/freplace/another-target", kernel="5.10", feature="program_type/ext")
def test_it_attaches_to_another_program_of_the_same_shape() -> None:
    """One freplace program attaches to the function of another program than it was loaded for."""
    with load_text(TARGET) as first, load_text(TARGET) as second:
        loaded_for, used_in = first.load_program("packets"), second.load_program("packets")
        other = first.load_program("other", attach_target=loaded_for)
        with other.attach_freplace(used_in, function="choose"):
            assert used_in.test_run(PACKET).retval == XDP_DROP
            assert loaded_for.test_run(PACKET).retval == XDP_PASS


@case("links/freplace/needs-a-target", kernel="5.6", feature="program_type/ext")
def test_the_program_to_extend_has_to_be_named() -> None:
    """Without a program to extend, or with one that lacks the function, loading says so."""
    with load_text(TARGET + 'SEC("xdp") int plain(struct xdp_md *ctx) { return 2; }') as c:
        with pytest.raises(LoadError, match="pass that program as attach_target"):
            c.load_program("other")
        with pytest.raises(VerifierError, match="does not call that function"):
            c.load_program("other", attach_target=c.load_program("plain"))
        with pytest.raises(AttachError, match="loaded as BPF_PROG_TYPE_XDP"):
            c.load_program("packets").attach_freplace()
