"""What the sandbox costs: small pictures in place and in the sandbox, of one tenant and of several by turns."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from statistics import median

import cv2

from bench.files import gray_of
from bench.in_place import lite
from bench.masters import photo_paths
from shared.recipes import resolve
from shared.settings import load
from worker.deriving import Deriver, InPlace
from worker.orders import Limits, Order, colorist_of
from worker.sandbox.keeper import Keeper
from worker.sandbox.sandbox import ENTRY, REHEARSAL, Sandbox

_COUNT = 100

#: Small, so that the cost is not lost in what the picture takes itself.
_WIDTH, _HEIGHT = 640, 480

#: Tenants by turns that are more than the sandbox keeps children of.
_MANY = 8

#: What the sandbox may cost a picture, milliseconds, and the ways that are held to it: a fresh process for each
#: picture takes more processor time than that.
_BAR = 10
_HELD = ("one tenant", "two tenants by turns")


def main() -> None:
    """Prints milliseconds a picture; exits 1 where the sandbox costs more than it may."""
    settings = load()
    make = _maker()
    memory = settings.sandbox_megabytes << 20
    with Sandbox(settings.cache_dir, memory) as sandbox:
        begun = time.perf_counter()
        make(sandbox, "0")
        print(f"{time.perf_counter() - begun:.2f} s until the first picture of a new sandbox is made")
        ways: dict[str, Callable[[int], None]] = {
            "in place": lambda number: make(InPlace(), "0"),
            "one tenant": lambda number: make(sandbox, "0"),
            "two tenants by turns": lambda number: make(sandbox, str(number % 2)),
            "eight tenants by turns": lambda number: make(sandbox, str(number % _MANY)),
        }
        taken = _measure(ways)
    print(f"{_COUNT} JPEGs of {_WIDTH} x {_HEIGHT}, net included, median; eight tenants get fresh processes each time")
    least = taken["in place"]
    for way, milliseconds in taken.items():
        bar = f"  (bar: {_BAR})" if way in _HELD else ""
        print(f"{way:22}{milliseconds:7.1f} ms a picture{milliseconds - least:+7.1f} ms{bar}")
    keeper = Keeper(entry=ENTRY, rehearsal=REHEARSAL, cache_dir=settings.cache_dir, memory_bytes=memory)
    print(f"{_fresh(keeper):.1f} ms from one fresh process to the next, as fast as they come")
    if max(taken[way] for way in _HELD) - least > _BAR:
        raise SystemExit(f"The sandbox must cost {_BAR} ms a picture at most, of one tenant and of two by turns.")


def _measure(ways: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Returns the median milliseconds of each way; they take turns, as other work on the machine comes and goes."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for way in [*ways] * 4:
        ways[way](1)
        for number in range(_COUNT // 4):
            begun = time.perf_counter()
            ways[way](number)
            taken[way].append((time.perf_counter() - begun) * 1e3)
    return {way: median(figures) for way, figures in taken.items()}


def _fresh(keeper: Keeper) -> float:
    pid, wire = keeper.child()
    taken = []
    for _ in range(_COUNT):
        wire.close()
        begun = time.perf_counter()
        pid, wire = keeper.child(pid)
        taken.append((time.perf_counter() - begun) * 1e3)
    wire.close()
    keeper.stop()
    return median(taken)


def _maker() -> Callable[[Deriver, str], None]:
    """Returns what makes the picture once."""
    recipe = resolve({})
    net = lite()
    data = cv2.imencode(".jpg", gray_of(photo_paths()[0], _WIDTH, _HEIGHT))[1].tobytes()
    order = Order(
        master=hashlib.sha256(data).hexdigest(),
        recipe=recipe,
        model_name="lite",
        limits=Limits.of(load()),
        net_side=net.input_size,
    )

    def make(deriver: Deriver, tenant: str) -> None:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(data)
            source.seek(0)
            deriver.derive(
                tenant,
                source,
                target,
                order,
                colorist=colorist_of(net, recipe),
                admitted=lambda pixels: None,
            )

    return make
