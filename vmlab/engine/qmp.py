"""The QEMU Machine Protocol, as much as saving a guest takes, over an inherited socket."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from vmlab.errors import EngineError


class Qmp:
    """A connection to one QEMU. Every wait ends at ``deadline`` (`time.monotonic`)."""

    def __init__(self, end: socket.socket, deadline: float) -> None:
        self._end = end
        self._deadline = deadline
        self._buffer = b""
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Execute a command and return its answer.

        Raises EngineError with QEMU's own words if it fails.
        """
        return self._execute(command, arguments, [])

    def migrate(self, target_fd: int) -> None:
        """Write the state of the guest to ``target_fd`` and wait until it is whole.

        The guest is stopped by QEMU at the end. A restored copy runs on by itself, since the state
        says that the guest was running.
        """
        self._execute("getfd", {"fdname": "state"}, [target_fd])
        # The default of 128 MiB/s is meant for networks.
        self.execute("migrate-set-parameters", {"max-bandwidth": 1 << 40, "downtime-limit": 2000})
        self.execute("migrate", {"uri": "fd:state"})
        while (status := self.execute("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled"):
                raise EngineError(f"QEMU could not save the guest: migration {status}")
            time.sleep(0.01)

    def _execute(self, command: str, arguments: Mapping[str, Any] | None, fds: list[int]) -> Any:  # noqa: ANN401
        text = json.dumps({"execute": command, "arguments": dict(arguments or {})}).encode() + b"\n"
        with contextlib.suppress(OSError):
            socket.send_fds(self._end, [text], fds)
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise EngineError(f"QEMU refused {command}: {answer['error'].get('desc')}")

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._end.settimeout(max(0.01, self._deadline - time.monotonic()))
            try:
                data = self._end.recv(65536)
            except TimeoutError:
                raise EngineError("QEMU does not answer on its monitor") from None
            except OSError:
                data = b""
            if not data:
                raise EngineError("QEMU ended while it was spoken to")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise EngineError("QEMU's monitor sent something that is not an object")
        return message
