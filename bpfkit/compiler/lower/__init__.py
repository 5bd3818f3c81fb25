"""Our tree to LLVM IR text, with debug info and CO-RE relocations."""
