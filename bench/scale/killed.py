"""`photochrom submit` of 10,000 small files, killed again and again, and run again each time.

What was sent is counted before the server, by a proxy: an answer of the server to a PUT is an upload.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from bench.scale import jobs, masters, nets
from bench.scale.bucket import Tap
from bench.scale.house import Host, House
from bench.scale.scratch import scratch
from bench.scale.table import Table

_FILES = 10_000
_KILLS = 20
#: A run lives so long before it is killed, seconds, least and most.
_LIFE = (0.5, 4.0)
_SEED = 6
_SLOTS = 2


def measure(table: Table) -> None:
    """Kills it, lets the last run end, and compares what is there with what must be."""
    count = table.count(_FILES)
    with scratch(files=6 * count) as folder:
        models, scans, out = folder / "models", folder / "scans", folder / "color"
        nets.add_noop(models)
        scans.mkdir()
        for number, data in enumerate(masters.tinies(count)):
            (scans / f"{number:05}.png").write_bytes(data)
        settings = {"FSYNC": "false", "PREVIEWS": "none", "MODELS": nets.NOOP}
        with House(folder / "house", [Host(slots=_SLOTS)], models=models, settings=settings) as house:
            tap = Tap(int(urlsplit(house.url).port or 0))
            server = f"http://127.0.0.1:{tap.start()}"
            submit = ["submit", str(scans), "--out", str(out), "--server", server, "--model", nets.NOOP]
            kills, early = _kill([sys.executable, "-m", "photochrom", *submit, "--json"])
            begun = time.monotonic()
            last = subprocess.run(
                [sys.executable, "-m", "photochrom", *submit, "--json"], capture_output=True, check=False
            )
            table.say("seconds of the last run, which nobody killed", time.monotonic() - begun)
            tap.stop()
            _say(table, count, kills, early, last.returncode, tap, house, out)


def _kill(command: list[str]) -> tuple[int, int]:
    """Runs the command until it was killed often enough; returns how often, and how often it ended before."""
    dice = random.Random(_SEED)
    kills = early = 0
    while kills + early < _KILLS:
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            running.wait(dice.uniform(*_LIFE))
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            kills += 1
        else:
            early += 1
            if running.returncode:
                raise SystemExit(f"A run ended by itself with status {running.returncode}.")
    return kills, early


def _say(table: Table, count: int, kills: int, early: int, status: int, tap: Tap, house: House, out: Path) -> None:
    table.say("killed at random moments", kills, bar=f"seed {_SEED}; {early} runs ended before they were killed")
    table.least("  times", kills, _KILLS)
    table.exact("exit status of the last run", status, 0)
    sent: Counter[str] = Counter()
    for (method, path, code), times in tap.exact.items():
        if method == "PUT" and code < 300:
            sent[urlsplit(path).path] += times
    table.exact("files that were uploaded", len(sent), count)
    table.exact("uploads", sent.total(), count)
    # Killed between the POST and its line in the state file, it makes the same job again under the same key.
    found = [row for job in house.client.jobs(limit=1_000) for row in jobs.rows(house.client, job.id)]
    table.exact("masters that were colored, by the reports of all jobs", len({row["master"] for row in found}), count)
    table.exact("  items of all jobs", len(found), count)
    table.exact("  colored, and not found already made", jobs.executed(found), count)
    wanted = {row["derivative"]["sha256"] for row in found if row["derivative"]}
    here = [hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*_colorized.png")]
    table.exact("results in the folder", len(here), count)
    table.exact("  that are what the reports promise", sum(digest in wanted for digest in here), count)
    table.exact("  and differ from one another", len(set(here)), len(wanted))
