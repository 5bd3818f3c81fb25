"""LLVM IR to a BPF object, in another process: LLVM's errors end the one they happen in."""

from __future__ import annotations

from .process import Backend, compile_ir, warm_up

__all__ = ["Backend", "compile_ir", "warm_up"]
