"""`photochrom status`, `list`, `pause`, `resume`, `priority`, `cancel`, `delete`, `report`: jobs' care."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from photochrom.client import Client
from photochrom.commands.options import PRIORITIES, SOME_FAILED, Command, json_option, server_options
from photochrom.wire.records import Job


@click.command(cls=Command)
@click.argument("job_id")
@server_options
@click.option("--wait", is_flag=True, help="Follow the job to its end; exit status 1 if items failed.")
@json_option
def status(job_id: str, server: str, api_key: str | None, wait: bool, as_json: bool) -> None:
    """Say how far a job is."""
    client = Client(server, api_key)
    job = client.job(job_id)
    if wait and not job.ended:
        for job in client.follow(job_id):
            if sys.stderr.isatty():
                click.echo(f"\r{_line(job)}", nl=False, err=True)
        if sys.stderr.isatty():
            click.echo(err=True)
    say(job, as_json=as_json)
    sys.exit(SOME_FAILED if job.ended and job.counts["failed"] else 0)


@click.command("list", cls=Command)
@server_options
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many jobs.")
@json_option
def list_(server: str, api_key: str | None, limit: int, as_json: bool) -> None:
    """List the newest jobs."""
    jobs = Client(server, api_key).jobs(limit=limit)
    if as_json:
        for job in jobs:
            click.echo(json.dumps(dict(job.data)))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Job", "State", "Items", "Colored", "Failed", "Made"):
        table.add_column(name, no_wrap=name in ("Job", "Made"))
    for job in jobs:
        counts = job.counts
        made = str(job.data["created_at"])[:16].replace("T", " ")
        table.add_row(job.id, job.state, str(job.total), str(counts["succeeded"]), str(counts["failed"]), made)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


@click.command(cls=Command)
@click.argument("job_id")
@server_options
@json_option
def cancel(job_id: str, server: str, api_key: str | None, as_json: bool) -> None:
    """Cancel what has not begun."""
    say(Client(server, api_key).cancel(job_id), as_json=as_json)


@click.command(cls=Command)
@click.argument("job_id")
@server_options
@json_option
def pause(job_id: str, server: str, api_key: str | None, as_json: bool) -> None:
    """Let nothing more of a job begin until it is resumed; what has begun comes to its end."""
    say(Client(server, api_key).pause(job_id), as_json=as_json)


@click.command(cls=Command)
@click.argument("job_id")
@server_options
@json_option
def resume(job_id: str, server: str, api_key: str | None, as_json: bool) -> None:
    """Let a paused job go on."""
    say(Client(server, api_key).resume(job_id), as_json=as_json)


@click.command(cls=Command)
@click.argument("job_id")
@click.argument("priority", type=click.Choice(PRIORITIES))
@server_options
@json_option
def priority(job_id: str, priority: str, server: str, api_key: str | None, as_json: bool) -> None:
    """Say which of your jobs goes first."""
    say(Client(server, api_key).prioritize(job_id, priority), as_json=as_json)


@click.command(cls=Command)
@click.argument("job_id")
@server_options
def delete(job_id: str, server: str, api_key: str | None) -> None:
    """Delete the records of a job that has ended. Its masters and pictures stay in storage until a prune."""
    Client(server, api_key).delete(job_id)
    click.echo(f"{job_id}  deleted")


@click.command(cls=Command)
@click.argument("job_id")
@server_options
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header instead of JSON lines.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to.")
def report(job_id: str, server: str, api_key: str | None, as_csv: bool, output: Path | None) -> None:
    """Print what became of every item so far."""
    chunks = Client(server, api_key).report(job_id, csv=as_csv)
    if output is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        return
    with output.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def say(job: Job, *, as_json: bool) -> None:
    """Prints a job: a line for a person, or the server's answer as JSON."""
    click.echo(json.dumps(dict(job.data)) if as_json else _line(job))


def _line(job: Job) -> str:
    counts = job.counts
    facts = [f"{job.id}  {job.state}  {job.progress:4.0%} of {job.total}: {counts['succeeded']} colored"]
    facts += [f"{counts[name]} {name}" for name in ("failed", "canceled", "running", "queued") if counts[name]]
    if job.priority != "normal":
        facts.append(f"{job.priority} priority")
    if job.waiting_for:
        facts.append(f"waiting for {job.waiting_for}")
    elif job.eta_seconds:
        facts.append(f"about {job.eta_seconds} s left")
    return ", ".join(facts)
