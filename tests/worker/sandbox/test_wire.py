"""The wire: frames arrive as they were sent, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.wire import MAX_HEAD, Closed, Garbled, Wire

Pair = tuple[socket.socket, Wire]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A stranger's socket, and our wire at its other end."""
    stranger, ours = socket.socketpair()
    with stranger, ours:
        yield stranger, Wire(ours)


def raw(head: object, body: bytes = b"", *, body_size: int | None = None) -> bytes:
    """A frame, right or wrong."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack(">II", len(text), len(body) if body_size is None else body_size) + text + body


@given(
    words=st.text(max_size=50),
    blobs=st.lists(st.none() | st.binary(max_size=200), max_size=4),
)
def test_a_frame_arrives_as_it_was_sent(words: str, blobs: list[bytes | None]) -> None:
    """Words and blobs come out as they went in, None among them."""
    one, other = socket.socketpair()
    with one, other:
        Wire(one).send({"kind": "x", "words": words}, *blobs)
        frame = Wire(other).receive(most=800)
    assert (frame.kind, frame.head["words"], frame.blobs) == ("x", words, tuple(blobs))


def test_words_that_are_no_text_arrive_as_far_as_they_are(pair: Pair) -> None:
    """Half of a surrogate pair, as file names can bring it, does not keep the rest from being told."""
    Wire(pair[0]).send({"words": "a\udcffb"})
    assert pair[1].receive().head["words"] == "a?b"


def test_a_wire_is_quiet_until_the_other_side_speaks_or_leaves(pair: Pair) -> None:
    """Whoever looks before the next question hears of words that nobody asked for, and of the end."""
    stranger, wire = pair
    assert wire.quiet()
    Wire(stranger).send({"kind": "x"})
    assert not wire.quiet()
    wire.receive()
    assert wire.quiet()
    stranger.close()
    assert not wire.quiet()


def test_files_arrive_beside_a_frame(pair: Pair) -> None:
    """A file that was sent can be read at the other end, and one that nobody takes is closed."""
    stranger, wire = pair
    with tempfile.TemporaryFile() as file:
        file.write(b"master")
        file.flush()
        Wire(stranger).send({"kind": "order"}, b"blob", files=(file.fileno(),))
        frame, files = wire.receive_files(most=4)
        assert (frame.kind, frame.blobs) == ("order", (b"blob",))
        assert os.pread(files[0], 10, 0) == b"master"
        assert not os.get_inheritable(files[0])
        os.close(files[0])
        before = len(list(Path("/proc/self/fd").iterdir()))
        Wire(stranger).send({"kind": "order"}, files=(file.fileno(),))
        wire.receive()
        assert len(list(Path("/proc/self/fd").iterdir())) == before


WRONG = {
    "a head above a megabyte": struct.pack(">II", MAX_HEAD + 1, 0),
    "a body larger than was asked for": struct.pack(">II", 10, 101),
    "a head that is no JSON": raw(b"{"),
    "a head that is no UTF-8": raw(b"\xff\xff"),
    "a head nested too deeply": raw(b"[" * 100_000),
    "a number of too many digits": raw(b"9" * 10_000),
    "half of a surrogate pair": raw({"sizes": [], "words": "\ud800"}),
    "a head that is no object": raw([1]),
    "no sizes": raw({"kind": "done"}),
    "sizes that are no list": raw({"sizes": 5}),
    "a negative size": raw({"sizes": [-1, 1]}),
    "a size that is true": raw({"sizes": [True]}, b"x"),
    "sizes beyond the body": raw({"sizes": [100]}, b"x"),
    "sizes short of the body": raw({"sizes": []}, b"x"),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_no_frame_is_refused(pair: Pair, why: str) -> None:
    """Nothing is read beyond a wrong length, nor believed of a wrong head."""
    stranger, wire = pair
    stranger.sendall(WRONG[why])
    with pytest.raises(Garbled):
        wire.receive(most=100, until=time.monotonic() + 10)


@pytest.mark.parametrize("part", range(0, 30, 5))
def test_a_frame_that_breaks_off_is_none(pair: Pair, part: int) -> None:
    """A stranger that dies within a frame has hung up."""
    stranger, wire = pair
    stranger.sendall(raw({"sizes": [10]}, b"0123456789")[:part])
    stranger.close()
    with pytest.raises(Closed):
        wire.receive(most=100)


def test_drops_do_not_stretch_the_time(pair: Pair) -> None:
    """A frame that does not arrive whole until its moment is late, whatever of it is there."""
    stranger, wire = pair
    stranger.sendall(raw({"sizes": [10]}, b"01234", body_size=10))
    with pytest.raises(TimeoutError):
        wire.receive(most=100, until=time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        wire.receive(most=100, until=time.monotonic() - 1)


def test_a_stranger_that_does_not_read_is_late(pair: Pair) -> None:
    """What nobody takes is not sent for ever."""
    with pytest.raises(TimeoutError):
        pair[1].send({"kind": "ab"}, bytes(8 << 20), until=time.monotonic() + 0.05)


def test_nobody_is_spoken_to_after_hanging_up(pair: Pair) -> None:
    """Sending to a stranger that is gone is told as what it is."""
    pair[0].close()
    with pytest.raises(Closed):
        pair[1].send({"kind": "ab"}, bytes(8 << 20))
