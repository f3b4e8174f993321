"""The command: `python -m models.training DATA`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.training.photos import GRAY, read_photos
from models.training.plan import Plan
from models.training.progress import Progress
from shared.errors import PhotochromError

if TYPE_CHECKING:
    import torch

#: Rate of each net: that of the net that ships, and one that short runs of thin nets learned at.
_RATES = {"lite": 2e-3, "eccv16": 1e-3}

#: Where the options start.
_USUAL = Plan(net="lite")

#: Channels of eccv16's first layer.
_CHANNELS = 64


@click.command(context_settings={"show_default": True})
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--net", type=click.Choice(["lite", "eccv16"]), default="lite", help="What to train.")
@click.option(
    "--width", type=click.IntRange(1, 64), default=_USUAL.width, help="eccv16: its channels are divided by this."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, with the options it began with.")
@click.option("--steps", type=click.IntRange(1), default=_USUAL.steps, help="Steps of the optimizer.")
@click.option("--batch", type=click.IntRange(1), default=_USUAL.batch, help="Pictures a step.")
@click.option(
    "--crop", type=click.IntRange(32), default=_USUAL.crop, help="Side of a crop in pixels, a multiple of 32."
)
@click.option("--size", type=click.IntRange(32), help="Side photos are held at [144; of a pack, its own].")
@click.option("--limit", type=click.IntRange(1), help="Read only so many photos.")
@click.option("--gray", type=float, default=GRAY, help="Leave out photos of a lower mean chroma.")
@click.option(
    "--held", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=_USUAL.held, help="Share held out."
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate [lite 2e-3, eccv16 1e-3].")
@click.option("--warm-up", type=click.IntRange(0), default=_USUAL.warm_up, help="Steps in which the rate rises to it.")
@click.option("--decay", type=click.FloatRange(0), default=_USUAL.decay, help="Weight decay.")
@click.option(
    "--clip", type=click.FloatRange(0, min_open=True), default=_USUAL.clip, help="Largest norm of a gradient."
)
@click.option(
    "--lambda",
    "mix",
    type=click.FloatRange(0, 1, min_open=True),
    default=_USUAL.mix,
    help="Rebalancing; 1 turns it off.",
)
@click.option(
    "--degraded", type=click.FloatRange(0, 1), default=_USUAL.degraded, help="Share made to look like old prints."
)
@click.option("--freeze/--no-freeze", default=_USUAL.freeze, help="lite: whether the encoder keeps its weights.")
@click.option("--bf16/--no-bf16", default=None, help="Compute in bfloat16 where that is safe [on a GPU yes].")
@click.option("--compile", "compiled", is_flag=True, help="Let torch.compile make it faster.")
@click.option(
    "--every", type=click.IntRange(1), default=_USUAL.every, help="Steps between evaluations, each with a checkpoint."
)
@click.option(
    "--settle", type=click.IntRange(1), default=_USUAL.settle, help="Batches for the batch-norm statistics at the end."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=_USUAL.seed, help="What all dice start from.")
@click.option("--half/--no-half", default=True, help="Round the exported weights to half precision.")
@click.option("--device", help="cpu, cuda, cuda:1 [cuda where there is one].")
def main(
    data: Path,
    out: Path,
    rate: float | None,
    bf16: bool | None,
    device: str | None,
    resume: bool,
    compiled: bool,
    half: bool,
    size: int | None,
    limit: int | None,
    gray: float,
    **options: object,
) -> None:
    """Trains a net on DATA: a folder of color photos, or a pack of them (.npz).

    What comes out in the folder of the run: figures.csv, contact sheets in sheets/, checkpoint.pt, and the net as ONNX.
    """
    try:
        import torch  # noqa: PLC0415 - heavy, and an extra

        from models.training.run import Run  # noqa: PLC0415
    except ImportError as error:
        raise click.ClickException(f"{error}. Training needs more: pip install 'photochrom[train]'.") from error
    place = _place(device)
    # Every batch has one size: the fastest kernels are worth looking for.
    torch.backends.cudnn.benchmark = place.type == "cuda"
    net = str(options["net"])
    plan = Plan(rate=rate or _RATES[net], bf16=place.type == "cuda" if bf16 is None else bf16, **options)  # type: ignore[arg-type]
    _check(plan, data, out)
    progress = Progress(plan.steps, plan.batch, sys.stderr)
    try:
        photos = read_photos(data, side=size, limit=limit, gray=gray)
        for fault in photos.unreadable:
            progress.say(f"skipped, cannot be read: {fault}")
        progress.say(f"{photos.gray:,} nearly gray and {photos.twice:,} repeated photos left out")
        run = Run(plan, photos, out, progress, device=place, resume=resume, compiled=compiled)
        for path in run.train(half=half):
            progress.say(f"wrote {path}, {path.stat().st_size:,} bytes")
    except PhotochromError as error:
        raise click.ClickException(error.detail) from error
    except KeyboardInterrupt:
        progress.say("stopped: go on from the last checkpoint with --resume")
        sys.exit(130)


def _place(device: str | None) -> torch.device:
    """Returns the device to train on, after something was put there."""
    import torch  # noqa: PLC0415 - heavy, and an extra

    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA raises the second
        raise click.BadParameter(str(error).splitlines()[0], param_hint="--device") from error
    return place


def _check(plan: Plan, data: Path, out: Path) -> None:
    """Raises BadParameter for what the options' own ranges do not tell."""
    if plan.crop % 32:
        raise click.BadParameter("A crop's side is a multiple of 32.", param_hint="--crop")
    if _CHANNELS % plan.width:
        raise click.BadParameter(f"It divides {_CHANNELS}: 1, 2, 4, 8, 16, 32 or 64.", param_hint="--width")
    if out.resolve().is_relative_to(data.resolve()):
        raise click.BadParameter("It lies in DATA: contact sheets would be taken for photos.", param_hint="--out")


if __name__ == "__main__":
    main()
