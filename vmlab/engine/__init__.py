"""The engines: each boots a `KernelImage` and runs one `Job` in it.

``snapshot`` restores a guest saved at the moment it was ready, ``cold`` boots the same guest from
the start, ``virtme`` lets virtme-ng boot it on a snapshot of the host's root. All three talk to
the same agent (``guest/``) through the same channel and judge its end by the same table
(`verdict`).
"""
