"""Objects that programs allocate, and the lists and trees in values that own them."""

from __future__ import annotations

from conformance.case import case
from conformance.libbpf import run

GRAPH = """
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define private(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))
extern void *bpf_obj_new_impl(__u64 local_type_id__k, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *p, void *meta) __ksym;
#define bpf_obj_new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), 0))
#define bpf_obj_drop(p) bpf_obj_drop_impl(p, 0)
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
                                    void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
    bool (less)(struct bpf_rb_node *a, const struct bpf_rb_node *b), void *meta, __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root,
                                             struct bpf_rb_node *node) __ksym;
"""
SLOTS = """
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, u32);
         __type(value, struct slot); } slots SEC(".maps");
"""


@case("maps/graph/c-objects", kernel="6.2")
def test_objects_are_made_and_dropped() -> None:
    """bpf_obj_new allocates an object of a type of the program, bpf_obj_drop frees it."""
    text = (
        GRAPH
        + """
    struct thing { u64 a; u32 b; };
    SEC("tc") int program(struct __sk_buff *skb) {
        struct thing *thing = bpf_obj_new(struct thing);
        if (!thing) return 0;
        thing->a = 40;
        thing->b = 2;
        OUT(0, thing->a + thing->b);
        bpf_obj_drop(thing);
        return 0;
    }
    """
    )
    assert run(text, 1) == [42]


@case("maps/graph/c-list", kernel="6.2")
def test_linked_lists_of_objects() -> None:
    """A list head in a map's value owns what is pushed to it under the value's lock."""
    text = (
        GRAPH
        + """
    struct item { struct bpf_list_node node; u64 n; };
    struct slot { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
    """
        + SLOTS
        + """
    SEC("tc") int program(struct __sk_buff *skb) {
        u32 key = 0;
        struct slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (!slot) return 0;
        for (int i = 1; i < 3; i++) {
            struct item *item = bpf_obj_new(struct item);
            if (!item) return 0;
            item->n = i * 10;
            bpf_spin_lock(&slot->lock);
            bpf_list_push_front_impl(&slot->head, &item->node, 0, 0);
            bpf_spin_unlock(&slot->lock);
        }
        for (int i = 0; i < 3; i++) {
            bpf_spin_lock(&slot->lock);
            struct bpf_list_node *node = bpf_list_pop_back(&slot->head);
            bpf_spin_unlock(&slot->lock);
            if (!node) { OUT(2, i); break; }
            struct item *item = container_of(node, struct item, node);
            OUT(i, item->n);
            bpf_obj_drop(item);
        }
        return 0;
    }
    """
    )
    assert run(text, 3) == [10, 20, 2]


@case("maps/graph/c-tree", kernel="6.3")
def test_trees_of_objects() -> None:
    """A tree among globals keeps objects in the order that a callback tells."""
    text = (
        GRAPH
        + """
    struct item { struct bpf_rb_node node; u64 n; };
    private(tree) struct bpf_spin_lock lock;
    private(tree) struct bpf_rb_root root __contains(item, node);
    static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) {
        return container_of(a, struct item, node)->n < container_of(b, struct item, node)->n;
    }
    static const u64 numbers[3] = {30, 10, 20};
    SEC("tc") int program(struct __sk_buff *skb) {
        for (int i = 0; i < 3; i++) {
            struct item *item = bpf_obj_new(struct item);
            if (!item) return 0;
            item->n = numbers[i];
            bpf_spin_lock(&lock);
            bpf_rbtree_add_impl(&root, &item->node, less, 0, 0);
            bpf_spin_unlock(&lock);
        }
        for (int i = 0; i < 3; i++) {
            bpf_spin_lock(&lock);
            struct bpf_rb_node *node = bpf_rbtree_first(&root);
            if (!node) { bpf_spin_unlock(&lock); break; }
            node = bpf_rbtree_remove(&root, node);
            bpf_spin_unlock(&lock);
            if (!node) break;
            struct item *item = container_of(node, struct item, node);
            OUT(i, item->n);
            bpf_obj_drop(item);
        }
        return 0;
    }
    """
    )
    assert run(text, 3) == [10, 20, 30]


@case("maps/graph/c-refcount", kernel="6.4")
def test_objects_with_a_count_of_references() -> None:
    """An object with a bpf_refcount is in a list and in the program's hands at once."""
    text = (
        GRAPH
        + """
    extern void *bpf_refcount_acquire_impl(void *p, void *meta) __ksym;
    struct item { struct bpf_refcount refs; struct bpf_list_node node; u64 n; };
    private(list) struct bpf_spin_lock lock;
    private(list) struct bpf_list_head head __contains(item, node);
    SEC("tc") int program(struct __sk_buff *skb) {
        struct item *item = bpf_obj_new(struct item), *same;
        if (!item) return 0;
        item->n = 6;
        same = bpf_refcount_acquire_impl(item, 0);
        bpf_spin_lock(&lock);
        bpf_list_push_front_impl(&head, &item->node, 0, 0);
        bpf_spin_unlock(&lock);
        if (!same) return 0;
        OUT(0, same->n);
        bpf_obj_drop(same);
        return 0;
    }
    """
    )
    assert run(text, 1) == [6]
