"""Trials: a color photo made small, and a gray one colored by the very code that colors a master; for evaluation.

The files are the operator's own: they are decoded in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.nets import Net
from models.reduction import Reduction
from models.spaces import Samples, srgb
from models.tones import Tone, tone_of
from shared.formats import PNG
from shared.recipes import Recipe, resolve
from worker.orders import Limits, Order, colorist_of
from worker.painting import Painting
from worker.pictures import Header, Kind, foreign_errors
from worker.plans import plan
from worker.preflight import preflight
from worker.previews import SIDE, in_srgb, preview_size
from worker.profiles import handle
from worker.stopwatch import Stopwatch

__all__ = ["SIDE", "colored", "read_photo"]


class _Gray:
    """A page that is in memory already."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        height, width = samples.shape
        self.header = Header(width=width, height=height, kind=Kind.GRAY, depth=8, stored_depth=8)

    def strips(self) -> Iterator[Samples]:
        """Yields the page as one strip."""
        yield self._samples


def read_photo(path: Path, limits: Limits) -> Samples | Tone:
    """Returns the first page of a file in sRGB, uint8[h, w, 3], reduced to at most SIDE pixels on its longer side.

    Of one that is not in color it returns the tone. Raises what `preflight` raises, Truncated or Corrupt, and OSError.
    """
    with path.open("rb") as source, foreign_errors():
        page = preflight(source, resolve({}), limits).pages[0]
        header = page.header
        if header.kind is Kind.GRAY:
            return Tone.GRAY
        reduction = Reduction(
            header.width, header.height, *preview_size(header.width, header.height), header.kind.channels
        )
        for strip in page.strips():
            reduction.add(strip[:, :, : header.kind.channels])
    handling = handle(header, depth=8)
    photo = in_srgb(handling.tint(reduction.result()), handling.tinted)
    tone = tone_of(photo, srgb(8))
    return photo if tone is Tone.COLOR else tone


def colored(gray: Samples, net: Net, recipe: Recipe, limits: Limits) -> tuple[Samples, float]:
    """Colors gray sRGB samples, uint8[h, w]; returns uint8[h, w, 3] and the seconds of the net and its decoding.

    Raises NetFailed.
    """
    clock = Stopwatch()
    order = Order(
        master="", recipe=recipe, model_name="", limits=limits, net_side=net.input_size, previews=False, verify=False
    )
    page = _Gray(gray)
    painting = Painting(page, plan(page.header, PNG, recipe), order, clock=clock)
    painting.study(colorist_of(net, recipe))
    # A strip holds until the next is asked for.
    picture = np.concatenate([strip.copy() for strip in painting.strips()])
    return picture, clock.seconds()["net"]
