"""Map methods: ``counts.lookup(&key)`` becomes a call of the helper behind it.

Methods that are one helper call are rows of `DIRECT`; the others have a function each in `COMPOSED`
(here or in ``counters.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..ctype import ULONG, VOID, Pointer, Record, Type, bare
from ..diagnostics import Rejection
from ..tree import Assign, Binary, Expr, Return, Stmt, VarDecl
from . import build
from .counters import atomic_increment, increment
from .method_call import CURRENT_CPU, NOEXIST, MethodCall, record_event
from .tables import KINDS

ARRAYS = (KINDS["array"].type, KINDS["percpu_array"].type)


@dataclass(frozen=True, slots=True)
class Direct:
    """A method that is one helper call.

    ``args`` says what the helper gets, in order: "map", a digit for an argument of the method, "=N"
    for a constant. ``event`` is the argument that points to what is sent. ``kinds`` are those of
    the maps it is for, in words; none where C itself refuses the others, since only the macros of
    some kinds offer the method.
    """

    helper: str
    args: str
    event: int | None = None
    kinds: str = ""


DIRECT: Mapping[str, Direct] = {
    "lookup": Direct("bpf_map_lookup_elem", "map 0"),
    "update": Direct("bpf_map_update_elem", "map 0 1 =0"),
    "insert": Direct("bpf_map_update_elem", f"map 0 1 ={NOEXIST}"),
    "delete": Direct("bpf_map_delete_elem", "map 0"),
    "call": Direct("bpf_tail_call", "0 map 1", kinds="prog"),
    "perf_read": Direct("bpf_perf_event_read", "map 0"),
    "get_stackid": Direct("bpf_get_stackid", "0 map 1", kinds="stacktrace"),
    "check_current_task": Direct("bpf_current_task_under_cgroup", "map 0"),
    "redirect_map": Direct("bpf_redirect_map", "map 0 1"),
    "sock_map_update": Direct("bpf_sock_map_update", "0 map 1 2"),
    "perf_counter_value": Direct("bpf_perf_event_read_value", "map 0 1 2"),
    "sock_hash_update": Direct("bpf_sock_hash_update", "0 map 1 2"),
    "msg_redirect_map": Direct("bpf_msg_redirect_map", "0 map 1 2"),
    "sk_redirect_map": Direct("bpf_sk_redirect_map", "0 map 1 2"),
    "msg_redirect_hash": Direct("bpf_msg_redirect_hash", "0 map 1 2"),
    "sk_redirect_hash": Direct("bpf_sk_redirect_hash", "0 map 1 2"),
    "get_local_storage": Direct("bpf_get_local_storage", "map 0"),
    "push": Direct("bpf_map_push_elem", "map 0 1"),
    "pop": Direct("bpf_map_pop_elem", "map 0"),
    "peek": Direct("bpf_map_peek_elem", "map 0"),
    "sk_storage_get": Direct("bpf_sk_storage_get", "map 0 1 2", kinds="sk_storage"),
    "sk_storage_delete": Direct("bpf_sk_storage_delete", "map 0", kinds="sk_storage"),
    "ringbuf_output": Direct("bpf_ringbuf_output", "map 0 1 2", event=0),
    "ringbuf_reserve": Direct("bpf_ringbuf_reserve", "map 0 =0"),
    "ringbuf_submit": Direct("bpf_ringbuf_submit", "0 1", event=0),
    "ringbuf_discard": Direct("bpf_ringbuf_discard", "0 1"),
    "ringbuf_query": Direct("bpf_ringbuf_query", "map 0"),
    "inode_storage_get": Direct("bpf_inode_storage_get", "map 0 1 2", kinds="inode_storage"),
    "inode_storage_delete": Direct("bpf_inode_storage_delete", "map 0", kinds="inode_storage"),
    "task_storage_get": Direct("bpf_task_storage_get", "map 0 1 2", kinds="task_storage"),
    "cgrp_storage_get": Direct("bpf_cgrp_storage_get", "map 0 1 2", kinds="cgrp_storage"),
    "cgrp_storage_delete": Direct("bpf_cgrp_storage_delete", "map 0", kinds="cgrp_storage"),
    "drain": Direct("bpf_user_ringbuf_drain", "map 0 1 2"),
    "task_storage_delete": Direct("bpf_task_storage_delete", "map 0", kinds="task_storage"),
}

PLURALS = {"prog": "program arrays"}
"""What maps of a kind are called where "KIND maps" will not do."""


def expand(call: MethodCall) -> Expr:
    """The tree that ``call`` stands for."""
    composed = COMPOSED.get(call.name)
    if composed is not None:
        return composed(call)
    row = DIRECT.get(call.name)
    if row is None:
        raise Rejection(f"invalid bpf_table operation {call.name}", call.loc)
    _check_kind(row.kinds.split(), call)
    if call.name == "insert" and call.map.type in ARRAYS:
        call.warn("all element of an array already exist; insert() will have no effect")
    if row.event is not None:
        record_event(call.map, call.args[row.event])
    return call.helper(row.helper, call.type, *_arguments(row, call))


def _check_kind(kinds: list[str], call: MethodCall) -> None:
    """Refuse a method that maps of this kind do not have; what "extern" refers to is not known."""
    if not kinds or KINDS[call.map.kind].type in (0, *(KINDS[kind].type for kind in kinds)):
        return
    raise Rejection(
        f"{call.name} only available on {' and '.join(PLURALS.get(k, k + ' maps') for k in kinds)}",
        call.loc,
        f"map '{call.map.name}' is of kind '{call.map.kind}'",
    )


def _arguments(row: Direct, call: MethodCall) -> list[Expr]:
    args: list[Expr] = []
    for word in row.args.split():
        if word == "map":
            args.append(call.address())
        elif word.startswith("="):
            args.append(build.number(int(word[1:]), call.loc, ULONG))
        else:
            args.append(call.args[int(word)])
    return args


# ---------------------------------------------------------------- methods of several steps


def _perf_submit(call: MethodCall) -> Expr:
    """bpf_perf_event_output on the ring of this CPU."""
    ctx, data, size = call.args
    record_event(call.map, data)
    flags = build.number(call.current_cpu, call.loc, ULONG)
    return call.helper("bpf_perf_event_output", call.type, ctx, call.address(), flags, data, size)


def _perf_submit_skb(call: MethodCall) -> Expr:
    """The same with the start of the packet: its length is in the upper half of the flags."""
    skb, length, data, size = call.args
    shift = build.number(32, call.loc)
    high = Binary(ULONG, call.loc, "<<", build.cast(length, ULONG), shift)
    cpu = build.number(CURRENT_CPU, call.loc, ULONG)
    flags = Binary(ULONG, call.loc, "|", high, cpu)
    return call.helper("bpf_perf_event_output", call.type, skb, call.address(), flags, data, size)


def _lookup_or_try_init(call: MethodCall) -> Expr:
    """Look up; when absent insert and look up again."""
    return _lookup_or(call, return_on_failure=False)


def _lookup_or_init(call: MethodCall) -> Expr:
    """The same, and leave the enclosing function with 0 when the element cannot be inserted."""
    return _lookup_or(call, return_on_failure=True)


def _lookup_or(call: MethodCall, *, return_on_failure: bool) -> Expr:
    loc, (key, init) = call.loc, call.args
    pointer = Pointer(_leaf(call))
    key_var = build.local("key", key.type, loc, key)
    leaf_var = build.local("leaf", pointer, loc, _lookup(call, key_var, pointer))
    update = call.helper(
        "bpf_map_update_elem",
        ULONG,
        call.address(),
        build.load(key_var, loc),
        init,
        build.number(NOEXIST, loc, ULONG),
    )
    again = Assign(pointer, loc, build.ref(leaf_var, loc), _lookup(call, key_var, pointer))
    then: list[Stmt] = [build.statement(update), build.statement(again)]
    if return_on_failure:
        leave = _return_zero(call)
        then.append(build.if_null(build.load(leaf_var, loc), [leave]))
    return build.statement_expr(
        pointer,
        [
            build.declare(key_var),
            build.declare(leaf_var),
            build.if_null(build.load(leaf_var, loc), then),
            build.statement(build.load(leaf_var, loc)),
        ],
        loc,
    )


def _return_zero(call: MethodCall) -> Return:
    result = bare(call.function.type.result)
    if result == VOID:
        return Return(call.loc, None)
    if isinstance(result, Record):
        raise Rejection(
            "lookup_or_init returns 0 from its function, and this function returns a record",
            call.loc,
            "use lookup_or_try_init and test the result",
        )
    return Return(call.loc, build.cast(build.number(0, call.loc), call.function.type.result))


def _lookup(call: MethodCall, key: VarDecl, result: Pointer) -> Expr:
    key_pointer = build.load(key, call.loc)
    return call.helper("bpf_map_lookup_elem", result, call.address(), key_pointer)


def _leaf(call: MethodCall) -> Type:
    if call.map.leaf is None:
        raise Rejection(
            f"map '{call.map.name}' has no elements to look up",
            call.loc,
            "look up in a hash or an array",
        )
    return call.map.leaf


COMPOSED: dict[str, Callable[[MethodCall], Expr]] = {
    "perf_submit": _perf_submit,
    "perf_submit_skb": _perf_submit_skb,
    "lookup_or_try_init": _lookup_or_try_init,
    "lookup_or_init": _lookup_or_init,
    "increment": increment,
    "atomic_increment": atomic_increment,
}
