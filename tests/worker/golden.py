"""Golden pictures: what derivatives look like at a pipeline version, in figures that rounding leaves alone.

`python -m tests.worker.golden` writes golden.toml anew, for the pipeline version that shared/recipes.py says.

A picture's figures are those of 8 x 8 areas: the mean of red, green and blue, and the standard deviation of red - green
and of yellow - blue, in levels of 255. The means see that color or tone changed, the deviations that it moved within an
area.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from models.files import WEIGHTS
from models.nets import Net, load_net
from models.spaces import Samples
from shared.recipes import PIPELINE_VERSION
from tests.makers import saved, scene
from tests.worker.making import LITE, derive
from worker.deriving import InPlace
from worker.readers import open_master

Array = np.ndarray

PATH = Path(__file__).with_name("golden.toml")

PHOTOS = Path(__file__).parents[1] / "photos"

COMMAND = ".venv/bin/python -m tests.worker.golden"

#: Areas along each side.
AREAS = 8

#: Levels that a figure may be off. Code for a processor without AVX and FMA moves none by more than 0.003, ab that is
#: off by 0.001 at random none by more than 0.013; a temperature of 0.39 for 0.38 moves one by 0.27.
TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Golden:
    """What golden.toml says."""

    #: pipeline version that the pictures are of
    pipeline: int
    #: digest of the model that colored them
    model: str
    #: name -> figures, float64[64, 5]
    pictures: Mapping[str, Array]


@cache
def net() -> Net:
    """The net that ships."""
    return load_net(LITE, WEIGHTS, threads=1)


def masters() -> dict[str, tuple[bytes, Mapping[str, object]]]:
    """Each picture's master and recipe: every way on which pixels go."""
    detroit, nipomo, saratoga = (_gray(name) for name in ("detroit", "nipomo", "saratoga"))
    deep = nipomo.astype(np.uint16) * 256 + nipomo[:, ::-1] // 2
    height, width = saratoga.shape
    large = Image.fromarray(saratoga).resize((width * 3, height * 3), Image.Resampling.BICUBIC)
    return {
        "JPEG": ((PHOTOS / "detroit.jpg").read_bytes(), {}),
        "PNG": (saved(saratoga, "PNG"), {}),
        "TIFF of 16 bits, nearly the mode": (_tiff(deep), {"temperature": 0.1}),
        "twice the color, much of it out of gamut": (saved(detroit, "PNG"), {"chroma_gain": 2}),
        "reduced before the net sees it": (_tiff(np.asarray(large)), {}),
        "panorama in windows": (saved(detroit[100:220], "PNG"), {}),
        "master in color": (saved(scene(3, width=400, height=300), "PNG"), {"temperature": 1}),
    }


def figures_of_all() -> dict[str, Array]:
    """Colors every master and returns the figures of each derivative, float64[64, 5]."""
    return {name: figures(_derived(*each)) for name, each in masters().items()}


def figures(samples: Samples) -> Array:
    """Returns the figures of RGB samples of 8 or 16 bits, float64[64, 5]."""
    levels = samples[:, :, :3] / (np.iinfo(samples.dtype).max / 255)
    areas = [part for band in np.array_split(levels, AREAS) for part in np.array_split(band, AREAS, axis=1)]
    return np.array([_area(*np.moveaxis(part, -1, 0)) for part in areas])


def differences(golden: Mapping[str, Array], found: Mapping[str, Array]) -> dict[str, float]:
    """Returns the pictures that differ, with the levels of the figure that does most; infinite for one that is new."""
    most = {name: float(np.abs(found[name] - golden[name]).max()) if name in golden else np.inf for name in found}
    return {name: levels for name, levels in most.items() if levels > TOLERANCE}


def read() -> Golden:
    """Reads golden.toml."""
    data = tomllib.loads(PATH.read_text())
    pictures = {name: np.array([row.split() for row in rows], float) for name, rows in data["pictures"].items()}
    return Golden(pipeline=data["pipeline"], model=data["model"], pictures=pictures)


def write() -> None:
    """Writes golden.toml."""
    lines = [
        f"# Written by `{COMMAND}`, never by hand: see tests/worker/golden.py.",
        f"pipeline = {PIPELINE_VERSION}",
        f'model = "{LITE.digest}"',
        "",
        "[pictures]",
    ]
    for name, rows in figures_of_all().items():
        lines += [f'"{name}" = [', *(f'  "{" ".join(f"{value:.2f}" for value in row)}",' for row in rows), "]"]
    PATH.write_text("\n".join(lines) + "\n")


def _derived(master: bytes, recipe: Mapping[str, object]) -> Samples:
    page = open_master(io.BytesIO(derive(InPlace(), master, net(), recipe))).pages[0]
    return np.concatenate([strip.copy() for strip in page.strips()])


def _area(red: Array, green: Array, blue: Array) -> Array:
    opponents = red - green, (red + green) / 2 - blue
    return np.array([red.mean(), green.mean(), blue.mean(), *(each.std() for each in opponents)])


def _gray(name: str) -> Samples:
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        return np.asarray(image.convert("L"))


def _tiff(samples: Samples) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, samples, metadata=None, rowsperstrip=64)
    return out.getvalue()


if __name__ == "__main__":
    write()
