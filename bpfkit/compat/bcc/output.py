"""Reading what programs send: perf buffers, ring buffers and the trace pipe, as bcc's BPF class
has it.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from . import live

if TYPE_CHECKING:
    from ...events.trace_pipe import TracePipe
    from ...maps.base import Map
    from .bpf import BPF

PerfCallback = Callable[[int, int, int], object]
RingCallback = Callable[[object, int, int], object]
# bcc's callers unpack six values without looking whether they are None.
AnyFields = Any
NOTHING = (None, None, None, None, None, None)


class Output:
    """The readers of one BPF object."""

    def __init__(self) -> None:
        super().__init__()
        self._readers = contextlib.ExitStack()
        """Closes every reader. It holds no reference to this object, see `_borrowed`."""
        self._perf = self._readers.enter_context(live.Poller())
        self._rings = self._readers.enter_context(live.Poller())
        self._pipe: TracePipe | None = None
        self._callbacks: list[_Callback] = []

    def close_output(self) -> None:
        """Close every reader."""
        self._readers.close()
        self._pipe = None
        self._callbacks.clear()

    def _borrowed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give a reader ``call`` without letting it own it.

        Callbacks refer to the object they belong to. If readers held them, whoever closes the
        readers of an object nobody cleaned up would keep that object alive.
        """
        owned = _Callback(call)
        self._callbacks.append(owned)
        borrowed = weakref.ref(owned)

        def run(*args: object) -> object:
            callback = borrowed()
            return None if callback is None else callback.call(*args)

        return run

    # ------------------------------------------------------------ perf buffers

    def open_perf_buffer(
        self,
        map: Map,
        callback: PerfCallback,
        page_cnt: int,
        lost_cb: Callable[[int], object] | None,
        wakeup_events: int,
    ) -> None:
        """Read ``map`` on every online CPU; tables call this."""
        bpf = cast("BPF", self)
        self._perf.add(
            live.PerfBuffer(
                bpf.collection.system,
                map,
                self._borrowed(callback),
                lost=self._borrowed(lost_cb or _tell_lost),
                pages=page_cnt,
                wakeup_events=wakeup_events,
            )
        )

    def perf_buffer_poll(self, timeout: int = -1) -> None:
        """Wait up to ``timeout`` ms (-1: for ever) and hand every record that is there to its
        callback.

        Unlike bcc, an exception of a callback comes out of here.
        """
        self._perf.poll(timeout)

    def perf_buffer_consume(self) -> None:
        """Hand over every record that is there, without waiting."""
        self._perf.consume()

    # ------------------------------------------------------------ ring buffers

    def open_ring_buffer(self, map: Map, callback: RingCallback, ctx: object) -> None:
        """Read a ring buffer; tables call this."""
        self._rings.add(
            live.RingBuffer(
                cast("BPF", self).collection.system,
                map,
                self._borrowed(lambda data, size: _as_status(callback(ctx, data, size))),
            )
        )

    def ring_buffer_poll(self, timeout: int = -1) -> None:
        """Wait up to ``timeout`` ms (-1: for ever) and hand every record that is there to its
        callback.
        """
        self._need_rings()
        self._rings.poll(timeout)

    def ring_buffer_consume(self) -> None:
        """Hand over every record that is there, without waiting."""
        self._need_rings()
        self._rings.consume()

    def _need_rings(self) -> None:
        if not self._rings.sources:
            raise Exception("No ring buffers to poll; call open_ring_buffer() on a table first")

    # ------------------------------------------------------------ the trace pipe

    def trace_open(self, nonblocking: bool = False) -> BinaryIO:
        """Open the trace pipe, once."""
        if self._pipe is None:
            tracefs = cast("BPF", self).collection.system.facts.tracefs
            pipe = live.TracePipe(tracefs.path / "trace_pipe", nonblocking=nonblocking)
            self._pipe = self._readers.enter_context(pipe)
        return self._pipe.file

    def trace_readline(self, nonblocking: bool = False) -> bytes | None:
        """One line of the trace pipe without its end; None when nothing is there."""
        self.trace_open(nonblocking)
        assert self._pipe is not None
        return self._pipe.readline()

    def trace_fields(self, nonblocking: bool = False) -> AnyFields:
        """Task, pid, cpu, flags, time in seconds and message of the next line."""
        self.trace_open(nonblocking)
        assert self._pipe is not None
        fields = self._pipe.fields()
        return NOTHING if fields is None else fields

    def trace_print(self, fmt: str | None = None) -> None:
        """Print lines for ever, each through ``fmt.format(*fields)`` when given."""
        while True:
            line = fmt.format(*self.trace_fields()) if fmt else self.trace_readline()
            print(line, flush=True)  # noqa: T201 - printing is what it is for


class _Callback:
    """What can be referred to weakly whatever ``call`` is."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


def _tell_lost(count: int) -> None:
    sys.stderr.write(f"Possibly lost {count} samples\n")


def _as_status(result: object) -> int:
    # bcc lets callbacks return anything; only integers mean something.
    return result if isinstance(result, int) else 0
