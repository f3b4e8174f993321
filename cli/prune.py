"""`photochrom prune`: removes what no job names any more."""

from __future__ import annotations

import re

import click

from cli.reporting import Command
from shared import layout, logs
from shared.clock import SystemClock
from shared.index import Index
from shared.index.connection import connect
from shared.ledger import Ledger
from shared.settings import load
from shared.storage.opening import open_store
from worker.pruning import Heap, Kind, Pruner

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def _age(text: str) -> float:
    """Returns an age in seconds; one below a day is refused, since nothing younger is ever removed."""
    found = re.fullmatch(r"(\d{1,6})([hdw])", text)
    hours = int(found[1]) * _HOURS[found[2]] if found else 0
    if hours < 24:
        raise click.BadParameter(f"{text!r} is no age of at least 24h: write hours, days or weeks, as 48h, 30d or 8w.")
    return hours * 3600.0


@click.command(cls=Command)
@click.option(
    "--older-than", type=_age, metavar="AGE", help="First delete the jobs that ended longer ago than this, such as 30d."
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; say what would go.")
@click.option("--tenant", help="Prune one tenant; all if left out.")
def prune(older_than: float | None, dry_run: bool, tenant: str | None) -> None:
    """Remove masters, derivatives and previews that no job names.

    Nothing younger than 24 hours goes, nor anything that a job names, ended or not. Without --older-than no job is
    deleted. Safe at any moment, also while the service runs. Masters cannot be made again: look with --dry-run first.
    """
    settings = load()
    logs.configure(fmt=settings.log_format, level="warning")
    store, clock = open_store(settings), SystemClock()
    index = Index(connect(settings.redis_url))
    tenants = list(store.children(layout.TENANTS))
    if tenant is not None and tenant not in tenants:
        raise click.UsageError(f"Nothing is stored of a tenant {tenant!r}; there are: {', '.join(tenants) or 'none'}.")
    for name in tenants if tenant is None else [tenant]:
        pruner = Pruner(ledger=Ledger(store=store), clock=clock, tenant=name, dry_run=dry_run)
        pruned = pruner.run(index, ended_before=None if older_than is None else clock.now() - older_than)
        click.echo(f"{name}: {'would remove' if dry_run else 'removed'}")
        for kind, heap in pruned.heaps.items():
            click.echo(_line(kind, heap))


def _line(kind: Kind, heap: Heap) -> str:
    line = f"  {heap.count:>12,} {kind:<12} {_bytes(heap.size):>10}"
    if not heap.count:
        return line
    return f"{line}  {', '.join(heap.names)}{', ...' if heap.count > len(heap.names) else ''}"


def _bytes(size: int) -> str:
    """Returns a size as people read it, in powers of 1,000."""
    amount, units = float(size), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 1000 and unit != "TB":
        amount, unit = amount / 1000, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
