"""`photochrom submit`: a folder of scans in, a folder of color pictures out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from photochrom.bulk.collection import real_path
from photochrom.bulk.intake import Intake
from photochrom.bulk.submission import Submission
from photochrom.bulk.wishes import Summary, Wishes
from photochrom.client import Client
from photochrom.commands.dry_run import dry_run as say_plan
from photochrom.commands.options import PRIORITIES, SOME_FAILED, Command, json_option, recipe_options, server_options
from photochrom.commands.packages import Packages, package_options
from photochrom.display.bars import Bars
from photochrom.display.figures import SHOWN_FAILURES, Figures, Lines, print_failures
from photochrom.display.json_lines import JsonLines
from photochrom.scans.scan import Scan
from photochrom.scans.watching import Watch

#: Seconds for which a server that has answered before is called again: a collection takes days, and a night's upkeep of
#: its server must not end it.
_PATIENCE = 3600.0

#: Files that are no pictures whose names a person is shown.
_SHOWN_SKIPPED = 20


@click.command(cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), envvar="PHOTOCHROM_OUT", help="Folder for the results."
)
@server_options
@recipe_options
@package_options
@click.option("--priority", type=click.Choice(PRIORITIES), help="Which of your jobs goes first.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Transfers at once.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--retry-failed", is_flag=True, help="Submit what failed before once more.")
@click.option("--webhook", envvar="PHOTOCHROM_WEBHOOK", help="https URL that the server tells when a job has ended.")
@click.option("--one-job", is_flag=True, help="One job for all, made once everything is sent: one id, one webhook.")
@click.option("--no-wait", is_flag=True, help="Return once the jobs are made; run the command again to fetch.")
@click.option("--watch", is_flag=True, help="Go on looking for new files in PATHS until Ctrl-C.")
@click.option(
    "--quiet-seconds",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="With --watch: a file is complete once it has not changed for so long.",
)
@click.option("--force", is_flag=True, help="Replace files in OUT that this command did not write.")
@json_option
def submit(
    paths: tuple[Path, ...],
    out: Path | None,
    server: str,
    api_key: str | None,
    priority: str | None,
    parallel: int,
    dry_run: bool,
    retry_failed: bool,
    webhook: str | None,
    one_job: bool,
    no_wait: bool,
    watch: bool,
    quiet_seconds: float,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Color scans with a running service.

    PATHS are files or folders. Results lie in OUT in the same tree as `<stem>_colorized.<ext>`. Interrupt it whenever
    you like: a second run sends and computes nothing that is done already. Exit status: 0 all colored, 1 some failed, 2
    usage, 3 no server.

    With --candidates that is the first of them, and the others lie beside it as `<stem>_colorized-t0.700.<ext>`.

    With --json each line has an event: job, ended (a scan: path, state, output, outputs, code, detail), progress, note;
    the last line is the summary.
    """
    if out is None and not (no_wait or dry_run):
        raise click.UsageError("Name a folder for the results: --out DIR.")
    if watch and (one_job or no_wait or dry_run):
        raise click.UsageError(
            "--watch makes jobs as files come, and fetches: without --one-job, --no-wait, --dry-run."
        )
    packages = Packages.take(options)
    recipe = {name: value for name, value in options.items() if value is not None}
    if dry_run:
        with packages.intake(paths, out=out, note=partial(click.echo, err=True)) as intake:
            client = Client(server, api_key)
            say_plan(intake, client, recipe, out=out, hash_all=packages.hash_all, as_json=as_json)
        return
    handover = packages.handover(out, force=force) if out else None
    papers = None if no_wait else handover  # without waiting nothing comes that papers could lie beside
    wishes = Wishes(
        out=handover.results if handover else out,
        state=handover.state if handover else None,
        recipe=recipe,
        webhook=webhook,
        priority=priority,
        force=force,
        retry_failed=retry_failed,
        wait=not no_wait,
        one_job=one_job,
        parallel=parallel,
    )
    display = JsonLines() if as_json else Bars() if Console(stderr=True).is_terminal else Lines()
    client = Client(server, api_key, notify=display.note, patience=_PATIENCE)
    with (
        packages.intake(paths, out=out, note=display.note) as intake,
        Submission(client, display, wishes, brought=papers.brought(client, intake) if papers else None) as run,
    ):
        written: AbstractContextManager[list[str]] = nullcontext([])
        if papers:
            papers.begin()
            written = papers.at_the_end(run, client, intake)
        with display, written as foreign:
            if watch:
                _watch(run, display, intake, quiet_seconds)
            else:
                _run(run, display, intake.scans(run.state.remember_digests))
        for name in foreign:
            display.note(f"{name} is there and was not written by this command; --force replaces it.")
        summary = run.summary()
        if papers and not summary.queued:
            papers.finish(run.state)
        if isinstance(display, JsonLines):
            display.say("summary", summary=asdict(summary))
        else:
            print_failures(run.failures(SHOWN_FAILURES), summary.failed + summary.canceled)
            _say_end(run, summary, wishes)
    lacking = summary.queued if wishes.wait and not watch else 0
    bad = summary.failed or summary.canceled or lacking or foreign or intake.unreadable
    sys.exit(SOME_FAILED if bad else 0)


def _run(run: Submission, display: Figures, scans: Iterable[Scan]) -> None:
    try:
        run.add(scans)
        run.finish()
    except KeyboardInterrupt:
        display.note("Stopped. The same command goes on from here.")
        raise


def _watch(run: Submission, display: Figures, intake: Intake, quiet: float) -> None:
    """Submits what comes until Ctrl-C; what is on its way then is taken up by the next run."""
    if intake.manifest is not None or intake.bags:
        raise click.UsageError("--watch looks at folders: a manifest or a bag is submitted once, as it is.")

    def known(path: Path, size: int, mtime_ns: int) -> bool:
        return run.collection.same(str(real_path(path, parents)), size, mtime_ns)

    parents: dict[Path, Path] = {}
    watch = Watch(paths=intake.paths, find=intake.find, known=known, quiet=quiet, note=display.note, sleep=run.sleep)
    with suppress(KeyboardInterrupt):
        for batch in watch.batches():
            run.add(batch)


def _say_end(run: Submission, summary: Summary, wishes: Wishes) -> None:
    for name in run.collection.skipped(_SHOWN_SKIPPED):
        click.echo(f"Skipped {name}: no picture to color.", err=True)
    if summary.skipped > _SHOWN_SKIPPED:
        click.echo(f"Skipped {summary.skipped - _SHOWN_SKIPPED:,} more files that are no pictures to color.", err=True)
    failed = summary.failed + summary.canceled
    if not wishes.wait:
        click.echo(f"Made {len(summary.jobs)} jobs: {' '.join(summary.jobs)}")
    elif not (summary.succeeded or failed or summary.queued):
        click.echo("No picture was found.")
    elif not (summary.uploaded or summary.jobs or summary.downloaded):
        click.echo(f"Nothing to do: {summary.succeeded:,} colored before, {failed:,} failed before.")
    else:
        click.echo(f"{summary.succeeded:,} colored, {failed:,} failed. Results: {wishes.out}")
        if summary.queued:
            click.echo(f"{summary.queued:,} are on their way: run the same command again to fetch them.")
