"""Threads that end with the program: a second Ctrl-C is never needed, whatever they wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")

#: Seconds after which a thread that waits for room looks whether the run has failed.
_LOOK = 0.5


class Halt:
    """The first error of any thread, which ends the run in all of them."""

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self._event = threading.Event()
        self._error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Notes an error; only the first counts."""
        if not self._event.is_set():
            self._error = error
            self._event.set()

    def check(self) -> None:
        """Raises the first error, if there was one."""
        if self._error:
            raise self._error

    def sleep(self, seconds: float) -> None:
        """Sleeps, and raises the first error as soon as there is one."""
        self._event.wait(seconds)
        self.check()


class Crew:
    """Threads that do what is handed to them, in order. Not more than twice as many things as threads wait."""

    def __init__(self, threads: int, halt: Halt) -> None:
        """Starts the threads."""
        self._halt = halt
        self._room = threading.Semaphore(2 * threads)
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(
        self, act: Callable[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Outcome]:
        """Hands something over once there is room. What it raises, its future raises, and it ends the run."""
        future: Future[Outcome] = Future()

        def task() -> None:
            try:
                future.set_result(act(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised where the future or the halt is asked
                self._halt.fail(error)
                future.set_exception(error)

        self._halt.check()
        while not self._room.acquire(timeout=_LOOK):
            self._halt.check()
        self._tasks.put(task)
        return future

    def close(self) -> None:
        """Lets the threads end after what was handed over; waits for nobody."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while task := self._tasks.get():
            self._room.release()
            task()
