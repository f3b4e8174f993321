"""The wire between worker, nursery and child: frames of a small JSON head and raw bytes over a Unix stream socket.

A frame: lengths of head and body as two big-endian uint32, the head, the body. The head's `sizes` cuts the body into
blobs; a null there is a blob that is None. Files travel beside the first byte (SCM_RIGHTS, unix(7)).
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Largest head, bytes.
MAX_HEAD = 1 << 20

#: Files that one frame may bring.
MAX_FILES = 4

_PREFIX = struct.Struct(">II")

Blob = bytes | bytearray | memoryview


class Closed(Exception):
    """The other side hung up."""


class Garbled(Exception):
    """What arrived is no frame, too large, or not what was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What arrived."""

    #: the JSON object; `kind` says what it is
    head: Mapping[str, Any]
    #: raw bytes
    blobs: tuple[bytes | None, ...]

    @property
    def kind(self) -> object:
        """What the frame is."""
        return self.head.get("kind")


class Wire:
    """One end of a connection. `until` is a moment of the monotonic clock; TimeoutError is raised when it passes."""

    def __init__(self, connection: socket.socket) -> None:
        """Takes the socket over."""
        self._socket = connection

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def fileno(self) -> int:
        """Returns the socket's descriptor."""
        return self._socket.fileno()

    def quiet(self) -> bool:
        """Tells whether the other side is there still, as far as is known, and has said nothing that was not heard."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def send(
        self,
        head: Mapping[str, Any],
        *blobs: Blob | None,
        files: Sequence[int] = (),
        until: float | None = None,
    ) -> None:
        """Sends one frame; raises Closed, TimeoutError."""
        sizes = [None if blob is None else len(blob) for blob in blobs]
        text = json.dumps({**head, "sizes": sizes}, default=_plain, ensure_ascii=False).encode(errors="replace")
        prefix = _PREFIX.pack(len(text), sum(size or 0 for size in sizes))
        with _hanging_up():
            self._wait_at_most(until)
            if files:
                socket.send_fds(self._socket, [prefix], files)
                prefix = b""
            self._socket.sendall(prefix + text)
            for blob in blobs:
                if blob:
                    self._wait_at_most(until)
                    self._socket.sendall(blob)

    def receive(self, *, most: int = 0, until: float | None = None) -> Frame:
        """Receives one frame whose body has `most` bytes at most; raises Closed, Garbled, TimeoutError.

        Files that come along are not taken.
        """
        return self._rest(bytes(self._exactly(_PREFIX.size, until)), most, until)

    def receive_files(self, *, most: int = 0, until: float | None = None) -> tuple[Frame, list[int]]:
        """Receives one frame and the files that come along: for the side that trusts the other.

        Raises OSError too, where this process may not open them all.
        """
        with _hanging_up():
            self._wait_at_most(until)
            prefix, files, flags, _ = socket.recv_fds(self._socket, _PREFIX.size, MAX_FILES)
        for file in files:
            # Python 3.11's `recv_fds` ignores the flag for it.
            os.set_inheritable(file, False)
        try:
            if not prefix:
                raise Closed
            if flags & socket.MSG_CTRUNC:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self._rest(prefix + self._exactly(_PREFIX.size - len(prefix), until), most, until), files
        except BaseException:
            for file in files:
                os.close(file)
            raise

    def _rest(self, prefix: bytes, most: int, until: float | None) -> Frame:
        head_size, body_size = _PREFIX.unpack(prefix)
        if head_size > MAX_HEAD or body_size > most:
            raise Garbled(f"a frame of {head_size} + {body_size} bytes")
        try:
            head = json.loads(self._exactly(head_size, until))
            # Half of a surrogate pair would break whoever writes the words down.
            json.dumps(head, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Garbled("a head that is no JSON") from error
        sizes = head.get("sizes") if isinstance(head, dict) else None
        if not isinstance(sizes, list) or not all(size is None or (type(size) is int and size >= 0) for size in sizes):
            raise Garbled("a head without sizes")
        if sum(size or 0 for size in sizes) != body_size:
            raise Garbled("sizes that are not the body's")
        blobs = tuple(None if size is None else bytes(self._exactly(size, until)) for size in sizes)
        return Frame(head=head, blobs=blobs)

    def _exactly(self, count: int, until: float | None) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            with _hanging_up():
                self._wait_at_most(until)
                got = self._socket.recv_into(view)
            if not got:
                raise Closed
            view = view[got:]
        return data

    def _wait_at_most(self, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


@contextmanager
def _hanging_up() -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise Closed from error


def _plain(value: Any) -> Any:
    """Makes a number of numpy's a number, and anything else words."""
    return value.item() if hasattr(value, "item") else str(value)
