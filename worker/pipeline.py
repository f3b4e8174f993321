"""The pipeline: from a master's bytes to a derivative's. It knows no storage, no job and no network."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from models.chroma import edge_aware
from models.nets import Net
from models.render import DeltaL, render
from models.spaces import Samples, Space, master_lightness
from models.windows import cells, windows
from shared.errors import TooManyPixels, UnsupportedPicture
from shared.formats import Format
from shared.recipes import Recipe
from worker import provenance
from worker.codecs import Codec, Dressing, Header, codec_of, oriented
from worker.previews import preview
from worker.profiles import handle

#: Mean chroma below which a picture is said to have almost no color. True photographs of lit scenes lie above 8; a net
#: that has nothing to say stays below 2.
LOW_COLOR = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is refused before a pixel is decoded."""

    #: largest picture, pixels
    max_pixels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Derivative:
    """A color picture made from a master."""

    #: the encoded file
    data: bytes
    #: its format
    format: Format
    #: pixels, upright
    width: int
    #: pixels, upright
    height: int
    #: JPEG of the master for browsers, upright; None where none was asked for
    master_preview: bytes | None
    #: JPEG of the derivative for browsers
    preview: bytes | None
    #: how far the lightness moved
    delta_l: DeltaL
    #: what a person should know
    warnings: tuple[str, ...]
    #: engine that ran the net
    engine: str
    #: seconds by stage
    timings: Mapping[str, float]


def preflight(source: IO[bytes], limits: Limits) -> Header:
    """Reads the header, which decides whether the rest is read at all.

    Raises NotAPicture, UnsupportedPicture, Corrupt, Truncated, or TooManyPixels with the limit and the value seen.
    """
    header = _read_header(codec_of(source), source)
    pixels = header.width * header.height
    if pixels > limits.max_pixels:
        raise TooManyPixels(
            f"The picture has {header.width:,} x {header.height:,} = {pixels / 1e6:,.0f} megapixels; "
            f"this server accepts {limits.max_pixels / 1e6:,.0f}.",
            limit=limits.max_pixels,
            seen=pixels,
        )
    if not pixels:
        raise UnsupportedPicture("The picture has no pixels.", seen=0)
    return header


def derive(
    source: IO[bytes], *, master: str, recipe: Recipe, net: Net, limits: Limits, previews: bool = True
) -> Derivative:
    """Makes the derivative of a master (its bytes from the start of `source`, its SHA-256 in `master`).

    Raises what `preflight` raises, and NetFailed.
    """
    timings: dict[str, float] = {}
    codec = codec_of(source)
    with _timed(timings, "decode"):
        header = preflight(source, limits)
        source.seek(0)
        samples = oriented(codec.decode(source, header), header.orientation)
        handling = handle(header.profile, gray=samples.ndim == 2)
    with _timed(timings, "net"):
        grid, chroma = _chroma(samples, handling.space, recipe, net)
    with _timed(timings, "render"):
        color, delta_l = render(samples, grid, handling.space)
    with _timed(timings, "encode"):
        data = codec.encode(
            color,
            Dressing(
                profile=handling.profile,
                dpi=header.upright_dpi,
                exif=header.exif,
                xmp=provenance.xmp(master=master, recipe=recipe),
                description=provenance.sentence(recipe),
                options={"quality": recipe.quality},
            ),
        )
    master_preview = color_preview = None
    if previews:
        with _timed(timings, "preview"):
            master_preview, color_preview = preview(samples), preview(color)
    return Derivative(
        data=data,
        format=header.format,
        width=color.shape[1],
        height=color.shape[0],
        master_preview=master_preview,
        preview=color_preview,
        delta_l=delta_l,
        warnings=(*header.warnings, *handling.warnings, *_color_warnings(chroma)),
        engine=net.engine,
        timings=timings,
    )


def _read_header(codec: Codec, source: IO[bytes]) -> Header:
    header = codec.read_header(source)
    source.seek(0)
    return header


def _chroma(samples: Samples, space: Space, recipe: Recipe, net: Net) -> tuple[NDArray[np.float32], float]:
    """Returns the grid that gives ab for each point of the picture, and the mean chroma of its cells."""
    height, width = samples.shape[:2]
    where = windows(width, height)
    seen = master_lightness(_shrunk(samples, where.size(net.input_size)), space)
    ab = cells(net, seen, where, recipe.temperature) * np.float32(recipe.chroma_gain)
    means = cv2.resize(seen, (ab.shape[2], ab.shape[1]), interpolation=cv2.INTER_AREA)
    return edge_aware(ab, np.asarray(means, np.float32)), float(np.hypot(ab[0], ab[1]).mean())


def _shrunk(samples: Samples, size: tuple[int, int]) -> Samples:
    return cv2.resize(samples, size, interpolation=cv2.INTER_AREA).astype(samples.dtype, copy=False)


def _color_warnings(chroma: float) -> tuple[str, ...]:
    return ("low_color",) if chroma < LOW_COLOR else ()


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - begun
