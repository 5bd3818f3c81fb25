"""mmap(2) and the limit on locked memory.

The standard ``mmap`` module refuses to map what fstat(2) calls empty, and so every BPF map; it does
not tell addresses either. So the C library is called.
"""

from __future__ import annotations

import ctypes
import errno
import mmap as _mmap
import resource
import warnings
import weakref

from ..errors import SyscallError

_LOCKED = frozenset({errno.EPERM, errno.EAGAIN, errno.ENOMEM})
_FIXED_NOREPLACE = 0x100000  # MAP_FIXED_NOREPLACE, v4.17
_FAILED = ctypes.c_void_p(-1).value


class Mapped:
    """A mapping. Release views taken from `view` before closing: the memory goes away."""

    def __init__(
        self, libc: ctypes.CDLL, address: int, size: int, what: str, writable: bool
    ) -> None:
        self._libc = libc
        self._address = address
        self._size = size
        whole = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
        self._view = whole if writable else whole.toreadonly()
        self._finalizer = weakref.finalize(self, _leaked, libc, address, size, what)
        self._finalizer.atexit = False

    @property
    def view(self) -> memoryview:
        """The bytes."""
        return self._view

    @property
    def address(self) -> int:
        """Where they begin."""
        return self._address

    def close(self) -> None:
        """Unmap. Calling it twice is harmless."""
        if self._finalizer.detach() is not None:
            self._view.release()
            self._libc.munmap(self._address, self._size)


class MemoryCommands:
    """Memory."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
            ctypes.c_long,
        ]  # fmt: skip
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def mmap(
        self,
        fd: int,
        size: int,
        what: str,
        *,
        offset: int = 0,
        writable: bool = False,
        address: int = 0,
    ) -> Mapped:
        """Map a file, shared."""
        protection = _mmap.PROT_READ | (_mmap.PROT_WRITE if writable else 0)
        flags = _mmap.MAP_SHARED | (_FIXED_NOREPLACE if address else 0)
        where = self._libc.mmap(address or None, size, protection, flags, fd, offset)
        if where == _FAILED or where is None:
            code = ctypes.get_errno()
            hint = "raise RLIMIT_MEMLOCK (ulimit -l)" if code in _LOCKED else ""
            if code == errno.EEXIST:
                hint = f"something else is at address {address:#x}; choose another one"
            raise SyscallError(code, "mmap", what, hint)
        return Mapped(self._libc, where, size, what, writable)

    def raise_memlock_limit(self) -> bool:
        """Lift RLIMIT_MEMLOCK."""
        forever = resource.RLIM_INFINITY
        try:
            if resource.getrlimit(resource.RLIMIT_MEMLOCK) == (forever, forever):
                return False
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (forever, forever))
        except (OSError, ValueError):
            return False
        return True


def _leaked(libc: ctypes.CDLL, address: int, size: int, what: str) -> None:
    libc.munmap(address, size)
    warnings.warn(f"the mapping of {what} was never closed", ResourceWarning, stacklevel=2)
