"""Wires: what is sent into a cut one arrives when it is mended."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bench.scale.wires import Wire


def test_a_cut_wire_keeps_what_is_sent() -> None:
    """Bytes pass a whole wire both ways, wait in a cut one, and arrive in order when it is mended."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        wire = Wire("127.0.0.1", server.getsockname()[1])
        with closing(wire), socket.create_connection((wire.address, wire.port), timeout=10) as near:
            far, _ = server.accept()
            with far:
                near.sendall(b"one")
                assert far.recv(3) == b"one"
                far.sendall(b"two")
                assert near.recv(3) == b"two"
                wire.cut()
                near.sendall(b"three")
                far.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    far.recv(5)
                far.settimeout(10)
                waiting = threads.submit(far.recv, 5)
                wire.mend()
                assert waiting.result() == b"three"
