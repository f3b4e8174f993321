"""Samples as a TIFF stores them into those that every reader gives: 8 or 16 bits over the full range, 0 black."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples
from shared.errors import Corrupt, UnsupportedPicture
from worker.pictures import Kind
from worker.readers import tiff_tags as tag
from worker.readers.tiff_directories import Directory
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_tags import Photometric
from worker.readers.whole_page import scaled

_KINDS = {
    Photometric.WHITE_IS_ZERO: Kind.GRAY,
    Photometric.BLACK_IS_ZERO: Kind.GRAY,
    Photometric.RGB: Kind.RGB,
    Photometric.YCBCR: Kind.RGB,
    Photometric.SEPARATED: Kind.CMYK,
    Photometric.CIELAB: Kind.LAB,
    Photometric.ICCLAB: Kind.LAB,
}

#: ExtraSamples: alpha that the colors were multiplied by, alpha that they were not.
_ASSOCIATED, _UNASSOCIATED = 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The floating-point samples that are black and white."""

    black: float = 0.0
    white: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Meaning:
    """What the channels of a page mean, and how they become samples."""

    #: of the samples
    kind: Kind
    #: bits of the samples, 8 or 16
    depth: int
    #: which channel of the file is alpha, or None
    alpha: int | None
    #: whether the colors were multiplied by it
    associated: bool
    #: colors of a palette: uint8[n, 3], uint8[n] where they are all gray, or None
    palette: NDArray[np.uint8] | None
    #: the range of floating-point samples that the file tells of, or None
    range: Range | None
    #: how the page lies in the file
    layout: Layout

    @property
    def colors(self) -> int:
        """Channels of the file before the extra ones."""
        return self.layout.photometric.channels

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the file that are kept, alpha last."""
        return (*range(self.colors), *(() if self.alpha is None else (self.alpha,)))

    @property
    def dropped(self) -> bool:
        """Whether the file has channels that are not kept."""
        return len(self.channels) < self.layout.samples

    def convert(self, stored: NDArray[Any], where: Range) -> Samples:
        """Returns the samples of stored ones [rows, w, channels kept]: [rows, w], or [rows, w, c] with alpha last.

        `where` counts for floating-point ones only. Writes into what is given, where that saves a copy.
        """
        color, alpha = stored[:, :, : self.colors], stored[:, :, self.colors :]
        body = self._scale(color, where) if self.palette is None else self._look_up(color)
        if self.alpha is not None:
            opacity = self._scale(alpha, Range())
            if self.associated:
                body = _divided(body, opacity)
        if self.layout.photometric is Photometric.WHITE_IS_ZERO:
            np.invert(body, out=body)
        elif self.kind is Kind.LAB:
            body = _as_icc(body, self.layout.photometric)
        if self.alpha is not None:
            return np.concatenate((body, opacity), axis=2)
        return body[:, :, 0] if body.shape[2] == 1 else body

    def _scale(self, stored: NDArray[Any], where: Range) -> Samples:
        if self.layout.floating:
            return _from_floats(stored, where)
        if self.layout.bits == 32:
            # 4,294,967,295 is 65,535 times 65,537.
            return ((stored + np.uint64(32768)) // np.uint64(65537)).astype(np.uint16)
        return scaled(stored, self.layout.bits)

    def _look_up(self, stored: NDArray[Any]) -> Samples:
        colors: Any = self.palette
        body: Samples = np.take(colors, stored[:, :, 0], axis=0)
        return body[:, :, np.newaxis] if body.ndim == 2 else body


def read_meaning(directory: Directory, layout: Layout) -> Meaning:
    """Reads what the channels mean. Raises UnsupportedPicture, Truncated or Corrupt."""
    palette = _read_palette(directory, layout) if layout.photometric is Photometric.PALETTE else None
    kind = _KINDS[layout.photometric] if palette is None else Kind.GRAY if palette.ndim == 1 else Kind.RGB
    alphas = [number for number, extra in enumerate(layout.extras) if extra in (_ASSOCIATED, _UNASSOCIATED)]
    associated = bool(alphas) and layout.extras[alphas[0]] == _ASSOCIATED
    if associated and kind is Kind.LAB:
        raise UnsupportedPicture(
            "The page has CIELab samples multiplied by alpha; with alpha beside them they are read."
        )
    return Meaning(
        kind=kind,
        depth=8 if palette is not None or layout.bits <= 8 else 16,
        alpha=layout.photometric.channels + alphas[0] if alphas else None,
        associated=associated,
        palette=palette,
        range=_read_range(directory) if layout.floating else None,
        layout=layout,
    )


def find_range(pieces: Iterable[NDArray[Any]], told: Range | None) -> tuple[Range, tuple[str, ...]]:
    """Returns the range of floating-point colors, and warnings; this takes a pass over all of them.

    0..1 is black to white unless a color lies outside; then the darkest is black and the brightest white
    (`range_scaled`). What the file tells of its range counts first. NaN counts as black (`nan_as_black`).
    """
    low, high = np.inf, -np.inf
    warnings: list[str] = []
    for colors in pieces:
        finite = np.isfinite(colors)
        if not finite.all():
            if np.isnan(colors).any() and not warnings:
                warnings.append("nan_as_black")
            colors = colors[finite]  # noqa: PLW2901 - the rest of them does not count
        if colors.size:
            low, high = min(low, float(colors.min())), max(high, float(colors.max()))
    if told:
        return told, tuple(warnings)
    if (low >= 0 and high <= 1) or not 0 < high - low < np.inf:
        return Range(), tuple(warnings)
    return Range(black=low, white=high), (*warnings, "range_scaled")


def _from_floats(stored: NDArray[Any], where: Range) -> NDArray[np.uint16]:
    # A NaN may be of the kind that complains when it is copied.
    with np.errstate(invalid="ignore"):
        values = stored.astype(np.float64)
    np.nan_to_num(values, copy=False, nan=where.black, posinf=where.white, neginf=where.black)
    np.clip(values, where.black, where.white, out=values)
    values -= where.black
    # One after the other: the quotient of both overflows where the range is tiny.
    values /= where.white - where.black
    values *= 65535
    return np.rint(values, out=values).astype(np.uint16)


def _divided(colors: Samples, alpha: Samples) -> Samples:
    """Returns colors as they were before they were multiplied by alpha."""
    top = np.iinfo(colors.dtype).max
    if (alpha == top).all():
        return colors
    wide = alpha.astype(np.uint32)
    # 65,535 x 65,535 and half an alpha fit into 32 bits.
    quotient = (colors * np.uint32(top) + wide // 2) // np.maximum(wide, 1)
    return np.asarray(np.minimum(quotient, top), colors.dtype)


def _as_icc(lab: Samples, photometric: Photometric) -> Samples:
    """Returns L*, a*, b* as ICC.1:2022 encodes them (tables 12 and 13); a and b that it cannot hold are its last.

    CIELab has a and b signed, in units of 1 at 8 bits and of 1/256 at 16 (TIFF 6.0, section 23). ICCLab is what ICC
    encodes at 8 bits; at 16 it is version 2's encoding, which calls 65,280 what version 4 calls 65,535.
    """
    signed = photometric is Photometric.CIELAB
    if lab.dtype == np.uint8:
        return lab ^ np.array([0, 0x80, 0x80], np.uint8) if signed else lab
    wide = lab.astype(np.uint32)
    if signed:
        wide[:, :, 1:] ^= 0x8000
    first = 1 if signed else 0
    wide[:, :, first:] = np.minimum((wide[:, :, first:] * 257 + 128) >> 8, 65535)
    return wide.astype(np.uint16)


def _read_palette(directory: Directory, layout: Layout) -> NDArray[np.uint8]:
    """Returns the color map (TIFF 6.0, section 5) at 8 bits: uint8[n, 3], or uint8[n] where all are gray."""
    count = 1 << layout.bits
    values = directory.numbers(tag.COLOR_MAP, most=3 * count)
    if values is None or len(values) < 3 * count or values.dtype.kind != "u":
        raise Corrupt(
            f"The palette should have {3 * count} values; it has {0 if values is None else len(values)}.",
            seen=0 if values is None else len(values),
            limit=3 * count,
        )
    # Its values have 16 bits, but some writers leave them at 8; the upper byte is exact for both ways to widen 8 bits,
    # with zeros and by 257.
    narrow = values if values.max() < 256 else values >> 8
    colors = np.ascontiguousarray(narrow.astype(np.uint8).reshape(3, count).T)
    return np.ascontiguousarray(colors[:, 0]) if (colors == colors[:, :1]).all() else colors


def _read_range(directory: Directory) -> Range | None:
    low, high = directory.numbers(tag.LOWEST_SAMPLE), directory.numbers(tag.HIGHEST_SAMPLE)
    if low is None or high is None:
        return None
    black, white = float(np.min(low)), float(np.max(high))
    return Range(black=black, white=white) if np.isfinite(white - black) and black < white else None
