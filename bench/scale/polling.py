"""200 clients that look at a running job every five seconds, beside the same job without them.

Windows with and without clients take turns, each pair the other way round than the last, so that a drift of machine and
disk meets both alike. The workers are niced: answers come first, as they should where people wait.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from statistics import median, quantiles
from urllib.parse import urlsplit

from bench.scale import jobs, masters, nets
from bench.scale.house import PHOTOCHROM, Host, House
from bench.scale.scratch import scratch
from bench.scale.table import Table

_ITEMS = 1_000_000
#: So few that they are all colored before the first window.
_MASTERS = 200
_CLIENTS, _PERIOD = 200, 5.0
#: Seconds of a window, and how many of each kind.
_WINDOW, _PAIRS = 12.0, 4
_SMALL_WINDOW = 5.0
#: Seconds before the first window: items end three times as fast until memory is full of what the disk has yet to take.
_SETTLING = 30.0
_SLOTS = 2
_NICE = 10

_P99_BAR, _LOSS_BAR = 50.0, 5.0


def measure(table: Table) -> None:
    """Runs one job and looks at it by windows; it is given up afterwards."""
    items = table.count(_ITEMS)
    with scratch(files=items) as folder:
        models = folder / "models"
        nets.add_noop(models)
        host = Host(slots=_SLOTS, entry=("-m", "bench.scale.launch", "--nice", str(_NICE), "--", *PHOTOCHROM))
        settings = {"FSYNC": "false", "PREVIEWS": "none", "MODELS": nets.NOOP}
        with House(folder / "house", [host], models=models, settings=settings) as house:
            digests = masters.store(house.objects, masters.tinies(_MASTERS))
            job_id = jobs.submit(house.url, digests, total=items, recipe={"model": nets.NOOP})
            while (done := _done(house, job_id)) < 2 * _MASTERS:
                time.sleep(0.1)
            time.sleep(_SETTLING)
            crowd = _Crowd(house.url, job_id)
            alone, watched = _windows(
                lambda: _done(house, job_id), crowd, window=_SMALL_WINDOW if table.small else _WINDOW
            )
            done = _done(house, job_id)
            house.client.cancel(job_id)
    table.say("items of the job that had not ended after the last window", items - done)
    table.exact("  so that there was work in all of them", int(done < items), 1)
    _say(table, crowd, alone, watched)


def _say(table: Table, crowd: _Crowd, alone: list[float], watched: list[float]) -> None:
    answers = sum(crowd.answers.values())
    table.say("answers", answers, bar=f"{_CLIENTS} clients, one each {_PERIOD:g} s, in {_PAIRS} windows")
    table.say("  of these 304", crowd.answers[304])
    table.exact("  neither 200 nor 304, or none", answers + crowd.broken - crowd.answers[200] - crowd.answers[304], 0)
    table.say("p50 of an answer, ms", median(crowd.taken) * 1e3)
    table.most("p99 of an answer, ms", quantiles(crowd.taken, n=100)[98] * 1e3, _P99_BAR)
    for kind, rates in (("without", alone), ("with", watched)):
        windows = ", ".join(f"{rate:,.0f}" for rate in rates)
        table.say(f"items a second {kind} clients, mean of the windows", sum(rates) / len(rates), bar=windows)
    table.most("fewer, %", 100 * (1 - sum(watched) / sum(alone)), _LOSS_BAR)


def _windows(done: Callable[[], int], crowd: _Crowd, *, window: float) -> tuple[list[float], list[float]]:
    """Returns items a second of each window without clients, and of each with them."""
    alone: list[float] = []
    watched: list[float] = []
    for pair in range(_PAIRS):
        kinds = [(alone, lambda: time.sleep(window)), (watched, lambda: crowd.look(window))]
        for rates, meanwhile in kinds if pair % 2 == 0 else reversed(kinds):
            rates.append(_rate(done, meanwhile))
    return alone, watched


def _rate(done: Callable[[], int], meanwhile: Callable[[], None]) -> float:
    before, begun = done(), time.monotonic()
    meanwhile()
    return (done() - before) / (time.monotonic() - begun)


def _done(house: House, job_id: str) -> int:
    return jobs.settled(house.client.job(job_id))


class _Crowd:
    """Clients on kept-open connections, each with the ETag of its last answer."""

    def __init__(self, url: str, job_id: str) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._path = f"/v1/jobs/{job_id}"
        self._dice = random.Random(0)
        self._etags = [""] * _CLIENTS
        #: seconds of each answer; answers by status; requests without one
        self.taken: list[float] = []
        self.answers: Counter[int] = Counter()
        self.broken = 0

    def look(self, seconds: float) -> None:
        """Has all clients look again and again for so long."""
        asyncio.run(self._look(time.monotonic() + seconds))

    async def _look(self, until: float) -> None:
        await asyncio.gather(*(self._follow(number, until) for number in range(_CLIENTS)))

    async def _follow(self, number: int, until: float) -> None:
        # They came at different moments.
        await asyncio.sleep(self._dice.uniform(0, min(_PERIOD, until - time.monotonic())))
        reader, writer = await asyncio.open_connection(self._host, self._port)
        while (begun := time.monotonic()) < until:
            try:
                status = await self._ask(number, reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                self.broken += 1
                reader, writer = await asyncio.open_connection(self._host, self._port)
            else:
                self.taken.append(time.monotonic() - begun)
                self.answers[status] += 1
            await asyncio.sleep(max(0.0, min(begun + _PERIOD, until) - time.monotonic()))
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _ask(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Sends one request and returns the status of its answer."""
        known = f"If-None-Match: {self._etags[number]}\r\n" if self._etags[number] else ""
        writer.write(f"GET {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{known}\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", 0)))
        self._etags[number] = headers.get("etag", self._etags[number])
        return int(head[0].split()[1])
