"""Batching: pictures of many threads that arrive within a few milliseconds share one pass of a net.

It is for a GPU, where a pass of sixteen pictures takes hardly longer than one of a single picture. On a CPU a batch
gains nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from models.nets import Net
from shared.errors import NetFailed

Array = NDArray[np.float32]

#: Pictures of one pass at most.
MOST = 16

#: How long the first picture of a pass waits for others, seconds.
WAIT_SECONDS = 0.004


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Request:
    """Pictures that a thread waits for."""

    #: float32[n, 1, h, w] of L* minus 50
    lightness: Array
    #: gets the logits, float32[n, 313, h/4, w/4]
    answer: Future[Array] = field(default_factory=Future)

    @property
    def count(self) -> int:
        """How many pictures."""
        return len(self.lightness)


class Batched:
    """A net that any number of threads may call: a thread of its own loads it, and runs what is waiting as one pass."""

    def __init__(self, load: Callable[[], Net], *, most: int = MOST, wait: float = WAIT_SECONDS) -> None:
        """Has the thread call `load`, and raises what that raises."""
        self._most = most
        self._wait = wait
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        loaded: Future[Net] = Future()
        self._thread = threading.Thread(target=self._serve, args=(load, loaded), name="net", daemon=True)
        self._thread.start()
        net = loaded.result()
        self.engine = net.engine
        self.input_size = net.input_size

    def logits(self, lightness: Array) -> Array:
        """Runs the net; see `models.nets.Net`. Raises NetFailed also once it is closed."""
        request = _Request(lightness=lightness)
        with self._changed:
            if self._closed:
                raise NetFailed("The net is closed.")
            self._waiting.append(request)
            self._changed.notify()
        return request.answer.result()

    def close(self) -> None:
        """Answers what is waiting and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Batched:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _serve(self, load: Callable[[], Net], loaded: Future[Net]) -> None:
        try:
            net = load()
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            loaded.set_exception(error)
            return
        loaded.set_result(net)
        while requests := self._next_pass():
            _answer(net, requests)

    def _next_pass(self) -> list[_Request]:
        """Returns the requests of the next pass, in the order in which they came; none once the net is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            until = time.monotonic() + self._wait
            while not self._closed and sum(request.count for request in self._waiting) < self._most:
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    break
            requests: list[_Request] = []
            pictures = 0
            # One request alone may be larger than a pass.
            while self._waiting and (not requests or pictures + self._waiting[0].count <= self._most):
                requests.append(self._waiting.popleft())
                pictures += requests[-1].count
            return requests


def _answer(net: Net, requests: list[_Request]) -> None:
    """Runs one pass; where it fails each request is run alone, so that none fails for another."""
    try:
        found = net.logits(np.concatenate([request.lightness for request in requests]))
    except Exception as error:  # noqa: BLE001 - whoever waits raises it
        if len(requests) == 1:
            requests[0].answer.set_exception(error)
        else:
            for request in requests:
                _answer(net, [request])
        return
    first = 0
    for request in requests:
        request.answer.set_result(found[first : first + request.count])
        first += request.count
