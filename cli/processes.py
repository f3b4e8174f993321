"""Processes: many files colored side by side, a process a core, none of which outlives the command."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from types import FrameType

from cli.coloring import Done
from cli.places import Place

#: Colors one file.
Color = Callable[[Place], Done]

#: Files that are given to the processes before the first of them has ended: a slow one must not stop the others, and
#: very many files must not fill the memory.
_AHEAD = 1_000

#: What ends a command from outside: a supervisor, and a terminal that goes away.
_ENDS = (signal.SIGTERM, signal.SIGHUP)


def color_side_by_side(
    places: Iterable[Place], color: Color, *, workers: int, note: Callable[[str], None]
) -> Generator[Done]:
    """Yields what became of each file, in their order, and takes up to 1,000 places ahead of it.

    Where a process is killed, as for want of memory, the pool is lost: what is open then is colored here, one by one,
    and `note` is told.
    """
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    waiting: deque[tuple[Place, Future[Done]]] = deque()
    told = False
    try:
        for place in chain(places, [None]):
            if place:
                waiting.append((place, _submit(pool, color, place)))
            while waiting and (not place or len(waiting) >= _AHEAD or waiting[0][1].done()):
                first, future = waiting.popleft()
                try:
                    done = future.result()
                except BrokenProcessPool:
                    if not told:
                        note("A process was killed, perhaps for want of memory: what is left is colored one by one.")
                    told = True
                    done = color(first)
                yield done
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, color: Color, place: Place) -> Future[Done]:
    """Has a file colored by the pool; where that is lost the future says so."""
    try:
        return pool.submit(_color, color, place)
    except BrokenProcessPool as error:
        future = Future[Done]()
        future.set_exception(error)
        return future


@contextmanager
def interruptible() -> Iterator[None]:
    """Has what ends the command from outside do what Ctrl-C does, so that nothing half is left."""
    before = {end: signal.getsignal(end) for end in _ENDS}
    for end, handler in before.items():
        if handler == signal.SIG_DFL:  # under nohup it is ignored
            signal.signal(end, signal.default_int_handler)
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)


def _begin() -> None:
    """Has a process of the pool end when it is told to, and with the command."""
    try:
        for end in (signal.SIGINT, *_ENDS):
            signal.signal(end, _end)
        threading.Thread(target=_follow, name="parent", daemon=True).start()
    except SystemExit:  # of which the pool would make a traceback
        os._exit(1)


def _color(color: Color, place: Place) -> Done:
    try:
        return color(place)
    except SystemExit:
        # The pool would take it for what became of the file, and go on with the next one.
        os._exit(1)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(1)


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
