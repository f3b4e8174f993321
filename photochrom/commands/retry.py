"""`photochrom retry`: a new job of what failed, and in words what a retry changes nothing about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import click

from photochrom.client import Client
from photochrom.commands.jobs import say
from photochrom.commands.options import USAGE, Command, json_option, server_options
from photochrom.errors import ProblemError
from photochrom.wire.prospects import Prospect, prospect


class InVain(click.ClickException):
    """A retry would change nothing."""

    exit_code = USAGE


@click.command(cls=Command)
@click.argument("job_id")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["failed", "canceled"]),
    default=["failed"],
    show_default=True,
    help="Which items; may be given twice.",
)
@click.option("--anyway", is_flag=True, help="Also where the files themselves are the reason of all failures.")
@server_options
@json_option
def retry(job_id: str, states: tuple[str, ...], anyway: bool, server: str, api_key: str | None, as_json: bool) -> None:
    """Make a new job of the items of one that has ended which failed or were canceled.

    Says which of them will fail again, and makes no job where all would. `photochrom submit --retry-failed` retries
    what failed of a folder, and brings the results home.
    """
    client = Client(server, api_key)
    found = _look(client, job_id) if "failed" in states else Prospect()
    if found.hopeless and "canceled" not in states and not anyway:
        raise InVain("\n".join(_in_vain(job_id, found)))
    say(client.retry(job_id, states), as_json=as_json)
    for line in _words(found, will="will"):
        click.echo(line, err=True)


def _look(client: Client, job_id: str) -> Prospect:
    """Returns what would become of a job's failures; of none where the server will refuse, or the key may not look."""
    try:
        job = client.job(job_id)
        return prospect(client.items(job_id, state="failed") if job.ended and job.counts["failed"] else ())
    except ProblemError as error:
        if error.code == "forbidden":
            return Prospect()
        raise


def _in_vain(job_id: str, found: Prospect) -> Iterator[str]:
    yield "Nothing was retried: every failure would come again."
    yield from _words(found, will="would")
    yield (
        f"`photochrom report {job_id}` names them. --anyway retries nevertheless, for example after an update of the "
        "server."
    )


def _words(found: Prospect, *, will: str) -> Iterator[str]:
    """Yields a line for each kind of failure that a retry does not mend."""
    if found.file:
        yield (
            f"{_count(found.file)} {will} fail again, since the file itself is the reason: {_by_code(found.file)}. "
            "Submit another copy or scan instead."
        )
    if found.limit:
        yield (
            f"{_count(found.limit)} {will} fail again until whoever runs the server has raised a limit: "
            f"{_by_code(found.limit)}."
        )
    if found.lost:
        yield (
            f"{_count(found.lost)} {will} be left out, since the server did not keep the bytes: "
            f"{_by_code(found.lost)}. Submit it again once it fits."
        )


def _count(codes: Counter[str]) -> str:
    total = codes.total()
    return f"{total:,} item{'s' if total != 1 else ''}"


def _by_code(codes: Counter[str]) -> str:
    """Returns how many items have which code, the most first."""
    return ", ".join(
        f"{number:,} {code}" for code, number in sorted(codes.items(), key=lambda each: (-each[1], each[0]))
    )
