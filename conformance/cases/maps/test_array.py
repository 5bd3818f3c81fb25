"""Arrays and histograms."""

from __future__ import annotations

import contextlib
import io

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine

SLOTS = """
BPF_ARRAY(slots, u64, 4);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int two = 2, out = 9;
    slots.increment(two, 5);
    slots.increment(out);
    return 0;
}
"""


@case("maps/array/increment", kernel="4.7", feature="map_type/array")
def test_increment_adds_to_an_element() -> None:
    """``t.increment(i, n)`` adds n to element i; an index beyond the end changes nothing."""
    with BPF(text=SLOTS, cflags=only_mine()) as b:
        slots = b["slots"]
        getpid_calls(3)
        assert [slots[i].value for i in range(4)] == [0, 0, 15, 0]
        assert len(slots) == 4
        slots[1] = slots.Leaf(77)
        assert slots[1].value == 77
        assert slots[-3].value == 77
        slots.clear()
        assert [v.value for v in slots.values()] == [0, 0, 0, 0]


HISTOGRAM = """
BPF_HISTOGRAM(dist);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    dist.increment(bpf_log2l(4));
    dist.increment(bpf_log2l(5));
    dist.increment(bpf_log2l(100));
    return 0;
}
"""
EXPECTED = """\
     value               : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 4        |****************************************|
         8 -> 15         : 0        |                                        |
        16 -> 31         : 0        |                                        |
        32 -> 63         : 0        |                                        |
        64 -> 127        : 2        |********************                    |
"""


@case("maps/histogram/log2", kernel="4.7", feature="map_type/array")
def test_a_log2_histogram_prints_as_bcc_prints_it() -> None:
    """Slots counted with bpf_log2l print in bcc's format, byte for byte."""
    with BPF(text=HISTOGRAM, cflags=only_mine()) as b:
        getpid_calls(2)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            b["dist"].print_log2_hist()
    assert out.getvalue() == EXPECTED


@case("maps/histogram/linear", kernel="4.7", feature="map_type/array")
def test_a_linear_histogram_prints_as_bcc_prints_it() -> None:
    """Slots counted one by one print in bcc's linear format."""
    text = """
    BPF_HISTOGRAM(dist);
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        if (!(NOT_MINE)) { dist.increment(1); dist.increment(3); dist.increment(3); }
        return 0;
    }
    """
    with BPF(text=text, cflags=only_mine()) as b:
        getpid_calls(1)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            b["dist"].print_linear_hist("slot")
    lines = out.getvalue().splitlines()
    assert lines[0] == "     slot          : count     distribution"
    assert lines[2] == "        1          : 1        |********************                    |"
    assert lines[4] == "        3          : 2        |****************************************|"
