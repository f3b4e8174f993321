"""`photochrom worker`: a worker host."""

from __future__ import annotations

import sys

import click

from cli.reporting import Command
from cli.tether import follow_parent
from shared import logs
from shared.settings import load
from worker.host import run


@click.command(cls=Command)
@click.option("--workers", type=int, help="Processes, one a core by default (PHOTOCHROM_WORKERS).")
@click.option("--models", help="Models to serve, comma-separated; all that are here by default (PHOTOCHROM_MODELS).")
def worker(workers: int | None, models: str | None) -> None:
    """Work on items until told to stop."""
    settings = load(workers=workers, models=models)
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    follow_parent()
    sys.exit(run(settings))
