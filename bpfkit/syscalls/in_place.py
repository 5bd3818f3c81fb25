"""One element of a map at a time: for callers whose keys and values are ctypes objects already.

Scripts call bcc's tables once for each element, so this does without everything else: the request
is packed in one step, nothing is copied, and what the kernel says is returned instead of raised.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from ..uapi.bpf import BpfCmd
from .call import Caller
from .fd import OwnedFd
from .requests import InPlaceCalls

# Classes of keys and values are made at run time: no narrower type can be written down.
CData = Any

# The beginning of union bpf_attr for BPF_MAP_*_ELEM: map_fd, a gap, key, value, flags.
_ATTR = struct.Struct("@iINNN")


class InPlaceCommands:
    """BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM and BPF_MAP_GET_NEXT_KEY."""

    def __init__(self, caller: Caller) -> None:
        self._bpf_number = caller.numbers.bpf
        # Without argtypes: ctypes passes int and bytes as they are, in half the time.
        self._enter = ctypes.CDLL(None, use_errno=True).syscall
        self._enter.restype = ctypes.c_long

    def map_in_place(self, owner: OwnedFd) -> InPlaceCalls:
        """The calls for the map of ``owner``; EBADF once that is closed."""
        enter, number = self._enter, self._bpf_number
        pack, size, address, errno = _ATTR.pack, _ATTR.size, ctypes.addressof, ctypes.get_errno
        lookup_elem, update_elem = int(BpfCmd.MAP_LOOKUP_ELEM), int(BpfCmd.MAP_UPDATE_ELEM)
        delete_elem, get_next_key = int(BpfCmd.MAP_DELETE_ELEM), int(BpfCmd.MAP_GET_NEXT_KEY)

        def lookup(key: CData, value: CData) -> int:
            attr = pack(owner._fd, 0, address(key), address(value), 0)
            return 0 if enter(number, lookup_elem, attr, size) >= 0 else errno()

        def update(key: CData, value: CData) -> int:
            attr = pack(owner._fd, 0, address(key), address(value), 0)
            return 0 if enter(number, update_elem, attr, size) >= 0 else errno()

        def delete(key: CData) -> int:
            attr = pack(owner._fd, 0, address(key), 0, 0)
            return 0 if enter(number, delete_elem, attr, size) >= 0 else errno()

        def next_key(key: CData | None, found: CData) -> int:
            attr = pack(owner._fd, 0, 0 if key is None else address(key), address(found), 0)
            return 0 if enter(number, get_next_key, attr, size) >= 0 else errno()

        def peek(value: CData) -> int:
            attr = pack(owner._fd, 0, 0, address(value), 0)
            return 0 if enter(number, lookup_elem, attr, size) >= 0 else errno()

        return InPlaceCalls(lookup, update, delete, next_key, peek)
