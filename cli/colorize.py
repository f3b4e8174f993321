"""`photochrom colorize`: color pictures here and now, without a service."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from cli.color_display import ColorDisplay
from cli.coloring import Done, color_file, model_of
from cli.folders import below, count
from cli.places import Place
from cli.processes import Color, color_side_by_side, interruptible
from cli.reporting import Command
from models.files import require
from photochrom.commands.options import recipe_options
from shared.recipes import resolve
from shared.registry import load_registry
from shared.settings import Settings, load

#: From this many pictures on several processes are worth their start.
_MANY = 4

#: Places that are waited for before it is decided how many processes there are.
_FIRST = 100


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, readable=False, path_type=Path))
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

    A folder stands for every picture below it, but for hidden ones and those that are called like a result; with -o
    the results lie in the same tree. Other files are skipped, and are failures only if they are called like a picture.
    Run it again to go on: a result of the same picture and options that is there already is no failure, as it is for a
    file that was named; of several candidates those that are missing are made.

    None of FILES is ever replaced, and no result by another one: where two would have one name, a.jpg and a.png give
    a.jpg_colorized.tif and a.png_colorized.tif, and x/a.png and y/a.png give a_colorized.png and a-2_colorized.png. A
    file that is named twice is colored once.

    Ctrl-C leaves nothing half. Exit status: 0 all colored or there already, 1 some failed or the run was broken off, 2
    usage, or a machine on which nothing can be colored.
    """
    settings = load()
    registry = load_registry(settings.models_dir)
    resolved = resolve({name: value for name, value in recipe.items() if value is not None}, registry.digest_of)
    require(model_of(resolved, registry), settings.models_dir)
    if out:
        _make(out)
    folders = [path for path in files if path.is_dir()]
    display = ColorDisplay(None if folders else len(files), as_json=as_json, bar=bool(folders) or len(files) >= _MANY)
    if folders and display.drawn:
        _count(files, folders, out, display)
    places = below(files, out=out, force=force, recipe=resolved, looked=display.looked, skipped=display.skipped)
    failed, color = False, partial(color_file, force=force, recipe=resolved, settings=settings)
    try:
        with interruptible(), display, closing(_all(places, color, settings, display.note)) as ended:
            for done in ended:
                failed |= done.state == "failed"
                display.ended(done)
    except KeyboardInterrupt:
        if folders:
            display.note("Stopped. The same command goes on from here.")
        raise
    if folders or len(files) > 1:
        display.end()
    sys.exit(1 if failed else 0)


def _make(out: Path) -> None:
    """Makes the folder for the results."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.BadParameter(f"{out}: {error.strerror}.", param_hint="'-o' / '--out'") from error


def _count(files: Sequence[Path], folders: Sequence[Path], out: Path | None, display: ColorDisplay) -> None:
    """Has the files counted beside the work, since nobody waits for a first picture until a large folder is counted."""
    named = len(files) - len(folders)
    threading.Thread(target=lambda: display.expect(named + count(folders, out=out)), name="count", daemon=True).start()


def _all(places: Iterator[Place], color: Color, settings: Settings, note: Callable[[str], None]) -> Generator[Done]:
    """Colors the files in their order: a few here, many in a process a core."""
    first = list(islice(places, _FIRST))
    more = len(first) == _FIRST
    colorable = sum(not place.refusal for place in first)
    if colorable < _MANY and not more:
        yield from map(color, first)
        return
    cores = settings.workers or os.cpu_count() or 1
    workers = cores if more else min(cores, colorable)
    with closing(color_side_by_side(chain(first, places), color, workers=workers, note=note)) as ended:
        yield from ended
