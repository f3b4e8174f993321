"""`photochrom models eval`: how near nets come to the true colors of photos that they are shown in gray."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import cv2

from cli.evaluation import Evaluation
from cli.evaluation_table import table
from cli.reporting import Command
from models.nets import load_net
from models.render import warm
from models.spaces import Samples
from shared.recipes import Recipe, resolve
from shared.registry import load_registry
from shared.settings import Settings, load
from worker.orders import Limits

#: Rows of a contact sheet at most.
_ROWS = 24


@click.command("eval", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--temperature", type=float, help="0.05 (each cell's likeliest color) to 1 (the mean of all); 0.38.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many files, spread evenly over the folder.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"PNG to write: up to {_ROWS} photos in gray, by each model, in true colors.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def evaluate(
    names: tuple[str, ...],
    folder: Path,
    temperature: float | None,
    limit: int | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Measure models on color photos in FOLDER.

    Each photo is made gray and colored again. Beside the models stand no color at all and the true colors. Photos
    without color or that cannot be read are left out, and counted. Choose photos that no model was trained on.
    """
    recipe = resolve({} if temperature is None else {"temperature": temperature})
    settings = load()
    paths = _spread(sorted(_files(folder)), limit)
    warm(settings.cache_dir)
    evaluation = _begun(names, recipe, settings)
    shown = set(_spread(paths, _ROWS)) if sheet else set()
    with _bar(len(paths)) as advance:
        for path in paths:
            evaluation.take(path, show=path in shown)
            advance()
    for left_out, reason in evaluation.named:
        click.echo(f"left out: {left_out}: {reason}", err=True)
    if not evaluation.photos:
        raise click.UsageError(f"{folder} has no color photo that can be read.")
    report = evaluation.report(folder)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else table(report))
    if sheet:
        _write(sheet, evaluation.sheet.picture())


def _begun(names: Sequence[str], recipe: Recipe, settings: Settings) -> Evaluation:
    registry = load_registry(settings.models_dir)
    load_one = partial(load_net, threads=1, engine=settings.engine, device=settings.device)
    nets = {name: load_one(registry.named(name), settings.models_dir) for name in names}
    return Evaluation(nets, recipe, Limits.of(settings))


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files at and below a folder, without hidden ones."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _spread(paths: Sequence[Path], limit: int | None) -> Sequence[Path]:
    """Returns at most `limit` of the paths, evenly spread: neighbors in a folder are often of one kind."""
    if limit is None or limit >= len(paths):
        return paths
    return [paths[number * len(paths) // limit] for number in range(limit)]


def _write(path: Path, picture: Samples) -> None:
    """Writes an sRGB picture as PNG, whatever the path's extension."""
    data = cv2.imencode(".png", picture[:, :, ::-1])[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Shows a bar on a terminal, and elsewhere a line every hundred files."""
    if sys.stderr.isatty():
        with click.progressbar(length=total, label="Evaluating", file=sys.stderr) as bar:
            yield lambda: bar.update(1)
        return
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done % 100 == 0 or done == total:
            click.echo(f"{done:,} of {total:,} files", err=True)

    yield advance
