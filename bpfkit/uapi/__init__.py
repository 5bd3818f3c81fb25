"""The kernel's ABI as data: the only home of kernel constants."""
