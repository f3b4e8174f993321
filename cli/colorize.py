"""`photochrom colorize`: color pictures here and now, without a service."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cli.reporting import Command
from photochrom.options import recipe_options
from shared.errors import NotAPicture, PhotochromError, UnknownModel
from shared.formats import READABLE, SNIFF_BYTES, sniff
from shared.layout import DEFAULT_TENANT
from shared.recipes import Recipe, resolve
from shared.registry import model_by_digest
from shared.settings import Settings, load

if TYPE_CHECKING:
    from models.nets import Net
    from worker.deriving import Deriver

#: From this many pictures on several processes are worth their start.
_MANY = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of one file."""

    #: as it was named
    path: str
    #: succeeded or failed
    state: str
    #: where the color picture lies
    output: str | None = None
    #: stable code of a failure
    code: str | None = None
    #: the failure in words
    detail: str | None = None
    #: what a person should know of a success
    warnings: tuple[str, ...] = ()
    #: what the master was: gray, toned or color
    tone: str | None = None
    #: |L* of derivative - L* of master| before the file was encoded: max, mean, p999
    delta_l: Mapping[str, float] | None = None
    #: the same of a lossy file decoded again
    encoded_delta_l: Mapping[str, float] | None = None


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
    """Write `<stem>_colorized.<ext>` for each of FILES. Exit status: 0 all colored, 1 some failed, 2 usage."""
    resolved = resolve({name: value for name, value in recipe.items() if value is not None})
    settings = load()
    if out:
        out.mkdir(parents=True, exist_ok=True)
    failed = False
    for done in _all(files, partial(color_file, out=out, force=force, recipe=resolved, settings=settings), settings):
        failed |= done.state == "failed"
        _say(done, as_json=as_json)
    sys.exit(1 if failed else 0)


def color_file(path: Path, *, out: Path | None, force: bool, recipe: Recipe, settings: Settings) -> Done:
    """Colors one file; whatever is wrong with it is told, not raised."""
    from worker.orders import Limits, Order, colorist_of  # noqa: PLC0415 - only what colors pays for it
    from worker.plans import format_of  # noqa: PLC0415
    from worker.provenance import figures  # noqa: PLC0415

    try:
        with path.open("rb") as source:
            fmt = sniff(source.read(SNIFF_BYTES))
            if fmt is None:
                raise NotAPicture(f"It is no {READABLE}.")
            target = (out or path.parent) / f"{path.stem}_colorized.{format_of(fmt, recipe).extension}"
            if target.exists() and not force:
                return _failed(path, "output_exists", f"{target} is there; --force replaces it.")
            source.seek(0)
            master = hashlib.file_digest(source, "sha256").hexdigest()
            source.seek(0)
            sandbox, net = _studio(recipe, settings)
            order = Order(
                master=master,
                recipe=recipe,
                limits=Limits.of(settings),
                net_side=net.input_size,
                previews=False,
                verify=settings.verify_lossy,
            )
            with _replacing(target) as file:
                made = sandbox.derive(
                    DEFAULT_TENANT,
                    source,
                    file,
                    order,
                    colorist=colorist_of(net, recipe),
                    admitted=lambda pixels: None,
                )
    except PhotochromError as error:
        return _failed(path, error.code, error.detail)
    except OSError as error:
        return _failed(path, "file_error", f"{error.strerror or error}")
    return Done(
        path=str(path),
        state="succeeded",
        output=str(target),
        warnings=made.warnings,
        tone=made.tone,
        delta_l=figures(made.delta_l),
        encoded_delta_l=figures(made.encoded_delta_l) if made.encoded_delta_l else None,
    )


@cache
def _studio(recipe: Recipe, settings: Settings) -> tuple[Deriver, Net]:
    """Returns the sandbox and the loaded net of this process."""
    from models.nets import WEIGHTS, load_net  # noqa: PLC0415
    from worker.workshop import open_sandbox  # noqa: PLC0415

    model = model_by_digest(recipe.model)
    if model is None:
        raise UnknownModel(seen=recipe.model)
    # It starts while the net is loaded.
    sandbox = open_sandbox(settings)
    return sandbox, load_net(model, settings.models_dir or WEIGHTS, threads=_threads())


def _threads() -> int:
    """Returns the net's threads: all cores in the one process, one in each of several."""
    return 1 if multiprocessing.parent_process() else os.cpu_count() or 1


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


def _failed(path: Path, code: str, detail: str) -> Done:
    return Done(path=str(path), state="failed", code=code, detail=detail)


def _say(done: Done, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(done), ensure_ascii=False))
    elif done.output:
        notes = f"  ({', '.join(done.warnings)})" if done.warnings else ""
        click.echo(f"{done.path} -> {done.output}{notes}")
    else:
        click.echo(f"{done.path}: {done.detail} [{done.code}]", err=True)


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Gives a file to write to, which takes the target's place if all goes well and else leaves nothing."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w+b") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
