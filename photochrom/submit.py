"""`photochrom submit`: a folder of scans in, a folder of color pictures out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from photochrom.client import Client
from photochrom.display import Bars, JsonLines, print_failures
from photochrom.options import SOME_FAILED, Command, json_option, recipe_options, server_options
from photochrom.scans import STATE_FOLDER, Scan, find
from photochrom.state import Entry, State
from photochrom.submission import Submission, failures

_NO_PICTURE = (
    "unsupported_media",
    "The name promises a picture, the bytes are no TIFF, JPEG, JPEG 2000, PNG, WebP or BMP.",
)


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), envvar="PHOTOCHROM_OUT", help="Folder for the results."
)
@server_options
@recipe_options
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Transfers at once.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--retry-failed", is_flag=True, help="Submit what failed before once more.")
@click.option("--webhook", envvar="PHOTOCHROM_WEBHOOK", help="https URL that the server tells when a job has ended.")
@click.option("--no-wait", is_flag=True, help="Return once the jobs are made; run the command again to fetch.")
@click.option("--force", is_flag=True, help="Replace files in OUT that this command did not write.")
@json_option
def submit(
    paths: tuple[Path, ...],
    out: Path | None,
    server: str,
    api_key: str | None,
    parallel: int,
    dry_run: bool,
    retry_failed: bool,
    webhook: str | None,
    no_wait: bool,
    force: bool,
    as_json: bool,
    **recipe: Any,
) -> None:
    """Color scans with a running service.

    PATHS are files or folders. Results lie in OUT in the same tree as `<stem>_colorized.<ext>`. A second run sends and
    computes nothing that is done already. Exit status: 0 all colored, 1 some failed, 2 usage, 3 no server.

    With --candidates that is the first of them, and the others lie beside it as `<stem>_colorized-t0.700.<ext>`.

    With --json each scan gives a line with path, state, output, outputs, code and detail; the last line is the summary.
    """
    if out is None and not (no_wait or dry_run):
        raise click.UsageError("Name a folder for the results: --out DIR.")
    scans = list(find(paths, out=out))
    pictures = [scan for scan in scans if scan.picture]
    skipped = [scan for scan in scans if not scan.promised]
    if dry_run:
        _say_plan(scans, pictures, skipped, as_json=as_json)
        return
    folder = (out or Path()) / STATE_FOLDER
    wanted = {name: value for name, value in recipe.items() if value is not None}
    state = State(folder)
    with JsonLines() if as_json else Bars() as display:
        client = Client(server, api_key, notify=display.note)
        run = Submission(
            client, state, display, out=out, recipe=wanted, webhook=webhook, force=force, parallel=parallel
        )
        known = run.run(scans, retry_failed=retry_failed, wait=not no_wait)
        false_pictures = [_no_picture(scan) for scan in scans if scan.promised and not scan.picture]
        for entry in false_pictures:
            display.ended(entry, out or Path())
    state.close()
    ended = [*known.values(), *false_pictures]
    failed = failures(ended)
    names = {str(scan.path.resolve()): scan.name for scan in scans}
    if as_json:
        _say_summary(run, ended, skipped)
    else:
        print_failures([(names[entry.path], entry.code or entry.state, entry.detail or "") for entry in failed])
        _say_end(run, ended, skipped, out, waited=not no_wait)
    sys.exit(SOME_FAILED if failed else 0)


def _no_picture(scan: Scan) -> Entry:
    code, detail = _NO_PICTURE
    return Entry(path=str(scan.path.resolve()), recipe="", sha256="", state="failed", code=code, detail=detail)


def _say_plan(scans: Sequence[Scan], pictures: Sequence[Scan], skipped: Sequence[Scan], *, as_json: bool) -> None:
    size = sum(scan.path.stat().st_size for scan in pictures)
    false = len(scans) - len(pictures) - len(skipped)
    if as_json:
        click.echo(
            json.dumps({"pictures": len(pictures), "bytes": size, "no_pictures": false, "skipped": len(skipped)})
        )
        return
    click.echo(f"{len(pictures)} pictures, {size / 1e6:,.1f} MB, would be colored.")
    if false:
        click.echo(f"{false} files have a picture's name but no picture's bytes: they would fail.")
    if skipped:
        click.echo(f"{len(skipped)} other files would be skipped.")


def _say_summary(run: Submission, ended: Sequence[Entry], skipped: Sequence[Scan]) -> None:
    states = [entry.state for entry in ended]
    summary = {state: states.count(state) for state in ("succeeded", "failed", "canceled", "queued")}
    tally = {"uploaded": run.tally.uploaded, "jobs": run.tally.jobs, "downloaded": run.tally.downloaded}
    click.echo(json.dumps({"summary": {**summary, "skipped": len(skipped), **tally}}))


def _say_end(
    run: Submission, ended: Sequence[Entry], skipped: Sequence[Scan], out: Path | None, *, waited: bool
) -> None:
    for scan in skipped[:20]:
        click.echo(f"Skipped {scan.name}: no picture.", err=True)
    if len(skipped) > 20:
        click.echo(f"Skipped {len(skipped) - 20} more files that are no pictures.", err=True)
    colored = sum(entry.state == "succeeded" for entry in ended)
    failed = len(failures(ended))
    if not waited:
        click.echo(f"Made {len(run.tally.jobs)} jobs: {' '.join(run.tally.jobs)}")
    elif not (run.tally.uploaded or run.tally.jobs or run.tally.downloaded):
        click.echo(f"Nothing to do: {colored} colored before, {failed} failed before.")
    else:
        click.echo(f"{colored} colored, {failed} failed. Results: {out}")
