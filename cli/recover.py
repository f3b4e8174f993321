"""`photochrom recover`: rebuilds the index from storage alone."""

from __future__ import annotations

from collections import Counter

import click

from cli.reporting import Command
from shared import logs
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.settings import load
from shared.storage.opening import open_store
from worker.recovery import Recovered, list_newest, recover_open

_WORDS = {
    Recovered.REGISTERED: "registered again",
    Recovered.KNOWN: "in the index already",
    Recovered.ENDED: "had ended; the marker is removed",
    Recovered.UNSUBMITTED: "never submitted to its end; removed after 24 h",
}


@click.command(cls=Command)
def recover() -> None:
    """Rebuild the index from storage and say what was found. Safe at any moment."""
    settings = load()
    logs.configure(fmt=settings.log_format, level="warning")
    ledger, index = Ledger(store=open_store(settings)), Index(connect(settings.redis_url))
    found: Counter[Recovered] = Counter()
    for entry in recover_open(ledger, index):
        found[entry.result] += 1
        click.echo(f"{entry.job}  {entry.tenant}  {_WORDS[entry.result]}")
    list_newest(ledger, index)
    index.set_epoch("recover")
    counts = ", ".join(f"{count} {_WORDS[result]}" for result, count in found.items())
    click.echo(f"Open jobs: {counts or 'none'}.")
