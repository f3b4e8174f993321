"""The child: serves the orders of one tenant, one after the other, and trusts whoever sends them."""

from __future__ import annotations

import os
import re
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from models.windows import Windows
from shared.errors import PictureError
from worker.orders import Derivative, Order
from worker.sandbox.allowances import Allowances
from worker.sandbox.confinement import grant
from worker.sandbox.scarcity import SCARCE
from worker.sandbox.wire import Closed, Wire

#: Derives as `worker.pipeline.derive` does.
Entry = Callable[..., Derivative]

#: Exit status of a child that got no more memory: said so, it takes none to tell.
OUT_OF_MEMORY = 77
#: Exit status of a child that met with a bug.
BROKEN = 70

#: Most characters of an error's words, and of a traceback.
_MAX_WORDS = 2_000
_MAX_TRACEBACK = 20_000

#: How native decoders say that memory was refused.
_NO_MEMORY = re.compile(r"(?i)(insufficient|out of|not enough) memory|(cannot|can't|failed to) alloc|bad_alloc")


def serve(connection: socket.socket, entry: Entry) -> int:
    """Serves orders until the worker hangs up, or until a failure leaves this process in doubt; returns the status."""
    wire = Wire(connection)
    status = 0
    while not status:
        try:
            frame, files = wire.receive_files()
        except Closed:
            return 0
        except OSError as error:
            return _tell(wire, error)
        with os.fdopen(files[0], "rb") as source, _closing(os.fdopen(files[1], "r+b")) as target:
            status = _serve(wire, entry, source, target, frame.head)
    return status


def cannot_begin(connection: socket.socket, error: Exception) -> None:
    """Tells the worker why no order can be served, which is no picture's fault."""
    wire = Wire(connection)
    with suppress(Closed):
        if isinstance(error, OSError) and error.errno in SCARCE:
            wire.send({"kind": "scarce", "errno": error.errno})
        else:
            wire.send({"kind": "unready", "words": repr(error)[:_MAX_WORDS]})


@contextmanager
def _closing(target: IO[bytes]) -> Iterator[IO[bytes]]:
    """Closes a file that was flushed, or failed: what it still holds then may be beyond what may be written."""
    try:
        yield target
    finally:
        with suppress(OSError):
            target.close()


def _serve(wire: Wire, entry: Entry, source: IO[bytes], target: IO[bytes], head: Any) -> int:
    def admit(pixels: int) -> None:
        grant(allowances, pixels)
        wire.send({"kind": "admitted", "pixels": pixels})

    def colorist(lightness: NDArray[np.float32], where: Windows) -> NDArray[np.float32]:
        blob = np.ascontiguousarray(lightness, np.float32).tobytes()
        try:
            wire.send({"kind": "net", "count": where.count, "wide": where.wide}, blob)
            answer = wire.receive(most=1 << 30)
        except Closed:
            # Nobody waits for this picture any more.
            os._exit(0)
        return np.frombuffer(answer.blobs[0] or b"", np.float32).reshape(answer.head["shape"]).copy()

    try:
        order, allowances = Order.from_json(head["order"]), Allowances(**head["allowances"])
        grant(allowances, None)
        made = entry(source, target, order, colorist=colorist, admit=admit)
        target.flush()
        wire.send(
            {"kind": "done", "derivative": made.to_json(), "cpu": time.process_time()},
            made.master_preview,
            made.preview,
        )
    except Closed:
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, the worker is to hear of it
        return _tell(wire, error)
    return 0


def _tell(wire: Wire, error: Exception) -> int:
    """Tells the worker what went wrong; returns 0 where the next order may come, else the exit status."""
    causes = list(_causes(error))
    if any(isinstance(cause, MemoryError) or _NO_MEMORY.search(str(cause)) for cause in causes):
        return OUT_OF_MEMORY
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno in SCARCE]
    if numbers:
        wire.send({"kind": "scarce", "errno": numbers[0]})
        return BROKEN
    if isinstance(error, PictureError):
        wire.send(
            {
                "kind": "failed",
                "code": error.code,
                "detail": error.detail[:_MAX_WORDS],
                "extra": error.extra,
                "cpu": time.process_time(),
            }
        )
        return 0
    wire.send({"kind": "bug", "words": "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]})
    return BROKEN


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, what caused it, what caused that."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
