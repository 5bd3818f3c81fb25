"""Reading objects: what the compiler wrote comes out, and damage is a FormatError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.obj.read import read_object
from bpfkit.obj.spec import RelocKind
from bpfkit.uapi.bpf import MapType

OBJECT = Path(__file__).resolve().parents[2] / "data" / "objects" / "counter.o"
DATA = OBJECT.read_bytes()


def test_maps_have_what_their_macros_declare() -> None:
    maps = read_object(DATA).maps
    counts, slots, events = maps["counts"], maps["slots"], maps["events"]
    assert (counts.type, counts.key_size, counts.value_size) == (MapType.HASH, 4, 8)
    assert counts.max_entries == 128
    assert counts.typed
    assert (slots.type, slots.key_size, slots.value_size) == (MapType.ARRAY, 4, 8)
    assert slots.max_entries == 4
    assert (events.type, events.key_size, events.value_size) == (MapType.RINGBUF, 0, 0)
    assert events.max_entries == 8 * 4096
    assert not events.typed


def test_a_buffer_knows_the_records_sent_through_it() -> None:
    spec = read_object(DATA)
    assert spec.btf is not None
    assert spec.btf.name(spec.maps["events"].event_type_id) == "event_t"
    assert spec.maps["counts"].event_type_id == 0


def test_a_program_of_bccs_dialect_has_no_type_yet() -> None:
    spec = read_object(DATA)
    assert set(spec.programs) == {"count"}
    assert spec.programs["count"].type is None
    assert spec.license == "GPL"


def test_relocations_name_their_maps_and_functions() -> None:
    spec = read_object(DATA)
    relocs = spec.programs["count"].relocs
    named = {(r.kind, r.symbol) for r in relocs}
    assert {(RelocKind.MAP, "counts"), (RelocKind.MAP, "slots"), (RelocKind.MAP, "events")} <= named
    calls = {r.symbol for r in relocs if r.kind is RelocKind.CALL}
    assert calls <= set(spec.functions)


def test_accesses_to_the_kernel_are_relocatable() -> None:
    spec = read_object(DATA)
    assert spec.btf is not None
    reloc = spec.programs["count"].core_relocs[0]
    assert spec.btf.name(reloc.type_id) == "task_struct"
    assert reloc.insn < len(spec.programs["count"].insns) // 8


def test_lines_lead_back_to_the_text() -> None:
    spec = read_object(DATA)
    assert spec.btf is not None
    lines = {spec.btf.string(text).strip() for _, _, text, _ in spec.programs["count"].line_info}
    assert "counts.increment(event.pid);" in lines


@settings(max_examples=300)
@given(st.integers(0, len(DATA) - 1))
def test_a_file_cut_short_is_a_format_error(length: int) -> None:
    with pytest.raises(FormatError):
        read_object(DATA[:length])


@settings(max_examples=300)
@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_an_object_or_a_format_error(at: int, value: int) -> None:
    damaged = bytearray(DATA)
    damaged[at] = value
    try:
        spec = read_object(bytes(damaged))
    except FormatError:
        return
    assert spec.programs is not None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not an ELF file at all", id="text"),
        pytest.param(b"\x7fELF" + bytes(60), id="zeroes"),
    ],
)
def test_what_is_no_object_is_a_format_error(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_object(data)


def test_an_object_for_another_machine_is_refused() -> None:
    other = bytearray(DATA)
    other[18:20] = (62).to_bytes(2, "little")
    with pytest.raises(FormatError, match="not for BPF"):
        read_object(bytes(other))
