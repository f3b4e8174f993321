"""A wire: TCP from an address of this machine to a server on it, which can be cut and mended.

What is sent into a cut wire is kept and arrives when it is mended, as TCP does when packets are lost for a while; who
connects meanwhile waits.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_CHUNK = 64 << 10


class Wire:
    """Listens on a free port of `address`."""

    def __init__(self, address: str, target: int | str) -> None:
        """Listens; `target` is a port of 127.0.0.1 or the path of a Unix socket."""
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server((address, 0), backlog=128)
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Lets nothing through."""
        self._whole.clear()

    def mend(self) -> None:
        """Lets everything through again."""
        self._whole.set()

    def close(self) -> None:
        """Ends all connections."""
        self._whole.set()
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = self._connected()
                self._ends += (near, far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _connected(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        return far

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                self._whole.wait()
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
