"""Facts of the kernel as the helper asks for them: each once, and types by their identity."""

from __future__ import annotations

from bpfkit.btf.decode import decode
from bpfkit.compiler.backend.asked import NO_TYPES, AskedFacts, NoKernel, TypeStore

ANSWERS: dict[tuple[str, ...], object] = {
    ("version",): (6, 1, 7),
    ("btf_identity", "vmlinux"): "kernel-1",
    ("btf_bytes", "vmlinux"): NO_TYPES,
    ("btf_identity", "veth"): "module-1",
    ("btf_bytes", "veth"): NO_TYPES,
    ("btf_identity", "absent"): "",
    ("modules_with_btf",): ["veth"],
    ("possible_cpus",): 8,
    ("online_cpus",): 4,
    ("tracepoint_format", "sched", "sched_switch"): "name: sched_switch",
    ("tracepoints", "sched"): ["sched_switch"],
    ("config", "CONFIG_HZ"): "250",
    ("has_symbol", "do_exit"): True,
}


class Client:
    """Answers questions and counts them."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, ...]] = []

    def ask(self, *question: str) -> object:
        self.questions.append(question)
        return ANSWERS[question]


def test_a_fact_is_asked_for_once() -> None:
    client = Client()
    facts = AskedFacts(client.ask, TypeStore())
    for _ in range(2):
        assert facts.version == (6, 1, 7)
        assert (facts.possible_cpus, facts.online_cpus) == (8, 4)
        assert facts.modules_with_btf() == ["veth"]
        assert facts.tracepoints("sched") == ["sched_switch"]
        assert facts.tracepoint_format("sched", "sched_switch") == "name: sched_switch"
        assert facts.config("CONFIG_HZ") == "250"
        assert facts.has_symbol("do_exit")
    assert len(client.questions) == len(set(client.questions)) == 8


def test_types_are_sent_once_for_all_jobs() -> None:
    store, first, second = TypeStore(), Client(), Client()
    facts = AskedFacts(first.ask, store)
    types, module = facts.btf, facts.module_btf("veth")
    assert facts.module_btf("absent") is None
    later = AskedFacts(second.ask, store)
    assert later.btf is types
    assert later.module_btf("veth") is module
    assert ("btf_bytes", "vmlinux") in first.questions
    assert not any(name == "btf_bytes" for name, *_ in second.questions)


def test_the_types_used_longest_ago_make_room() -> None:
    store, made = TypeStore(limit=2), []
    for identity in ("a", "b", "a", "c", "a", "b"):
        store.get(identity, lambda identity=identity: made.append(identity) or decode(NO_TYPES))
    assert made == ["a", "b", "c", "b"]


def test_no_kernel_has_no_types() -> None:
    facts = NoKernel()
    assert len(facts.btf) == 1  # void
    assert facts.module_btf("veth") is None
    assert not facts.has_symbol("do_exit")
    assert facts.config("CONFIG_HZ") is None
