from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.features.btf import known_kinds
from bpfkit.features.catalogue import CATALOGUE, probes
from bpfkit.features.probe import Feature, Features, Support
from bpfkit.uapi.bpf import MapType
from bpfkit.uapi.btf import BtfKind
from tests.fakes.system import fake_system


def test_an_answer_is_asked_for_once() -> None:
    asked = []

    def probe() -> Support:
        asked.append(1)
        return Support.YES

    features = Features({"a": probe})
    assert features.get(Feature("a")) is features.get("a") is Support.YES
    assert features.has("a")
    assert len(asked) == 1


def test_an_inconclusive_answer_is_asked_for_again() -> None:
    answers = [Support.UNKNOWN, Support.NO]
    features = Features({"a": lambda: answers.pop(0)})
    assert [features.get("a") for _ in range(3)] == [Support.UNKNOWN, Support.NO, Support.NO]


def test_nobody_knows_an_unknown_feature() -> None:
    with pytest.raises(KeyError):
        Features({}).get("x")


def test_two_systems_keep_their_own_answers(tmp_path: Path) -> None:
    (one, _), (other, calls) = fake_system(tmp_path), fake_system(tmp_path)
    calls.refuse_map = lambda request: errno.EINVAL
    assert one.features.get("map_type/ringbuf") is Support.YES
    assert other.features.get("map_type/ringbuf") is Support.NO


def test_every_feature_has_a_name_of_its_own_a_probe_and_a_release(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    known = probes(calls, system.facts)
    names = [feature.name for feature in CATALOGUE]
    assert len(set(names)) == len(names)
    assert set(names) == set(known)
    assert all(feature.since.count(".") == 1 for feature in CATALOGUE)


def test_a_missing_permission_tells_nothing(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.refuse_map = lambda request: errno.EPERM
    calls.refuse_program = lambda request: errno.EPERM
    assert system.features.get("map_type/hash") is Support.UNKNOWN
    assert system.features.get("program_type/xdp") is Support.UNKNOWN
    assert calls.memlock_raised == 2


def test_a_low_limit_on_locked_memory_is_raised_once(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.memlock_can_be_raised = True
    calls.refuse_map = lambda request: 0 if calls.memlock_raised else errno.EPERM
    assert system.features.get("map_type/hash") is Support.YES


def test_a_type_that_cannot_be_tried_alone_is_known_by_the_complaint(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.refuse_program = lambda request: errno.EINVAL
    calls.verifier_log = "attach_btf_id 1 is not a function\n"
    assert system.features.get("program_type/tracing") is Support.YES
    assert system.features.get("program_type/xdp") is Support.NO


def test_a_helper_is_unknown_when_the_kernel_says_so(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.refuse_program = lambda request: errno.EINVAL
    calls.verifier_log = "0: (85) call unknown#211\ninvalid func unknown#211\n"
    assert system.features.get("helper/bpf_user_ringbuf_drain") is Support.NO
    calls.verifier_log = "0: (85) call bpf_map_lookup_elem#1\nR1 type=ctx expected=map_ptr\n"
    assert system.features.get("helper/bpf_map_lookup_elem") is Support.YES


def test_struct_ops_maps_are_known_by_their_own_errno(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.refuse_map = lambda request: 524 if request.type == MapType.STRUCT_OPS else 0
    assert system.features.get("map_type/struct_ops") is Support.YES


def test_kinds_the_kernel_refuses_are_left_out(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    calls.refuse_btf = lambda data: errno.EINVAL
    assert BtfKind.FLOAT not in known_kinds(system)
    assert BtfKind.STRUCT in known_kinds(system)
