"""Readers of what programs send: ring buffers, perf buffers, the trace pipe."""
