"""`photochrom colorize`: color pictures here and now, without a service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli.color_display import ColorDisplay
from cli.coloring import Done, color_file, model_of
from cli.places import Place, place
from cli.processes import Color, color_side_by_side, interruptible
from cli.reporting import Command
from models.files import require
from photochrom.commands.options import recipe_options
from shared.recipes import resolve
from shared.registry import load_registry
from shared.settings import Settings, load

#: From this many pictures on several processes are worth their start.
_MANY = 4


@click.command(cls=Command)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=False, path_type=Path)
)
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="PHOTOCHROM_OUT",
    help="Folder for the results; beside each file by default.",
)
@recipe_options
@click.option("--force", is_flag=True, help="Replace results that are there, but none of FILES.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on standard output.")
def colorize(files: tuple[Path, ...], out: Path | None, force: bool, as_json: bool, **recipe: Any) -> None:
    """Write `<stem>_colorized.<ext>` for each of FILES, and say where it lies.

    With --candidates that is the first of them, and the others lie beside it as `<stem>_colorized-t0.700.<ext>`.

    None of FILES is ever replaced, and no result by another one: where two would have one name, a.jpg and a.png give
    a.jpg_colorized.tif and a.png_colorized.tif, and x/a.png and y/a.png give a_colorized.png and a-2_colorized.png. A
    file that is named twice is colored once.

    Ctrl-C leaves nothing half. Exit status: 0 all colored, 1 some failed or the run was broken off, 2 usage, or a
    machine on which nothing can be colored.
    """
    settings = load()
    registry = load_registry(settings.models_dir)
    resolved = resolve({name: value for name, value in recipe.items() if value is not None}, registry.digest_of)
    require(model_of(resolved, registry), settings.models_dir)
    if out:
        _make(out)
    places = place(files, out=out, force=force, recipe=resolved)
    failed, color = False, partial(color_file, force=force, recipe=resolved, settings=settings)
    with (
        interruptible(),
        ColorDisplay(len(places), as_json=as_json, bar=len(places) >= _MANY) as display,
        closing(_all(places, color, settings, display.note)) as ended,
    ):
        for done in ended:
            failed |= done.state == "failed"
            display.ended(done)
    sys.exit(1 if failed else 0)


def _make(out: Path) -> None:
    """Makes the folder for the results."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.BadParameter(f"{out}: {error.strerror}.", param_hint="'-o' / '--out'") from error


def _all(places: Sequence[Place], color: Color, settings: Settings, note: Callable[[str], None]) -> Generator[Done]:
    """Colors the files in their order: a few here, many in a process a core."""
    count = sum(not place.refusal for place in places)
    if count < _MANY:
        yield from map(color, places)
        return
    workers = min(settings.workers or os.cpu_count() or 1, count)
    with closing(color_side_by_side(places, color, workers=workers, note=note)) as ended:
        yield from ended
