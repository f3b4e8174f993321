"""Masters that are traps: JSON that says what goes wrong when a child of the sandbox derives from it."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from models.render import DeltaL
from models.windows import Windows
from shared.errors import Corrupt, errors
from shared.formats import PNG
from worker.orders import Colorist, Derivative, Order

MEGABYTE = 1 << 20


def derive(
    source: IO[bytes], target: IO[bytes], order: Order, *, colorist: Colorist, admit: Callable[[int], None]
) -> Derivative:
    """Does what the master says; what it says nothing of it does as a good picture would."""
    says = json.load(source)
    if trap := says.get("early"):
        TRAPS[trap](says, target)
    pixels = says.get("pixels", 1000)
    admit(pixels)
    warnings = TRAPS[says["trap"]](says, target) if "trap" in says else ()
    where = Windows(count=says.get("windows", 1), wide=True)
    width, height = where.size(order.net_side)
    lightness = np.linspace(0, 100, width * height, dtype=np.float32).reshape(height, width)
    if says.get("lies") == "windows":
        lightness = lightness[:-1]
    ab = colorist(lightness, where)
    if trap := says.get("late"):
        TRAPS[trap](says, target)
    target.write(ab.tobytes() + says.get("text", "").encode())
    delta = DeltaL(maximum=0.25, mean=0.125, p999=0.25)
    made = Derivative(
        format=PNG,
        width=pixels,
        height=1,
        pages=1,
        delta_l=delta,
        encoded_delta_l=delta if order.verify else None,
        tone="gray",
        warnings=tuple(warnings or ()),
        timings={"decode": 0.5},
        master_preview=b"\xff\xd8\xff master" if order.previews else None,
        preview=b"\xff\xd8\xff derivative" if order.previews else None,
    )
    return replace(made, **says.get("claims", {}))


def _segfault(says: Any, target: IO[bytes]) -> None:
    ctypes.string_at(0)


def _abort(says: Any, target: IO[bytes]) -> None:
    os.abort()


def _end(says: Any, target: IO[bytes]) -> None:
    os._exit(says.get("status", 0))


def _be_killed(says: Any, target: IO[bytes]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _spin(says: Any, target: IO[bytes]) -> None:
    while True:
        pass


def _hang(says: Any, target: IO[bytes]) -> None:
    signal.pause()


def _burn(says: Any, target: IO[bytes]) -> None:
    until = time.process_time() + says["seconds"]
    while time.process_time() < until:
        pass


def _grow(says: Any, target: IO[bytes]) -> None:
    held = []
    while True:
        held.append(np.ones(MEGABYTE, np.uint8))


def _grow_at_once(says: Any, target: IO[bytes]) -> None:
    np.zeros(1 << 50, np.uint8)


def _hide_refused_memory(says: Any, target: IO[bytes]) -> None:
    try:
        _grow(says, target)
    except MemoryError as error:
        raise Corrupt("The file is damaged.") from error


def _say_no_memory(says: Any, target: IO[bytes]) -> None:
    raise Corrupt("The file is damaged: Insufficient memory (case 4)")


def _write(says: Any, target: IO[bytes]) -> None:
    while True:
        target.write(bytes(MEGABYTE))


def _fill_the_disk(says: Any, target: IO[bytes]) -> None:
    raise Corrupt("The file is damaged.") from OSError(errno.ENOSPC, "No space left on device")


def _run_out_of_files(says: Any, target: IO[bytes]) -> None:
    while True:
        os.open(os.devnull, os.O_RDONLY)


def _hoard(says: Any, target: IO[bytes]) -> None:
    _hoarded.append(np.ones(says["megabytes"] * MEGABYTE, np.uint8))


def _raise_ours(says: Any, target: IO[bytes]) -> None:
    kind = next(kind for kind in errors() if kind.code == says["code"])
    more = {"book": says["book"]} if "book" in says else {}
    raise kind("In words.", limit=np.int64(5), seen=[1, 2], **more)


def _raise_foreign(says: Any, target: IO[bytes]) -> None:
    raise ValueError("a bug")


def _babble(says: Any, target: IO[bytes]) -> None:
    for descriptor in _sockets():
        os.write(descriptor, b"\xff" * 64)
    signal.pause()


def _hang_up(says: Any, target: IO[bytes]) -> None:
    for descriptor in _sockets():
        os.close(descriptor)
    os.kill(os.getpid(), signal.SIGTERM)


def _die_once(says: Any, target: IO[bytes]) -> None:
    memory = Path(says["memory"])
    if not memory.exists():
        memory.touch()
        target.write(b"half a picture" * 1000)
        target.flush()
        os.kill(os.getpid(), signal.SIGBUS)


def _tell(says: Any, target: IO[bytes]) -> tuple[str, ...]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "pid": os.getpid(),
        "nursery": os.getppid(),
        "ready": _ready,
        "environment": dict(os.environ),
        "nursery_environment": Path(f"/proc/{os.getppid()}/environ").read_text(),
        "files": sorted(int(path.name) for path in Path("/proc/self/fd").iterdir()),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "no_new_privileges": status["NoNewPrivs"],
        # PR_GET_DUMPABLE of prctl(2): whether another process of this user may trace it.
        "traceable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        "out_of_memory_score": Path("/proc/self/oom_score_adj").read_text().strip(),
        "standard": [str(Path(f"/proc/self/fd/{number}").readlink()) for number in (0, 1, 2)],
    }
    return (json.dumps(facts),)


def _deface(says: Any, target: IO[bytes]) -> tuple[str, ...]:
    master = next(
        descriptor
        for descriptor in range(4, 16)
        if descriptor != target.fileno() and Path(f"/proc/self/fd/{descriptor}").exists()
    )
    try:
        os.pwrite(master, b"gone", 0)
    except OSError as error:
        return (errno.errorcode[error.errno],)
    return ("defaced",)


def _sockets() -> list[int]:
    links = Path("/proc/self/fd").iterdir()
    return [int(link.name) for link in links if link.is_socket()]


TRAPS: dict[str, Callable[[Any, IO[bytes]], Any]] = {
    "segfault": _segfault,
    "abort": _abort,
    "end": _end,
    "be_killed": _be_killed,
    "spin": _spin,
    "hang": _hang,
    "burn": _burn,
    "grow": _grow,
    "grow_at_once": _grow_at_once,
    "hide_refused_memory": _hide_refused_memory,
    "say_no_memory": _say_no_memory,
    "write": _write,
    "fill_the_disk": _fill_the_disk,
    "run_out_of_files": _run_out_of_files,
    "hoard": _hoard,
    "raise_ours": _raise_ours,
    "raise_foreign": _raise_foreign,
    "babble": _babble,
    "hang_up": _hang_up,
    "die_once": _die_once,
    "tell": _tell,
    "deface": _deface,
}


#: Memory that pictures left behind.
_hoarded: list[Any] = []

#: Process ids of the nursery that rehearsed and of the child that warmed up.
_ready: list[int] = []


def rehearse(cache_dir: Path) -> Callable[[], None]:
    """Remembers where it was called, and where what it returns was."""
    (cache_dir / "rehearsed").touch()
    _ready.append(os.getpid())
    return lambda: _ready.append(os.getpid())


def fail_to_rehearse(cache_dir: Path) -> None:
    """Fails as a rehearsal whose library is missing."""
    raise ImportError(f"no codec, though there is {cache_dir.name}")


def rehearse_with_40_files(cache_dir: Path) -> None:
    """Allows children fewer open files than they are given elsewhere, and more than they need."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def rehearse_with_no_files(cache_dir: Path) -> None:
    """Leaves no open file but the two ends of a child's wire."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    files = []
    with suppress(OSError):
        while True:
            files.append(os.open(os.devnull, os.O_RDONLY))
    for file in files[-2:]:
        os.close(file)


def fail_in_each_child(cache_dir: Path) -> Callable[[], None]:
    """Succeeds in the nursery, and not in its children."""

    def fail() -> None:
        raise RuntimeError("no warmth")

    return fail


def rehearse_with_a_thread(cache_dir: Path) -> None:
    """Leaves a thread behind, as a rehearsal must not."""
    threading.Thread(target=signal.pause, daemon=True).start()
