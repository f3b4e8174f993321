"""`photochrom colorize`: color pictures here and now, without a service."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli.coloring import Done, color_file, model_of
from cli.reporting import Command
from models.files import require
from photochrom.commands.options import recipe_options
from shared.recipes import resolve
from shared.registry import load_registry
from shared.settings import Settings, load

#: From this many pictures on several processes are worth their start.
_MANY = 4


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="PHOTOCHROM_OUT",
    help="Folder for the results; beside each file by default.",
)
@recipe_options
@click.option("--force", is_flag=True, help="Replace results that are there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on standard output.")
def colorize(files: tuple[Path, ...], out: Path | None, force: bool, as_json: bool, **recipe: Any) -> None:
    """Write `<stem>_colorized.<ext>` for each of FILES. Exit status: 0 all colored, 1 some failed, 2 usage.

    With --candidates that is the first of them, and the others lie beside it as `<stem>_colorized-t0.700.<ext>`.
    """
    settings = load()
    registry = load_registry(settings.models_dir)
    resolved = resolve({name: value for name, value in recipe.items() if value is not None}, registry.digest_of)
    require(model_of(resolved, registry), settings.models_dir)
    if out:
        out.mkdir(parents=True, exist_ok=True)
    failed = False
    for done in _all(files, partial(color_file, out=out, force=force, recipe=resolved, settings=settings), settings):
        failed |= done.state == "failed"
        _say(done, as_json=as_json)
    sys.exit(1 if failed else 0)


def _all(files: Sequence[Path], color: Any, settings: Settings) -> Iterator[Done]:
    """Colors the files in their order: a few here, many in a process a core."""
    if len(files) < _MANY:
        yield from map(color, files)
        return
    workers = min(settings.workers or os.cpu_count() or 1, len(files))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool, _bar(len(files)) as advance:
        for done in pool.map(color, files):
            advance()
            yield done


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """Shows a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=total, label="Coloring", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _say(done: Done, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(done), ensure_ascii=False))
    elif done.output:
        notes = f"  ({', '.join(done.warnings)})" if done.warnings else ""
        outputs = ", ".join(candidate.output for candidate in done.candidates) or done.output
        click.echo(f"{done.path} -> {outputs}{notes}")
    else:
        click.echo(f"{done.path}: {done.detail} [{done.code}]", err=True)
