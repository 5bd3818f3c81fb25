"""A kernel's BTF in miniature: functions, tracepoints and tags that the analysis asks for."""

from __future__ import annotations

from bpfkit.btf.types import (
    Array,
    Const,
    Func,
    FuncProto,
    Int,
    Member,
    Param,
    Ptr,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
)
from bpfkit.compiler.target import Target
from tests.unit.compiler.bcc_chain import target


class Builder:
    """Collects types; ids count from 1."""

    def __init__(self) -> None:
        self.types: list[Type] = []

    def add(self, type_: Type) -> int:
        self.types.append(type_)
        return len(self.types)

    def pointer(self, to: int) -> int:
        return self.add(Ptr(to))

    def function(self, name: str, result: int, *params: int) -> None:
        proto = FuncProto(result, tuple(Param(f"p{i}", t) for i, t in enumerate(params)))
        self.add(Func(name, self.add(proto)))


def kernel_types() -> list[Type]:
    """The types."""
    b = Builder()
    int_ = b.add(Int("int", 4, 32, signed=True))
    char = b.add(Int("char", 1, 8, signed=True))
    common = b.add(Struct("sock_common", 12, (Member("skc_family", int_, 0),)))
    pair = b.add(Array(common, int_, 1))
    sock = b.add(Struct("sock", 16, (Member("__sk_common", pair, 0), Member("state", int_, 96))))
    sock_ptr = b.pointer(b.add(Const(sock)))
    void_ptr = b.pointer(0)
    user_char = b.pointer(b.add(TypeTag("user", char)))
    percpu = b.pointer(b.add(TypeTag("percpu", sock)))
    anonymous = b.pointer(b.add(Struct("", 4, (Member("x", int_, 0),))))
    b.function("f", sock_ptr, sock_ptr, int_, void_ptr, user_char, percpu, anonymous)
    b.function("bpf_lsm_file_open", int_, sock_ptr)
    b.function("__module__f", int_, sock_ptr)
    trace = b.pointer(
        b.add(FuncProto(0, (Param("__data", void_ptr), Param("sk", sock_ptr), Param("n", int_))))
    )
    b.add(Typedef("btf_trace_tp", trace))
    b.add(Typedef("btf_trace_odd", int_))
    operation = b.pointer(b.add(FuncProto(int_, (Param("sk", sock_ptr), Param("on", int_)))))
    b.add(Struct("tcp_ops", 16, (Member("init", operation, 0), Member("release", operation, 64))))
    b.add(
        Struct(
            "iovec",
            16,
            (Member("iov_base", user_char, 0), Member("iov_len", int_, 64)),
        )
    )
    b.add(Union("either", 8, (Member("name", user_char, 0), Member("sk", sock_ptr, 0))))
    return b.types


def with_types(dialect: str = "bcc", **facts: object) -> Target:
    """A target whose kernel has these types."""
    return target(dialect, types=kernel_types(), **facts)
