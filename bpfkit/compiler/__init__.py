"""C text to a BPF ELF object: a pure function of the source and the target."""
