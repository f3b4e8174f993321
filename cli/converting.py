"""`photochrom models convert`: a Caffe model as an ONNX file, for other programs and other engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np

from cli.reporting import Command
from models.answers import TOLERANCE, known_inputs
from models.decoding import TEMPERATURE
from models.eccv16.onnx_file import check
from models.eccv16.weights import SUFFIX, converted
from models.engines.cv2_net import Cv2Net, reads_caffe
from models.files import proved, sha256
from models.nets import color
from shared.errors import Misconfigured, NetSelfTestFailed
from shared.registry import load_registry
from shared.settings import load


@click.command(cls=Command)
@click.argument("name")
@click.option("--to", "_form", type=click.Choice(["onnx"]), required=True, help="What to write.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; NAME.onnx in the models folder by default.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def convert(name: str, _form: str, target: Path | None, force: bool) -> None:
    """Write a Caffe model as an ONNX file.

    Before the file gets its name, one picture goes through both, and their colors must agree.
    """
    settings = load()
    model = load_registry(settings.models_dir).named(name)
    source = proved(model, settings.models_dir)[-1]
    if source.suffix != SUFFIX:
        raise click.UsageError(f"{name} is an ONNX file already: {source}")
    target = target or settings.models_dir / f"{name}.onnx"
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already. --force replaces it.")
    with _written(target, converted(source)) as part:
        check(part)
        apart = _difference(source, part, model.input_size) if reads_caffe() else None
    click.echo(f"{target}: {target.stat().st_size / 1e6:,.1f} MB, SHA-256 {sha256(target)}.")
    if apart is None:
        click.echo("This OpenCV reads no Caffe files, so the two were not compared.")
    else:
        click.echo(f"On one picture it differs from {source.name} by {apart:.1e} in ab at most.")


@contextmanager
def _written(target: Path, content: bytes) -> Iterator[Path]:
    """Gives a written file that takes the target's place if all goes well, and else leaves nothing."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        yield part
        part.replace(target)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written: {error.strerror or error}.", seen=str(target)) from error
    finally:
        part.unlink(missing_ok=True)


def _difference(source: Path, part: Path, size: int) -> float:
    """Returns the largest difference in ab; raises NetSelfTestFailed where it is more than rounding."""
    lightness = known_inputs(size)["disc"]
    one, other = (color(Cv2Net(path, input_size=size, device="cpu"), lightness, TEMPERATURE) for path in (source, part))
    apart = float(np.abs(one - other).max())
    if not apart <= TOLERANCE:
        raise NetSelfTestFailed(
            f"The converted file differs from {source.name} by {apart:.3f} in ab; nothing was written.",
            limit=TOLERANCE,
            seen=apart,
        )
    return apart
