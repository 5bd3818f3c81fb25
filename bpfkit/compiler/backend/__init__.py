"""LLVM IR text to a BPF ELF object, in a child process."""
