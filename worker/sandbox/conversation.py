"""The conversation with a child about one picture: the order, its questions to the net, its answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO

import numpy as np

from shared.errors import PictureError, SandboxUnavailable
from worker.orders import Colorist, Derivative, Order
from worker.sandbox import replies
from worker.sandbox.allowances import Allowances
from worker.sandbox.scarcity import enough_files, scarce
from worker.sandbox.verdicts import Loss
from worker.sandbox.wire import Closed, Garbled, Wire


class Lost(Exception):
    """The child is of no use any more."""

    def __init__(self, loss: Loss, words: str = "") -> None:
        self.loss = loss
        self.words = words
        super().__init__(words or loss.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a child said at the end, ready for the next picture."""

    #: what was made, or what is wrong with the picture
    outcome: Derivative | PictureError
    #: processor time of its life so far, seconds
    cpu_seconds: float


class Watch:
    """How long a picture has taken, without the net's time."""

    def __init__(self, allowances: Allowances) -> None:
        """Starts."""
        self._allowances = allowances
        self._begun = time.monotonic()
        #: pixels of the picture; None until its headers are read
        self.pixels: int | None = None

    @property
    def until(self) -> float:
        """The moment of the monotonic clock when its time is over."""
        return self._begun + self._allowances.seconds(self.pixels)

    @property
    def seconds(self) -> float:
        """Seconds since the headers were read, or until then since the beginning."""
        return time.monotonic() - self._begun

    def admit(self, pixels: int) -> None:
        """Begins anew: the headers are read."""
        self.pixels = pixels
        self._begun = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Does not count what the block takes."""
        since = time.monotonic()
        yield
        self._begun += time.monotonic() - since


def converse(
    wire: Wire,
    source: IO[bytes],
    target: IO[bytes],
    order: Order,
    *,
    allowances: Allowances,
    watch: Watch,
    colorist: Colorist,
    admitted: Callable[[int], None],
) -> Answer:
    """Returns the child's answer; raises Lost, SandboxUnavailable, and what `colorist` and `admitted` raise."""
    # Of a child that hung up before, what it said last is heard below.
    with (
        _losing(),
        suppress(Closed),
        _reopened(source, os.O_RDONLY) as master,
        _reopened(target, os.O_RDWR) as derivative,
    ):
        head = {"kind": "order", "order": order.to_json(), "allowances": asdict(allowances)}
        wire.send(head, files=(master, derivative), until=watch.until)
    most, questions = replies.most_bytes(order.net_side), 0
    while True:
        with _losing():
            frame = wire.receive(most=most, until=watch.until)
            match frame.kind:
                case "done":
                    return Answer(outcome=replies.done(frame, order), cpu_seconds=replies.cpu_seconds(frame))
                case "failed":
                    return Answer(outcome=replies.failed(frame), cpu_seconds=replies.cpu_seconds(frame))
                case "bug":
                    raise Lost(Loss.BUG, replies.words(frame))
                case "scarce":
                    raise scarce(replies.scarcity(frame), target)
                case "unready":
                    raise SandboxUnavailable(f"The process that decodes pictures cannot begin: {replies.words(frame)}")
                case "admitted" if watch.pixels is None:
                    watch.admit(replies.admitted(frame, order))
                case "net" if questions < order.limits.max_pages:
                    lightness, where = replies.question(frame, order.net_side)
                    questions += 1
                case _:
                    raise Garbled(f"a frame that nobody asked for: {frame.kind!r:.100}")
        # What these raise is no fault of the child's.
        with watch.paused():
            if frame.kind == "admitted":
                admitted(watch.pixels or 0)
                continue
            ab = np.ascontiguousarray(colorist(lightness, where), np.float32)
        with _losing():
            wire.send({"kind": "ab", "shape": ab.shape}, ab.tobytes(), until=watch.until)


@contextmanager
def _losing() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Lost(Loss.LATE) from error
    except Closed as error:
        raise Lost(Loss.SILENT) from error
    except Garbled as error:
        raise Lost(Loss.GARBLED, str(error)) from error


@contextmanager
def _reopened(file: IO[bytes], flags: int) -> Iterator[int]:
    """Gives a descriptor of the same file with its own position, and with no more rights than `flags` say."""
    with enough_files():
        descriptor = os.open(f"/proc/self/fd/{file.fileno()}", flags | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
