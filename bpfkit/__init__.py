"""bpfkit: BPF programs in C, compiled, loaded and read from Python."""
