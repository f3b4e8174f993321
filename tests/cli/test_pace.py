"""Connections whose other side takes its time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from itertools import count

import pytest

from cli.pace import Paced, SlowHeads

#: No test takes this long: what does hangs.
DEADLINE = 60


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE)
    with ours, theirs:
        yield ours, theirs


def test_who_keeps_pace_is_heard(pair: tuple[socket.socket, socket.socket]) -> None:
    """What comes in time is read, and the connection waits as it did before."""
    paced = Paced(pair[0], grace=DEADLINE)
    paced.settimeout(7)
    pair[1].sendall(b"abc")
    assert paced.recv(10) == b"abc"
    assert paced.gettimeout() == 7
    pair[1].close()
    assert paced.recv(10) == b""


def test_who_says_nothing_is_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    """Silence beyond the grace is a broken connection, of which nobody makes a fuss."""
    with pytest.raises(ConnectionResetError):
        Paced(pair[0], grace=0.01).recv(10)


def test_who_drips_is_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    """A byte now and then does not begin the grace anew, as the next request does."""
    paced, stop = Paced(pair[0], grace=0.3, rate=1_000_000), threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            pair[1].sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises(ConnectionResetError):
            all(paced.recv(1) for _ in count())
        paced.renew()
        assert paced.recv(1) == b"x"
    finally:
        stop.set()
        dripping.join()


def test_who_does_not_read_is_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    """An answer that nobody takes does not hold its thread for ever."""
    with pytest.raises(ConnectionResetError):
        Paced(pair[0], grace=0.1, rate=1 << 30).sendall(bytes(16 << 20))


def test_a_timeout_that_somebody_else_has_set_is_theirs(pair: tuple[socket.socket, socket.socket]) -> None:
    """Where gunicorn itself waits for so long only, its own error comes."""
    paced = Paced(pair[0], grace=DEADLINE)
    paced.settimeout(0.01)
    with pytest.raises(TimeoutError):
        paced.recv(10)


def test_who_has_us_wait_too_long_is_decided_about(pair: tuple[socket.socket, socket.socket]) -> None:
    """What is bound is asked once reading has waited for so long in all: it lets the reading go on, or ends it."""
    paced, asked = Paced(pair[0], grace=DEADLINE), []
    paced.bound(DEADLINE, lambda: asked.append("too soon"))
    pair[1].sendall(b"at once")
    assert paced.recv(10) == b"at once"
    sending = threading.Timer(0.05, pair[1].sendall, [b"late"])
    paced.bound(0.01, lambda: asked.append("late"))
    sending.start()
    assert paced.recv(10) == b"late"
    sending.join()
    assert asked == ["late"]

    def end() -> None:
        raise ZeroDivisionError

    paced.bound(0, end)
    pair[1].sendall(b"there already")
    assert paced.recv(20) == b"there already"
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            paced.recv(10)
    paced.renew()
    pair[1].sendall(b"another request")
    assert paced.recv(20) == b"another request"


def test_a_connection_that_parts_waits_for_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    """The other side hears the end; what is there already can be read, and nobody waits for more."""
    paced = Paced(pair[0], grace=DEADLINE)
    paced.part()
    assert pair[1].recv(1) == b""
    pair[1].sendall(b"too late")
    assert paced.recv(20) == b"too late"
    with pytest.raises(ConnectionResetError):
        paced.recv(20)


def test_what_is_left_of_a_body_is_heard_out(pair: tuple[socket.socket, socket.socket]) -> None:
    """As far as it is bound, so that who still sends can read the answer."""
    paced, asked = Paced(pair[0], grace=DEADLINE), []

    def end() -> None:
        asked.append("the end")
        raise ConnectionResetError

    pair[1].sendall(b"the rest")
    paced.bound(0.01, end)
    paced.part()
    assert asked == ["the end"]
    pair[1].sendall(b"x")
    assert paced.recv(20) == b"x"


def test_a_slow_head_has_a_place_until_its_request_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    """It is given back then, and whoever comes without one is cut off; one whose head was quick never takes any."""
    heads, slow, other = SlowHeads(16), Paced(pair[0]), Paced(pair[0])
    with heads.let_in(slow):
        pair[1].sendall(b"quick")
        assert slow.recv(5) == b"quick"
    # Nothing is bound any more: the end of the connection neither waits nor takes a place.
    slow.part()
    with heads.let_in(other):
        pair[0].setblocking(True)
        threading.Timer(0.5, pair[1].sendall, [b"slow"]).start()
        assert other.recv(4) == b"slow"
        late = Paced(pair[0])
        with heads.let_in(late), pytest.raises(ConnectionResetError):
            late.recv(1)
    again = Paced(pair[0])
    with heads.let_in(again):
        threading.Timer(0.5, pair[1].sendall, [b"again"]).start()
        assert again.recv(5) == b"again"
