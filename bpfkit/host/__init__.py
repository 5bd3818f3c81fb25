"""Facts of the running kernel from /proc and /sys: parsers take text, paths take a root."""
