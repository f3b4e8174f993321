"""Kept pages: decoded once and held, where that is cheaper than to decode them twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.spaces import Samples
from worker.bands import rows_of
from worker.pictures import Header, Page

#: Pages whose samples need more are decoded twice where they can be read by strips, bytes.
_KEPT_BYTES = 160 << 20


class Kept:
    """A page that is decoded once and kept."""

    def __init__(self, page: Page, *, whole: bool = False) -> None:
        """Decodes nothing yet; `whole` makes one strip of the page, else it comes in bands."""
        self._page = page
        self._whole = whole
        self._samples: Samples | None = None

    @property
    def header(self) -> Header:
        """The page's header, which may have learned of a warning when the page was decoded."""
        return self._page.header

    def samples(self) -> Samples:
        """Returns the whole page."""
        if self._samples is None:
            self._samples = _gathered(self._page.strips(), self.header)
        return self._samples

    def strips(self) -> Iterator[Samples]:
        """Yields the page; the strips are views, not to be overwritten."""
        samples = self.samples()
        rows = len(samples) if self._whole else rows_of(samples[:1].nbytes)
        for top in range(0, len(samples), rows):
            yield samples[top : top + rows]


def kept(page: Page, *, whole: bool) -> Page:
    """Returns the page, kept where it is small or its reader decodes it as a whole anyway."""
    return page if page.header.streamed and page.header.size > _KEPT_BYTES else Kept(page, whole=whole)


def _gathered(strips: Iterator[Samples], header: Header) -> Samples:
    """Returns the strips as one array, without a copy where there is only one."""
    first = next(strips)
    if len(first) == header.height:
        return first
    out: Samples = np.empty((header.height, *first.shape[1:]), first.dtype)
    out[: len(first)] = first
    top = len(first)
    for strip in strips:
        out[top : top + len(strip)] = strip
        top += len(strip)
    return out
