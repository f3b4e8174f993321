"""`photochrom webhooks`: what became of webhooks, sending them again, and the secret that signs them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

import click

from cli.reporting import Group
from shared import layout
from shared.clock import SystemClock, timestamp
from shared.errors import InvalidRequest, NotFound
from shared.ids import is_id
from shared.jobs import Job
from shared.ledger import Ledger
from shared.settings import load
from shared.storage.opening import open_store
from shared.webhooks import shown
from worker.webhooks.deliveries import Delivery
from worker.webhooks.outbox import Outbox
from worker.webhooks.signing import Secrets

_tenant = click.option("--tenant", default=layout.DEFAULT_TENANT, show_default=True, help="Whose webhooks.")


@click.group(cls=Group)
def webhooks() -> None:
    """Show and replay webhooks, and the secret that signs them."""


@webhooks.command("list")
@_tenant
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
def list_(tenant: str, limit: int) -> None:
    """List a tenant's webhooks: those that are to be delivered, then those of the newest jobs."""
    ledger, outbox = _ledger_and_outbox()
    for job_id, delivery in islice(chain(_pending(outbox, tenant), _logged(outbox, tenant)), limit):
        job = ledger.read_job(tenant, job_id)
        if job and job.webhook:
            click.echo(f"{job_id}  {_line(delivery)}  {shown(job.webhook)}")


@webhooks.command()
@click.argument("job_id")
def show(job_id: str) -> None:
    """Show a job's webhook and each attempt to deliver it."""
    ledger, outbox = _ledger_and_outbox()
    job = _job(ledger, job_id)
    click.echo(f"{job.webhook}")
    delivery = outbox.pending(job.tenant, job.id) or outbox.logged(job.tenant, job.id)
    if delivery is None:
        click.echo("The job has not ended.")
        return
    click.echo(_line(delivery))
    for attempt in delivery.attempts:
        click.echo(f"{timestamp(attempt.at)}  {attempt.seconds:6.3f} s  {attempt.status or '---'}  {attempt.detail}")


@webhooks.command()
@click.argument("job_id")
def replay(job_id: str) -> None:
    """Deliver a job's webhook again, from the start of the schedule, under the same webhook-id."""
    ledger, outbox = _ledger_and_outbox()
    job = _job(ledger, job_id)
    if ledger.read_ending(job) is None:
        raise InvalidRequest("The job has not ended: its webhook is delivered when it does.", field="job_id")
    outbox.replay(job)
    click.echo(f"A worker host, or `photochrom sweep`, calls {shown(job.webhook or '')} with its next sweep.")


@webhooks.command()
@_tenant
@click.option("--rotate", is_flag=True, help="Make a new one; the old one signs, too, for 24 hours.")
def secret(tenant: str, rotate: bool) -> None:
    """Print the secret that a tenant's webhooks are signed with. Receivers need it, and nobody else."""
    secrets = Secrets(store=_ledger_and_outbox()[0].store, clock=SystemClock())
    newest, *older = secrets.rotate(tenant) if rotate else secrets.current(tenant)
    click.echo(newest.text)
    for old in older:
        click.echo(f"An older one signs, too, until {timestamp(old.until or 0)}.", err=True)


def _ledger_and_outbox() -> tuple[Ledger, Outbox]:
    store = open_store(load())
    return Ledger(store=store), Outbox(store=store)


def _job(ledger: Ledger, job_id: str) -> Job:
    """Returns a job that has a webhook, whoever's it is."""
    job = None
    if is_id(job_id):
        found = (ledger.read_job(tenant, job_id) for tenant in ledger.store.children(layout.TENANTS))
        job = next(filter(None, found), None)
    if job is None:
        raise NotFound(f"There is no job {job_id!r}.")
    if job.webhook is None:
        raise InvalidRequest("The job was submitted without a webhook.", field="job_id")
    return job


def _pending(outbox: Outbox, tenant: str) -> Iterator[tuple[str, Delivery]]:
    for waiting in outbox.waiting():
        if waiting.tenant == tenant and (delivery := outbox.pending(tenant, waiting.job)):
            yield waiting.job, delivery


def _logged(outbox: Outbox, tenant: str) -> Iterator[tuple[str, Delivery]]:
    for job_id in reversed(list(outbox.store.children(layout.jobs(tenant)))):
        if (delivery := outbox.logged(tenant, job_id)) and not outbox.pending(tenant, job_id):
            yield job_id, delivery


def _line(delivery: Delivery) -> str:
    words = [f"{delivery.state:9}", f"{len(delivery.attempts):2} attempts"]
    if delivery.attempts:
        last = delivery.attempts[-1]
        words.append(f"{timestamp(last.at)} {last.status or '---'}")
    return "  ".join(words)
