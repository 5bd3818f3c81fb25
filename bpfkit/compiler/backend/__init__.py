"""LLVM IR to a BPF object, in a process of its own: LLVM's errors end the process they happen in."""

from __future__ import annotations

from .process import Backend, compile_ir, warm_up

__all__ = ["Backend", "compile_ir", "warm_up"]
