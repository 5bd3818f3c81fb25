"""Random structures between Python and the kernel: what each side writes, the other one reads.

For each structure there are two programs. One copies a value that Python wrote, member by member,
from one map to another; one fills a third map with constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpfkit.codec.codec import Codec, Record, Value, as_dict, codec_of
from bpfkit.collection import Collection, load
from bpfkit.uapi.btf import BtfKind

from . import declarations as c
from .world import Pick

_FIRST = bytes(4)
HEAD = """#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#define ONE(name, of) struct { \\
	__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); \\
	__type(key, u32); __type(value, of); \\
} name SEC(".maps")
char license[] SEC("license") = "GPL";
"""
_PROGRAMS = """
ONE({tag}_from, struct {tag});
ONE({tag}_to, struct {tag});
ONE({tag}_filled, struct {tag});
SEC("xdp") int {tag}_copy(struct xdp_md *ctx)
{{
	u32 zero = 0;
	struct {tag} *from = bpf_map_lookup_elem(&{tag}_from, &zero);
	struct {tag} *to = bpf_map_lookup_elem(&{tag}_to, &zero);
	if (!from || !to)
		return XDP_ABORTED;
{copy}	return XDP_PASS;
}}
SEC("xdp") int {tag}_fill(struct xdp_md *ctx)
{{
	u32 zero = 0;
	struct {tag} *to = bpf_map_lookup_elem(&{tag}_filled, &zero);
	if (!to)
		return XDP_ABORTED;
{fill}	return XDP_PASS;
}}
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A structure and a value of it."""

    record: c.Record
    value: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The declaration, its maps and its programs."""
        copy = c.copy(self.record, "(*from)", "(*to)")
        fill = c.fill(self.record, self.value, "(*to)")
        tag = self.record.tag
        return c.text_of(self.record) + _PROGRAMS.format(tag=tag, copy=copy, fill=fill)


def subject(pick: Pick, prefix: str) -> Subject:
    """Pick a structure, whose names begin with ``prefix``, and a value."""
    record = c.declare(pick, prefix)
    return Subject(record, c.value_for(pick, record))


def differences(subjects: Sequence[Subject]) -> list[str]:
    """Have the kernel copy and fill all of them; tell what did not arrive as it was sent.

    Raises CompileError, and VerifierError when the kernel refuses a program.
    """
    text = HEAD + "".join(each.text for each in subjects)
    with load(text) as collection:
        return [said for each in subjects for said in _try(collection, each)]


def _try(collection: Collection, each: Subject) -> list[str]:
    tag = each.record.tag
    btf = collection.spec.btf
    assert btf is not None
    (type_id,) = btf.by_name(tag, {BtfKind.STRUCT})
    codec = codec_of(btf, type_id)
    sent = codec.encode(each.value)
    collection.maps[f"{tag}_from"].raw.update(_FIRST, sent)
    for program in ("copy", "fill"):
        collection.load_program(f"{tag}_{program}").test_run(bytes(64))
    found = {
        name: collection.maps[f"{tag}_{name}"].raw.lookup(_FIRST) or b""
        for name in ("to", "filled")
    }
    return [
        f"{each.text}\nsent:  {each.value!r}\n{sent.hex()}\nfound: {codec.decode(data)!r} in "
        f"{name}\n{data.hex()}"
        for name, data in found.items()
        if not _arrived(codec, each.value, data) or data != sent
    ]


def _arrived(codec: Codec[Value], value: Mapping[str, Any], data: bytes) -> bool:
    return holds(codec.decode(data), value)


def holds(found: object, given: object) -> bool:
    """Tell whether a decoded value has all that was given; of unions that is one member."""
    if isinstance(given, Mapping):
        members = as_dict(found) if isinstance(found, Record) else {}
        return all(holds(members.get(name), value) for name, value in given.items())
    if isinstance(given, tuple) and isinstance(found, tuple):
        return len(found) == len(given) and all(map(holds, found, given))
    return found == given
