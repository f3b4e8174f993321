"""What `submit --dry-run` says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from photochrom.bulk.intake import Intake
from photochrom.bulk.outputs import is_result
from photochrom.client import Client
from photochrom.files.fixity import cores
from photochrom.plans.estimates import Estimate, estimate
from photochrom.plans.memory import Memory
from photochrom.plans.plan import USUAL_MEGAPIXELS, Plan, Survey
from photochrom.scans.scan import STATE_FOLDER


def dry_run(
    intake: Intake, client: Client, recipe: Mapping[str, Any], *, out: Path | None, hash_all: bool, as_json: bool
) -> None:
    """Looks at what was handed over, asks the server if there is one, and says what would be done."""
    with closing(Memory(out / STATE_FOLDER if out else None)) as memory:
        scans = (scan for scan in intake.scans() if not (out and is_result(scan.path, out, memory.wrote)))
        with closing(Survey(threads=cores(), known=memory.digest)) as survey:
            plan = survey.plan(scans, hash_all=hash_all, server=client)
    plan = plan.with_unreadable(len(intake.unreadable))
    time = estimate(plan, recipe, client)
    if as_json:
        click.echo(json.dumps({**plan.to_json(), "estimate": time.to_json()}))
        return
    for line in _lines(plan, time):
        click.echo(line)


def _lines(plan: Plan, time: Estimate) -> Iterator[str]:
    unknown = f", without {plan.unknown:,} of unknown size" if plan.unknown else ""
    size = f"{plan.bytes / 1e6:,.1f} MB, {plan.megapixels:,.1f} megapixels{unknown}"
    yield f"{plan.pictures:,} pictures, {size}, would be colored."
    if plan.duplicates:
        yield f"{plan.duplicates:,} of them have the same bytes as another: they are sent and colored once."
    if plan.present is None:
        yield f"What the server has and takes is not known: {plan.unasked}"
    elif plan.digests:
        known = plan.digests - plan.duplicates
        yield f"The server has {plan.present:,} of the {known:,} distinct ones whose SHA-256 is known."
    if plan.digests < plan.pictures:
        yield f"{plan.pictures - plan.digests:,} were not read; --hash reads them, and checks their fixity."
    for count, words in (
        (plan.no_pictures, "files have a picture's name but no picture's bytes: they would fail."),
        (plan.mismatches, "files do not have the digest that is vouched for: they would not be sent."),
        (plan.too_large, "files are larger than the server takes: they would fail."),
        (plan.very_large, f"pictures have more than {USUAL_MEGAPIXELS} megapixels: most servers refuse them."),
        (plan.unreadable, "files or folders cannot be read."),
        (plan.skipped, "other files would be skipped."),
    ):
        if count:
            yield f"{count:,} {words}"
    if time.hours is None:
        yield f"How long it takes cannot be said: {time.basis}."
    else:
        yield f"About {_span(time.hours)} of work at {time.slots} at once, transfers left out, by {time.basis}."


def _span(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} hours"
    minutes = max(1, round(hours * 60))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
