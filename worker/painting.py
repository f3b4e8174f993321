"""A painting: one page on its way to color, in two passes over its strips.

The first pass gives what the net sees and what the page is, the second colors strip by strip. A page that is small, or
that its reader decodes as a whole anyway, is kept between them; of any other no more than a few strips are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.chroma import edge_aware
from models.reduction import Reduction, scaled
from models.render import Comparison, DeltaL, Render
from models.spaces import Samples, master_lightness
from models.tones import Tone, tone_of
from models.windows import windows
from shared.errors import AlreadyColor
from worker.kept import Kept, kept
from worker.orders import Colorist, Order
from worker.pictures import Header, Kind, Page
from worker.plans import Plan
from worker.previews import preview, preview_size
from worker.profiles import Handling, handle, widened
from worker.stopwatch import Stopwatch

#: Formats that are encoded from a whole page in memory: it is rendered as one, so that nothing has to be gathered.
_AS_A_WHOLE = ("jp2", "webp")

#: Mean chroma below which a picture is said to have almost no color. True photographs of lit scenes lie above 8; a net
#: that has nothing to say stays below 2.
LOW_COLOR = 3.0


@dataclass(kw_only=True, slots=True)
class Study:
    """What the first pass found."""

    #: ab of the whole page as `models.chroma` gives it, float32[4, gh, gw]
    grid: NDArray[np.float32]
    #: what the master is
    tone: Tone
    #: JPEG of the master for browsers; None where none was asked for
    preview: bytes | None
    #: what a person should know
    warnings: tuple[str, ...]


class Painting:
    """One page on its way to color."""

    def __init__(self, page: Page, plan: Plan, order: Order, *, clock: Stopwatch) -> None:
        """Decodes nothing yet."""
        self.plan = plan
        self.handling: Handling = handle(page.header, depth=plan.depth)
        self._order = order
        self._clock = clock
        self._page = kept(page, whole=plan.format.name in _AS_A_WHOLE)
        self._study: Study | None = None
        self._render: Render | None = None
        self._small: Reduction | None = None

    @property
    def header(self) -> Header:
        """The page's header."""
        return self._page.header

    def study(self, colorist: Colorist) -> Study:
        """Makes the first pass and asks the net; raises AlreadyColor where the recipe skips such masters."""
        order, header = self._order, self.header
        where = windows(header.width, header.height)
        seen_size = where.size(order.net_side)
        shown_size = preview_size(header.width, header.height)
        small = self._reduced(
            width=min(header.width, max(seen_size[0], shown_size[0])),
            height=min(header.height, max(seen_size[1], shown_size[1])),
        )
        with self._clock.stage("look"):
            shown = self.handling.tint(small)
            tone = Tone.GRAY if shown.ndim == 2 else tone_of(shown, self.handling.tinted)
            if tone is Tone.COLOR and order.recipe.colored == "skip":
                raise AlreadyColor("The master is in color already; the recipe says `colored`: skip.")
            lightness = master_lightness(self.handling.convert(scaled(small, seen_size)), self.handling.source)
        with self._clock.stage("net"):
            ab = colorist(lightness, where) * np.float32(order.recipe.chroma_gain)
        with self._clock.stage("look"):
            means = cv2.resize(lightness, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
            grid = edge_aware(ab, np.asarray(means, np.float32))
        picture = None
        if order.previews:
            with self._clock.stage("preview"):
                picture = preview(shown, self.handling.tinted, size=shown_size)
        self._study = Study(grid=grid, tone=tone, preview=picture, warnings=self._warnings(ab, tone))
        return self._study

    def strips(self) -> Iterator[Samples]:
        """Makes the second pass: yields the colored strips, RGB or, where the plan keeps alpha, RGBA.

        A strip holds until the next is asked for.
        """
        if self._study is None:
            raise ValueError("a page is studied before it is painted")
        header, handling = self.header, self.handling
        self._render = Render(self._study.grid, height=header.height, source=handling.source, target=handling.target)
        if self._order.previews:
            self._small = Reduction(header.width, header.height, *preview_size(header.width, header.height), 3)
        out: Samples | None = None
        for strip in self._clock.each("decode", self._page.strips()):
            with self._clock.stage("render"):
                # Fresh memory costs as much as half of the render.
                reused = out if out is not None and out.shape[:2] == strip.shape[:2] else None
                color = out = self._render.strip(handling.convert(_body(strip, header)), reused)
            if self._small:
                with self._clock.stage("preview"):
                    self._small.add(color)
            yield _with_alpha(color, strip[:, :, -1]) if self.plan.alpha else color

    def delta_l(self) -> DeltaL:
        """Returns how far the second pass moved the lightness."""
        if self._render is None:
            raise ValueError("nothing was painted")
        return self._render.delta_l()

    def preview(self) -> bytes | None:
        """Returns the JPEG of what the second pass painted; None where none was asked for."""
        if self._small is None:
            return None
        with self._clock.stage("preview"):
            size = preview_size(self.header.width, self.header.height)
            return preview(self._small.result(), self.handling.target, size=size)

    def compare(self, derivative: Page) -> DeltaL:
        """Returns how far the lightness of a derivative that was read again is from the master's."""
        comparison = Comparison(self.handling.source, self.handling.target, height=self.header.height)
        again = Kept(derivative)
        top = 0
        for strip in self._clock.each("decode", self._page.strips()):
            rows = again.samples()[top : top + len(strip), :, :3]
            comparison.strip(self.handling.convert(_body(strip, self.header)), rows)
            top += len(strip)
        return comparison.delta_l()

    def _reduced(self, *, width: int, height: int) -> Samples:
        """Returns the page's samples, alpha left out, reduced to a size by the mean over each pixel's area."""
        reduction = Reduction(self.header.width, self.header.height, width, height, self.header.kind.channels)
        for strip in self._clock.each("decode", self._page.strips()):
            with self._clock.stage("look"):
                reduction.add(_body(strip, self.header))
        return reduction.result()

    def _warnings(self, ab: NDArray[np.float32], tone: Tone) -> tuple[str, ...]:
        warnings = [*self.header.warnings, *self.handling.warnings, *self.plan.warnings]
        if float(np.hypot(ab[0], ab[1]).mean()) < LOW_COLOR:
            warnings.append("low_color")
        if tone is Tone.COLOR:
            warnings.append("already_color")
        return tuple(warnings)


def _with_alpha(color: Samples, alpha: Samples) -> Samples:
    """Returns RGBA of RGB samples and an alpha channel, which is brought to their depth."""
    out: Samples = np.empty((*color.shape[:2], 4), color.dtype)
    out[:, :, :3] = color
    if color.dtype == np.uint16:
        out[:, :, 3] = widened(alpha)
    else:
        out[:, :, 3] = alpha if alpha.dtype == np.uint8 else (alpha + np.uint32(128)) // 257
    return out


def _body(strip: Samples, header: Header) -> Samples:
    """Returns the samples without alpha: gray as [rows, w]."""
    if not header.alpha:
        return strip
    body: Any = strip[:, :, 0] if header.kind is Kind.GRAY else strip[:, :, :-1]
    return np.ascontiguousarray(body)
