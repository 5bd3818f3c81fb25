"""Ring buffers to and from user space from C: records, dynptrs, queries, callbacks."""

from __future__ import annotations

import mmap
import struct

from bpfkit.collection import Collection, load
from bpfkit.uapi.bpf import ProgType
from conformance import values
from conformance.case import case
from conformance.libbpf import PACKET, load_text, run, stored, trigger
from conformance.values import in_xdp

HEADER_BYTES = 8  # struct bpf_ringbuf_hdr: length with two flags, page offset
BUSY, DISCARDED = 1 << 31, 1 << 30


def records_of(collection: Collection, name: str) -> list[tuple[bytes, int]]:
    """(content, length word) of every record in a ring buffer, as its memory has them."""
    ring = collection.maps[name].raw
    page = mmap.PAGESIZE
    found = []
    calls = collection.system.syscalls
    memory = calls.mmap(ring.fileno(), 2 * ring.max_entries + page, "ring", offset=page)
    try:
        (end,) = struct.unpack_from("=Q", memory.view, 0)
        at = 0
        while at < end:
            (word,) = struct.unpack_from("=I", memory.view, page + at)
            length = word & ~(BUSY | DISCARDED)
            start = page + at + HEADER_BYTES
            found.append((bytes(memory.view[start : start + length]), word))
            at += -(-(length + HEADER_BYTES) // 8) * 8
    finally:
        memory.close()
    return found


SENDING = """
    struct event { u32 a; u64 b; } sent = {.a = 1, .b = 2}, *event;
    OUT(0, OUTPUT(&sent, sizeof(sent), 0));
    event = RESERVE(sizeof(*event));
    if (!event) return 0;
    event->a = 3;
    event->b = 4;
    SUBMIT(event, BPF_RB_NO_WAKEUP);
    event = RESERVE(sizeof(*event));
    if (!event) return 1;
    event->a = 5;
    DISCARD(event, 0);
    OUT(1, QUERY(BPF_RB_AVAIL_DATA));
    OUT(2, QUERY(BPF_RB_RING_SIZE));
    OUT(3, QUERY(BPF_RB_CONS_POS));
    OUT(4, QUERY(BPF_RB_PROD_POS));
    event = RESERVE(1 << 20);
    if (event)
        DISCARD(event, 0);
    else
        OUT(5, 1);
    OUT(6, OUTPUT(&sent, sizeof(sent), BPF_RB_FORCE_WAKEUP));
"""
SENT = [0, 72, 2 * 4096, 0, 72, 1, 0]


def check_sent(collection: Collection) -> None:
    found = records_of(collection, "ring")
    assert [len(content) for content, _ in found] == [16] * 4
    assert [word & (BUSY | DISCARDED) for _, word in found] == [0, 0, DISCARDED, 0]
    assert [struct.unpack("=I4xQ", content) for content, _ in found[:2]] == [(1, 2), (3, 4)]


@case("maps/ringbuf/c-bcc", kernel="5.8", feature="map_type/ringbuf")
def test_bcc_ring_buffer() -> None:
    """Every ringbuf_ method of BPF_RINGBUF_OUTPUT: output, reserve, submit, discard, query."""
    text = f"""
    BPF_RINGBUF_OUTPUT(ring, 2);
    BPF_ARRAY(out, s64, 7);
    #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
    #define OUTPUT ring.ringbuf_output
    #define RESERVE ring.ringbuf_reserve
    #define SUBMIT ring.ringbuf_submit
    #define DISCARD ring.ringbuf_discard
    #define QUERY ring.ringbuf_query
    int program(struct xdp_md *ctx) {{ {SENDING} return XDP_PASS; }}
    """
    with load(text) as collection:
        collection.load_program("program", ProgType.XDP).test_run(PACKET)
        assert values.stored(collection) == SENT
        check_sent(collection)


RING = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 8192); } ring SEC(".maps");
#define OUTPUT(d, s, f) bpf_ringbuf_output(&ring, d, s, f)
#define RESERVE(s) bpf_ringbuf_reserve(&ring, s, 0)
#define SUBMIT bpf_ringbuf_submit
#define DISCARD bpf_ringbuf_discard
#define QUERY(w) bpf_ringbuf_query(&ring, w)
"""


@case("maps/ringbuf/c-libbpf", kernel="5.8", feature="map_type/ringbuf")
def test_ring_buffer() -> None:
    """The helpers on a BTF-defined ring buffer."""
    text = RING + 'SEC("xdp") int program(struct xdp_md *ctx) {' + SENDING + "return 2; }"
    with load_text(text, 7) as collection:
        trigger(collection)
        assert stored(collection) == SENT
        check_sent(collection)


DYNPTRS = """
    struct bpf_dynptr record;
    u32 size = 24;
    u64 word = 0x55;
    OUT(0, bpf_ringbuf_reserve_dynptr(&ring, size, 0, &record));
    OUT(1, bpf_dynptr_write(&record, 8, &word, sizeof(word), 0));
    u64 *at = bpf_dynptr_data(&record, 16, sizeof(u64));
    if (at) *at = 0x66;
    word = 0;
    OUT(2, bpf_dynptr_read(&word, sizeof(word), &record, 8, 0));
    OUT(3, word);
    OUT(4, bpf_dynptr_write(&record, 20, &word, sizeof(word), 0));
    bpf_ringbuf_submit_dynptr(&record, 0);
    OUT(5, bpf_ringbuf_reserve_dynptr(&ring, 1 << 20, 0, &record) < 0);
    bpf_ringbuf_discard_dynptr(&record, 0);
