"""The compiler's other process: LLVM's errors, and libclang's, end the one they happen in."""

from __future__ import annotations

from .process import Backend, compile_ir, compile_text, warm_up

__all__ = ["Backend", "compile_ir", "compile_text", "warm_up"]
