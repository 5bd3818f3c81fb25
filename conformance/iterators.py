"""Iterators of cases: a text with one, ``walk``, whose statements write about one object."""

from __future__ import annotations

import os

from bpfkit.collection import Collection

from .libbpf import load_text

TABLE = """
const volatile int wanted;
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, u32);
         __type(value, u64); } table SEC(".maps");
"""


def load_iterator(target: str, body: str, before: str = "") -> Collection:
    """Load an iterator over ``target``; its statements see ``ctx``, ``seq`` and ``wanted``, which
    is this process.
    """
    text = f"""
{TABLE}
{before}
SEC("iter/{target}") int walk(struct bpf_iter__{target} *ctx) {{
    struct seq_file *seq = ctx->meta->seq;
    {body}
    return 0;
}}
"""
    return load_text(text, globals={"wanted": os.getpid()} if "wanted" in body else {})
