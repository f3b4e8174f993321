"""What Valkey is told, command by command, from a connection of its own (MONITOR)."""

from __future__ import annotations

import ast
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

#: Called with the time (seconds since the epoch) and the command's words.
Listener = Callable[[float, list[bytes]], None]

_LINE = re.compile(rb"^\+(\d+\.\d+) \[[^\]]*\] (.*)\r\n$")
_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"')

_AWAY_SECONDS = 0.01


class Monitor:
    """Hands every command that contains a word to whoever listens for it.

    While the server is away, and for the moment until the connection stands again, nothing is heard: what is counted
    here is a lower bound.
    """

    def __init__(self, path: str) -> None:
        """Takes the server's Unix socket; nothing is heard yet."""
        self._path = path
        self._listeners: list[tuple[bytes, Listener]] = []
        self._stop = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def listen(self, word: bytes, listener: Listener) -> None:
        """Has `listener` called for each command whose text contains `word`; before the monitor is entered."""
        self._listeners.append((word, listener))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with suppress(OSError, AttributeError):
            self._connection.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self._path)
                self._connection = connection
                connection.sendall(b"MONITOR\r\n")
                with connection.makefile("rb") as lines:
                    for line in lines:
                        self._hear(line)
            time.sleep(_AWAY_SECONDS)

    def _hear(self, line: bytes) -> None:
        for word, listener in self._listeners:
            if word in line and (found := _LINE.match(line)):
                words = [ast.literal_eval("b" + text.decode("ascii")) for text in _WORD.findall(found[2])]
                listener(float(found[1]), words)
