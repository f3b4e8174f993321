"""`photochrom recover`: rebuilds the index from storage alone."""

from __future__ import annotations

from collections import Counter

import click

from cli.reporting import Command
from shared import logs
from shared.deletion import deletions
from shared.index import Index
from shared.index.connection import connect
from shared.index.progress import Progress
from shared.jobs import JobState
from shared.ledger import Ledger
from shared.settings import load
from shared.storage.opening import open_store
from worker.recovery import Recovered, list_newest, recover_open

_WORDS = {
    Recovered.REGISTERED: "registered again",
    Recovered.KNOWN: "in the index already",
    Recovered.ENDED: "had ended; the marker is removed",
    Recovered.DAMAGED: "cannot be read; the log says which record, put it back from a backup",
    Recovered.UNSUBMITTED: "never submitted to its end; nobody was promised anything, removed after 25 h",
}


@click.command(cls=Command)
def recover() -> None:
    """Rebuild the index from storage and say what was found. Safe at any moment."""
    settings = load()
    logs.configure(fmt=settings.log_format, level="warning")
    ledger, index = Ledger(store=open_store(settings)), Index(connect(settings.redis_url))
    found: Counter[Recovered] = Counter()
    items: Counter[str] = Counter()
    for entry in recover_open(ledger, index):
        found[entry.result] += 1
        progress = index.progress(entry.job)
        click.echo(f"{entry.job}  {entry.tenant}  {_WORDS[entry.result]}{_standing(progress) if progress else ''}")
        if progress:
            counts = progress.counts
            items.update(colored=counts.succeeded, failed=counts.failed, canceled=counts.canceled)
            items["to do"] += counts.queued + counts.running
    listed = list_newest(ledger, index)
    index.set_epoch("recover")
    click.echo(f"Open jobs: {', '.join(f'{count} {_WORDS[result]}' for result, count in found.items()) or 'none'}.")
    if items:
        click.echo(f"Their items: {', '.join(f'{count:,} {name}' for name, count in items.items())}.")
    click.echo(f"Jobs in the lists, ended ones too: {listed:,}.")
    if left := sum(1 for _ in deletions(ledger.store)):
        click.echo(f"Deleted jobs whose records are not all gone: {left:,}; the sweeper goes on with them.")
    if found[Recovered.DAMAGED]:
        click.echo("What cannot be read comes back half a minute after its record is there again, where a worker runs.")
    if items["to do"] and not index.hosts.live():
        click.echo("No worker is running: start one with `photochrom worker`, and it goes on where the others stopped.")
    elif not found[Recovered.DAMAGED]:
        click.echo("Nothing else has to be done: workers go on by themselves.")


def _standing(progress: Progress) -> str:
    """Says how far a job is."""
    ended, total = progress.ended, progress.job.total
    canceled = ", canceled" if progress.state is JobState.CANCELING else ""
    return f": {ended:,} of {total:,} items have ended{canceled}"
