"""What BPF helpers do to the stack and what they give, by number (enum bpf_func_id).

Facts from the kernel's bpf_func_proto tables. A helper that is not listed may write to every stack
object it gets the address of; its pointer results are memory that programs may access.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ctype import Pointer, Record, Type, bare
from .values import NOTHING, OWNEDS, SCALARS, UNTYPEDS, USERS, VISIBLES, Atoms, btf


@dataclass(frozen=True, slots=True)
class Buffer:
    """The argument that is written, the one that gives its size in bytes, and what is written."""

    data: int
    size: int
    value: Atoms = SCALARS


# Helpers that fill a buffer and leave the rest of the stack alone.
FILLS: Mapping[int, Buffer] = {
    4: Buffer(0, 1),  # bpf_probe_read
    16: Buffer(0, 1),  # bpf_get_current_comm
    26: Buffer(2, 3),  # bpf_skb_load_bytes
    45: Buffer(0, 1),  # bpf_probe_read_str
    67: Buffer(1, 2),  # bpf_get_stack
    68: Buffer(2, 3),  # bpf_skb_load_bytes_relative
    112: Buffer(0, 1, USERS),  # bpf_probe_read_user
    113: Buffer(0, 1),  # bpf_probe_read_kernel
    114: Buffer(0, 1, USERS),  # bpf_probe_read_user_str
    115: Buffer(0, 1),  # bpf_probe_read_kernel_str
    141: Buffer(1, 2),  # bpf_get_task_stack
    148: Buffer(0, 1, USERS),  # bpf_copy_from_user
    191: Buffer(0, 1, USERS),  # bpf_copy_from_user_task
}

# Helpers that only read what they get.
READ_ONLY = frozenset(
    {
        1,  # bpf_map_lookup_elem
        2,  # bpf_map_update_elem
        3,  # bpf_map_delete_elem
        6,  # bpf_trace_printk
        9,  # bpf_skb_store_bytes
        12,  # bpf_tail_call
        25,  # bpf_perf_event_output
        27,  # bpf_get_stackid
        87,  # bpf_map_push_elem
        111,  # bpf_skb_output
        126,  # bpf_seq_printf
        127,  # bpf_seq_write
        130,  # bpf_ringbuf_output
        131,  # bpf_ringbuf_reserve
        132,  # bpf_ringbuf_submit
        133,  # bpf_ringbuf_discard
        165,  # bpf_snprintf
        177,  # bpf_trace_vprintk
    }
)

# Helpers whose result the verifier types by BTF.
GIVES_BTF = frozenset({136, 137, 138, 139, 140, 158, 175, 178})

# Helpers that give this CPU's, or another one's, copy of a kernel variable.
GIVES_VARIABLE = frozenset({153, 154})  # bpf_per_cpu_ptr, bpf_this_cpu_ptr

# Helpers whose result is an object of whatever type the caller casts it to.
GIVES_OWNED = frozenset({194})  # bpf_kptr_xchg

# Declared as a number or a pointer, the verifier sees a number: bpf_get_current_task.
GIVES_NUMBER = frozenset({35})


@dataclass(frozen=True, slots=True)
class Callback:
    """A helper that calls a function: which argument that is, and what the function gets.

    ``params`` names each parameter: "number", "visible", "typed" (a kernel object, by the
    parameter's type) or a digit for an argument of the helper that is passed on.
    """

    function: int
    params: tuple[str, ...]


CALLBACKS: Mapping[int, Callback] = {
    164: Callback(1, ("visible", "visible", "visible", "2")),  # bpf_for_each_map_elem
    170: Callback(1, ("visible", "visible", "visible")),  # bpf_timer_set_callback
    180: Callback(2, ("typed", "typed", "3")),  # bpf_find_vma
    181: Callback(1, ("number", "2")),  # bpf_loop
    209: Callback(1, ("visible", "2")),  # bpf_user_ringbuf_drain
}


# Kernel functions that call a function of the program.
KFUNC_CALLBACKS: Mapping[str, Callback] = {
    "bpf_wq_set_callback_impl": Callback(1, ("visible", "visible", "visible")),
    "bpf_wq_set_callback": Callback(1, ("visible", "visible", "visible")),
    "bpf_rbtree_add_impl": Callback(2, ("visible", "visible")),
    "bpf_rbtree_add": Callback(2, ("visible", "visible")),
    "bpf_task_work_schedule_signal_impl": Callback(3, ("visible", "visible", "visible")),
    "bpf_task_work_schedule_resume_impl": Callback(3, ("visible", "visible", "visible")),
}

# Kernel functions that give objects of the program's own types: its memory, to read and write.
GIVES_MEMORY = (
    "bpf_obj_new",
    "bpf_percpu_obj_new",
    "bpf_refcount_acquire",
    "bpf_list_pop",
    "bpf_list_front",
    "bpf_list_back",
    "bpf_rbtree_",
)

# Kernel functions that give an object of the type the caller casts their result to.
GIVES_UNTYPED = frozenset({"bpf_rdonly_cast", "bpf_cast_to_kern_ctx"})


def helper_result(number: int, type_: Type) -> Atoms:
    """The value a helper of result type ``type_`` gives."""
    pointer = bare(type_)
    if number in GIVES_NUMBER or not isinstance(pointer, Pointer):
        return SCALARS
    if number in GIVES_OWNED:
        return OWNEDS
    record = bare(pointer.to)
    if number in GIVES_BTF and isinstance(record, Record) and record.size:
        return frozenset({btf(record)})
    return VISIBLES


def kfunc_result(name: str, type_: Type) -> Atoms:
    """The value the kernel function ``name`` of result type ``type_`` gives."""
    pointer = bare(type_)
    if not isinstance(pointer, Pointer):
        return SCALARS
    if name in GIVES_UNTYPED:
        return UNTYPEDS
    record = bare(pointer.to)
    if isinstance(record, Record) and record.size and not name.startswith(GIVES_MEMORY):
        return frozenset({btf(record)})
    return VISIBLES


def callback_value(name: str, args: list[Atoms], type_: Type) -> Atoms:
    """What a callback gets for a parameter of ``type_`` that `Callback` calls ``name``."""
    match name:
        case "number":
            return SCALARS
        case "visible":
            return VISIBLES
        case "typed":
            pointer = bare(type_)
            record = bare(pointer.to) if isinstance(pointer, Pointer) else None
            return frozenset({btf(record)}) if isinstance(record, Record) else UNTYPEDS
    index = int(name)
    return args[index] if index < len(args) else NOTHING
