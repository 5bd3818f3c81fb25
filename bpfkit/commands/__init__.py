"""The commands of ``python -m bpfkit``, one in each file: what it takes, and what it does.

A command returns its exit status: 0, 1 when it failed, 2 when it was asked wrongly.
"""
