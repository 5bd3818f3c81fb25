"""Types that only a module has come from the module's BTF, and are looked for only then."""

from __future__ import annotations

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Btf, Member, Ptr, Struct, Type, Typedef
from bpfkit.compiler.api import parse_source
from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph


class CountingKernel(FakeKernel):
    """Remembers which modules were looked into."""

    def __init__(self, types: Btf, modules: dict[str, Btf]) -> None:
        super().__init__(types, modules=modules)
        self.seen: list[str] = []

    def module_btf(self, module: str) -> Btf | None:
        self.seen.append(module)
        return super().module_btf(module)


def kernel() -> CountingKernel:
    g = Graph()
    inode = g.struct("inode", 16, ("i_ino", g.u64, 0), ("i_size", g.u64, 64))
    base = g.btf()
    first = len(base)
    pointer, node, typedef = first, first + 1, first + 2
    members = (Member("vfs", pointer, 0), Member("generation", g.u32, 64))
    ext4 = module(
        base, Ptr(inode), Struct("ext4_node", 16, members), Typedef("ext4_group_t", g.u32)
    )
    assert ext4.name(node) == "ext4_node"
    assert ext4.name(typedef) == "ext4_group_t"
    other = (Member("inode", pointer, 0), Member("flags", g.u64, 64))
    xfs = module(base, Ptr(inode), Struct("xfs_node", 16, other))
    return CountingKernel(base, {"ext4": ext4, "xfs": xfs, "zram": module(base)})


def module(base: Btf, *types: Type) -> Btf:
    return decode(encode(types, base=base), base)


def errors(text: str, facts: FakeKernel) -> list[str]:
    _, said = parse_source(Source(text), Target(facts))
    return [d.render() for d in said if d.severity is Severity.ERROR]


def test_a_record_of_a_module_is_written_with_the_kernel_records_it_points_to() -> None:
    facts = kernel()
    text = "int f(struct ext4_node *n) { return n->vfs->i_ino + n->generation; }"
    prelude = assemble(Source(text), Target(facts)).prelude
    assert "struct ext4_node {" in prelude
    assert "struct inode {" in prelude
    assert facts.seen[0] == "ext4"
    assert "zram" not in facts.seen
    assert not errors(text, facts)


def test_two_modules_share_the_types_of_the_kernel() -> None:
    text = (
        "int f(struct ext4_node *e, struct xfs_node *x, ext4_group_t g) {"
        " return e->vfs->i_ino + x->inode->i_size + x->flags + g; }"
    )
    prelude = assemble(Source(text), Target(kernel())).prelude
    assert prelude.count("struct inode {") == 1
    assert "typedef unsigned int ext4_group_t;" in prelude
    assert not errors(text, kernel())


def test_modules_are_not_asked_for_what_the_kernel_has() -> None:
    facts = kernel()
    assemble(Source("int f(struct inode *i) { return i->i_ino; }"), Target(facts))
    assert facts.seen == []


def test_a_record_that_is_nowhere_is_declared_only() -> None:
    facts = kernel()
    prelude = assemble(Source("int f(struct nowhere *n) { return n == 0; }"), Target(facts)).prelude
    assert "struct nowhere;" in prelude
    assert facts.seen == ["ext4", "xfs", "zram"]
