"""Latency before storage: a proxy that holds each request up, or does not, before the same S3 server.

The S3 server is moto, in a process of its own: it takes processor time that a bucket elsewhere would not, and so it is
said how busy it was.
"""

from __future__ import annotations

from pathlib import Path

from bench.masters import make_masters
from bench.scale import nets
from bench.scale.bucket import bucket
from bench.scale.house import Host, House
from bench.scale.processor import cores, pinned
from bench.scale.scratch import scratch
from bench.scale.service import Run, from_job, run
from bench.scale.table import Table

_DELAY = 0.05
_LITE, _ECCV16 = 120, 80
_ROUNDS = 2
_CORES = 2
_WARM = 4

_LITE_BAR, _ECCV16_BAR = 0.8, 0.9


def measure(table: Table) -> None:
    """Measures both nets with the delay and without, by turns; of each the better run counts."""
    with scratch() as folder, pinned(cores(_CORES)):
        (folder / "masters").mkdir()
        paths = make_masters(folder / "masters", table.count(_LITE) + _WARM)
        models = folder / "models"
        nets.add_twin(models)
        for model, count, bar in (
            (nets.TWIN, table.count(_ECCV16), _ECCV16_BAR),
            ("lite", table.count(_LITE), _LITE_BAR),
        ):
            _compare(table, folder / model, models, model, paths[: count + _WARM], bar)


def _compare(table: Table, folder: Path, models: Path, model: str, paths: list[Path], bar: float) -> None:
    best: dict[float, Run] = {}
    for turn in range(_ROUNDS):
        for delay in (0.0, _DELAY):
            each = _run(folder / f"{turn}-{delay}", models, model, paths, delay)
            table.exact(f"  {model}, pictures that were colored", each.executed, len(paths) - _WARM)
            if delay not in best or each.rate > best[delay].rate:
                best[delay] = each
    for delay, each in best.items():
        words = f"held up by {delay * 1e3:.0f} ms" if delay else "not held up"
        table.say(f"{model}, requests {words}, pictures a second", each.rate)
        table.say("  the S3 server, processor ms a picture", each.processors["S3"] / each.executed * 1e3)
        table.say("  stage fetch, ms a picture by the clock", each.stages["fetch"] / each.executed * 1e3)
        table.say("  stage store, ms a picture by the clock", each.stages["store"] / each.executed * 1e3)
    table.least(f"{model}: held up over not held up", best[_DELAY].rate / best[0.0].rate, bar)


def _run(folder: Path, models: Path, model: str, paths: list[Path], delay: float) -> Run:
    with bucket() as place:
        house = House(
            folder,
            [Host(slots=_CORES)],
            models=models,
            settings={"MODELS": model},
            environment=place.environment(),
        )
        place.tap.delay = delay
        return run(paths[:_WARM], paths[_WARM:], from_job(model), house, model=model, beside={"S3": place.pid})
