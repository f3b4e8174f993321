"""`photochrom models`: the nets, where they come from, and whether they are what they are said to be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli import adding, models_folder
from cli.converting import convert
from cli.download_bar import DownloadBar
from cli.evaluating import evaluate
from cli.fetching import Patience
from cli.pulling import Pulled, pull
from cli.reporting import Group
from models.files import home, is_here
from shared.errors import PhotochromError
from shared.registry import FILE_NAME, Model, Registry, load_registry
from shared.settings import Settings, load

#: Exit status of a command that a signal of the keyboard ended, as shells have it.
_INTERRUPTED = 130

_NEXT_START = "Workers serve it from their next start."


@click.group(cls=Group)
def models() -> None:
    """List, fetch, verify, add, convert and evaluate the nets."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """List the models, and which are here."""
    settings, registry = _opened()
    if as_json:
        for model in registry.models:
            click.echo(json.dumps(_facts(model, settings.models_dir), ensure_ascii=False))
        return
    _print_table(registry.models, settings.models_dir)


@models.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="A file that you have downloaded, instead of the mirrors.",
)
def pull_(names: tuple[str, ...], source: Path | None) -> None:
    """Fetch models from their mirrors.

    What comes is proved, and its known answers are recorded. An interrupted download goes on where it was. Workers
    serve a new model from their next start.
    """
    settings, registry = _opened()
    chosen = [registry.named(name) for name in names]
    if source and len(chosen) > 1:
        raise click.UsageError("--from FILE is for one model.")
    failed = [model.name for model in chosen if not _pulled(model, settings, source)]
    sys.exit(2 if failed else 0)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: tuple[str, ...]) -> None:
    """Prove files by digest, nets by known answers.

    All models that are here by default.
    """
    settings, registry = _opened()
    folder = settings.models_dir
    chosen = [registry.named(name) for name in names] or [m for m in registry.models if m.ships or is_here(m, folder)]
    failed = False
    for model in chosen:
        try:
            engine, recorded = models_folder.ensure_answers(
                model, folder, engine=settings.engine, device=settings.device
            )
        except PhotochromError as error:
            failed = True
            _say_failure(model, error)
        else:
            words = (
                "its file is right; its answers were not known and are recorded"
                if recorded
                else "files and answers are right"
            )
            click.echo(f"{model.name}: {words} ({engine}).")
    sys.exit(2 if failed else 0)


@models.command()
@click.argument("name")
@click.option("--like", required=True, help="The model whose shape the weights have: eccv16 or lite.")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="The weights: a .caffemodel or .onnx file. It is copied.",
)
def add(name: str, like: str, source: Path) -> None:
    """Enter weights of your own as the model NAME."""
    settings, registry = _opened()
    model = adding.add(name, registry.named(like), source, registry, settings.models_dir)
    click.echo(f"{name} is here: {_megabytes(model)} MB, SHA-256 {model.digest}; its known answers are recorded.")
    click.echo(_NEXT_START)


def _opened() -> tuple[Settings, Registry]:
    settings = load()
    return settings, load_registry(settings.models_dir)


def _pulled(model: Model, settings: Settings, source: Path | None) -> bool:
    """Pulls one model and says how that went; returns whether it is here now."""
    folder = settings.models_dir
    try:
        with DownloadBar() as bar:
            done = pull(model, folder, source=source, patience=Patience(), display=bar)
        recorded = load_registry(folder).named(model.name)
        models_folder.ensure_answers(recorded, folder, engine=settings.engine, device=settings.device)
    except PhotochromError as error:
        _say_failure(model, error)
        return False
    except KeyboardInterrupt:
        click.echo(
            f"\nInterrupted. What has come is kept: `photochrom models pull {model.name}` goes on from there.", err=True
        )
        sys.exit(_INTERRUPTED)
    click.echo(f"{model.name} {_news(done, recorded, folder)}")
    return True


def _news(done: Pulled, model: Model, folder: Path) -> str:
    """Says what a pull has done; goes on where the model's name ends."""
    match done:
        case Pulled.ALREADY:
            return "is here already, and its file is right."
        case Pulled.FETCHED:
            return f"is here: {_megabytes(model)} MB, with the SHA-256 that the registry has. {_NEXT_START}"
        case Pulled.RECORDED:
            return (
                f"is here: {_megabytes(model)} MB. Its digest is published nowhere, so this first copy was taken on "
                f"trust, once it had proved to be a net of its shape. Its SHA-256 is recorded in {folder / FILE_NAME}, "
                f"and from now on only that very file is this model: {model.digest}. {_NEXT_START}"
            )


def _say_failure(model: Model, error: PhotochromError) -> None:
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {model.name}: {error.detail} [{error.code}]", err=True)


def _facts(model: Model, folder: Path) -> dict[str, object]:
    return {
        "name": model.name,
        "digest": model.digest,
        "size": _size(model),
        "here": is_here(model, folder),
        "shape": model.shape,
        "engine": model.engine,
        "license": model.license,
        "origin": model.origin,
        "summary": model.summary,
        "files": [str(home(model, folder) / file.name) for file in model.files],
        "fetched_by": model.remedy,
    }


def _print_table(known: Iterable[Model], folder: Path) -> None:
    """Prints a table on a terminal, tabs between the columns elsewhere."""
    rows = [
        (
            model.name,
            "here" if is_here(model, folder) else "not here",
            _megabytes(model),
            model.shape,
            model.license,
            model.summary,
        )
        for model in known
    ]
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("Model", "Files", "MB", "Shape", "License", "Summary"):
        table.add_column(
            title, justify="right" if title == "MB" else "left", overflow="fold", no_wrap=title in ("Model", "Files")
        )
    for name, here, *rest in rows:
        table.add_row(name, f"[green]{here}[/]" if here == "here" else f"[yellow]{here}[/]", *rest)
    console.print(table)
    away = [model for model in known if not is_here(model, folder)]
    click.echo(f"\nFolder: {folder}")
    for model in away:
        click.echo(f"Fetch {model.name}: {model.remedy}")


def _size(model: Model) -> int | None:
    sizes = [file.size for file in model.files if file.size is not None]
    return sum(sizes) if len(sizes) == len(model.files) else None


def _megabytes(model: Model) -> str:
    size = _size(model)
    return "?" if size is None else f"{size / 1e6:,.1f}"


models.add_command(convert)
models.add_command(evaluate)