"""
DYNAMIC = [0, 0, 0, 0x55, -7, 1]


@case("maps/ringbuf/c-dynptr", kernel="5.19", feature="helper/bpf_ringbuf_reserve_dynptr")
def test_records_of_variable_size() -> None:
    """A record whose size is known at run time is reserved, written, read and submitted through a
    dynptr.
    """
    text = RING + 'SEC("xdp") int program(struct xdp_md *ctx) {' + DYNPTRS + "return 2; }"
    with load_text(text, 6) as collection:
        trigger(collection)
        assert stored(collection) == DYNAMIC
        ((content, _),) = [r for r in records_of(collection, "ring") if not r[1] & DISCARDED]
        assert struct.unpack("=8x2Q", content) == (0x55, 0x66)


@case("maps/ringbuf/c-bcc-dynptr", kernel="5.19", feature="helper/bpf_ringbuf_reserve_dynptr")
def test_bcc_records_of_variable_size() -> None:
    """The same in bcc's dialect, whose map goes to the helpers by address."""
    assert in_xdp(DYNPTRS, 6, "BPF_RINGBUF_OUTPUT(ring, 2);") == DYNAMIC


@case("maps/array/c-dynptr", kernel="5.19", feature="helper/bpf_dynptr_from_mem")
def test_dynptrs_over_map_values() -> None:
    """bpf_dynptr_from_mem looks at a map's value; reads outside of it fail."""
    text = """
    struct value { char bytes[32]; };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32);
             __type(value, struct value); } slot SEC(".maps");
    SEC("xdp") int program(struct xdp_md *ctx) {
        u32 key = 0, got = 7;
        struct bpf_dynptr view;
        struct value *value = bpf_map_lookup_elem(&slot, &key);
        if (!value) return 1;
        OUT(0, bpf_dynptr_from_mem(value, sizeof(*value), 0, &view));
        u32 word = 0x01020304;
        OUT(1, bpf_dynptr_write(&view, 4, &word, sizeof(word), 0));
        OUT(2, bpf_dynptr_read(&got, sizeof(got), &view, 4, 0));
        OUT(3, got);
        OUT(4, bpf_dynptr_read(&got, sizeof(got), &view, 30, 0));
        return 2;
    }
    """
    assert run(text, 5) == [0, 0, 0, 0x01020304, -7]


def put(collection: Collection, name: str, samples: list[bytes]) -> None:
    """Write samples into a user ring buffer, whose producer is this process."""
    ring = collection.maps[name].raw
    page = mmap.PAGESIZE
    calls = collection.system.syscalls
    memory = calls.mmap(
        ring.fileno(), page + 2 * ring.max_entries, "ring", offset=page, writable=True
    )
    try:
        (at,) = struct.unpack_from("=Q", memory.view, 0)
        for sample in samples:
            start = page + at % ring.max_entries
            struct.pack_into("=II", memory.view, start, len(sample), 0)
            memory.view[start + 8 : start + 8 + len(sample)] = sample
            at += -(-(len(sample) + HEADER_BYTES) // 8) * 8
        struct.pack_into("=Q", memory.view, 0, at)
    finally:
        memory.close()


TAKE = """
struct seen { u64 calls, sum; };
static long take(struct bpf_dynptr *sample, struct seen *seen) {
    u32 number = 0;
    if (bpf_dynptr_read(&number, sizeof(number), sample, 0, 0))
        return 0;
    u32 *again = bpf_dynptr_data(sample, 0, sizeof(u32));
    if (again && *again == number)
        seen->sum += number;
    seen->calls++;
    return number == 99;
}
"""
DRAIN = """
    struct seen seen = {};
    OUT(0, DRAIN_RING(take, &seen, 0));
    OUT(1, seen.calls);
    OUT(2, seen.sum);
"""
NUMBERS = [struct.pack("=I", n) for n in (5, 6, 99, 7)]


@case("maps/user_ringbuf/c-bcc", kernel="6.1", feature="map_type/user_ringbuf")
def test_bcc_user_ring_buffer() -> None:
    """BPF_USER_RINGBUF, which bcc has no macro for: drain() calls back for each sample, until the
    callback says stop.
    """
    text = f"""
    BPF_USER_RINGBUF(inbox, 1);
    BPF_ARRAY(out, s64, 3);
    #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
    #define DRAIN_RING inbox.drain
    {TAKE}
    RAW_TRACEPOINT_PROBE(sys_enter) {{ {DRAIN} return 0; }}
    """
    with load(text) as collection:
        program = collection.load_program("raw_tracepoint__sys_enter", ProgType.RAW_TRACEPOINT)
        put(collection, "inbox", NUMBERS)
        program.test_run(context=bytes(16), repeat=0)
        assert values.stored(collection) == [3, 3, 110]
        program.test_run(context=bytes(16), repeat=0)
        assert values.stored(collection) == [1, 1, 7]


@case("maps/user_ringbuf/c-libbpf", kernel="6.1", feature="map_type/user_ringbuf")
def test_user_ring_buffer() -> None:
    """bpf_user_ringbuf_drain with a static callback that reads its dynptr."""
    text = f"""
    struct {{ __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); }}
        inbox SEC(".maps");
    #define DRAIN_RING(f, c, g) bpf_user_ringbuf_drain(&inbox, f, c, g)
    {TAKE}
    SEC("raw_tp/sys_enter") int program(void *ctx) {{ {DRAIN} return 0; }}
    """
    with load_text(text, 3) as collection:
        put(collection, "inbox", NUMBERS)
        trigger(collection)
        assert stored(collection) == [3, 3, 110]
        trigger(collection)
        assert stored(collection) == [1, 1, 7]
