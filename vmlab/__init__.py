"""Boot many Linux kernels under QEMU and run commands of the host in them.

``vmlab`` knows nothing of BPF: it gets kernels (``kernels/manifest``), keeps them in a cache, boots
them through one of two engines and reports what became of a command. Its command line is
``vmlab.cli``.
"""
