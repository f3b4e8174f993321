"""Pages on their way into a file: strips cut to another height or gathered, and what every format needs to know."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.spaces import Samples
from shared.errors import UnsupportedPicture
from worker.icc import make_profile
from worker.metadata import exif
from worker.pictures import Dressing, Text

#: Dots per inch, at least and at most.
_DPI = (0.01, 1_000_000)

Pages = Iterator[tuple[Dressing, Iterator[Samples]]]


def cut(dressing: Dressing, strips: Iterator[Samples], rows: int) -> Iterator[Samples]:
    """Yields the page in bands of `rows` rows, the last with what is left; all strips are taken.

    A band holds until the next is asked for. Raises ValueError unless the strips are what the dressing says.
    """
    band = np.empty((rows, *_shape(dressing)[1:]), _dtype(dressing))
    filled = 0
    seen = 0
    for strip in strips:
        seen += len(strip)
        _check(dressing, strip, seen)
        top = 0
        while top < len(strip):
            if not filled and top + rows <= len(strip):
                # Whole bands need no copy.
                yield strip[top : top + rows]
                top += rows
                continue
            part = strip[top : top + rows - filled]
            band[filled : filled + len(part)] = part
            filled += len(part)
            top += len(part)
            if filled == rows:
                yield band
                filled = 0
    if seen != dressing.height:
        raise ValueError(f"{seen} rows came of {dressing.height}")
    if filled:
        yield band[:filled]


def first(pages: Pages, *, side: int, what: str) -> tuple[Dressing, Iterator[Samples]]:
    """Returns the page of a format, called `what`, that holds one. `side` is its longest, pixels.

    Raises UnsupportedPicture where a side is longer.
    """
    dressing, strips = next(pages)
    if max(dressing.width, dressing.height) > side:
        raise UnsupportedPicture(
            f"{what} has sides of up to {side:,} pixels; this picture has {dressing.width:,} x {dressing.height:,}.",
            limit=side,
            seen=max(dressing.width, dressing.height),
        )
    return dressing, strips


def end(pages: Pages, *, what: str) -> None:
    """Takes what is left of the pages: nothing. Raises UnsupportedPicture where one more comes."""
    if next(pages, None) is not None:
        raise UnsupportedPicture(f"{what} holds one page only.", limit=1)


def single(pages: Pages, *, side: int, what: str) -> tuple[Dressing, Samples]:
    """Returns the only page, its samples as one array [h, w, channels]; see `first` and `end`."""
    dressing, strips = first(pages, side=side, what=what)
    samples = _gathered(dressing, strips)
    end(pages, what=what)
    return dressing, samples


def exif_of(dressing: Dressing, *, jpeg: bool = False) -> bytes:
    """Returns the page's EXIF block, which agrees with its size, resolution and color space; without prefix.

    That of a JPEG file (`jpeg`) has more fields.
    """
    return exif.described(
        dressing.metadata.exif,
        dressing.description,
        width=dressing.width,
        height=dressing.height,
        dpi=dpi_of(dressing),
        # It is ours where the master's own could not be kept.
        srgb=dressing.profile == make_profile(),
        jpeg=jpeg,
    )


def texts_of(dressing: Dressing) -> list[Text]:
    """Returns the master's texts, but for those that are the sentence alone: of a derivative that is colored again."""
    return [text for text in dressing.metadata.texts if text.words != dressing.description]


def comments_of(dressing: Dressing) -> list[str]:
    """Returns the master's texts as comments, which have no keyword of their own, and the sentence, once."""
    comments = [
        text.words if text.keyword == "Comment" else f"{text.keyword}: {text.words}" for text in texts_of(dressing)
    ]
    told = any(dressing.description in comment for comment in comments)
    return comments if told else [*comments, dressing.description]


def dropped(*blocks: object) -> tuple[str, ...]:
    """Returns the warning of a format that has no place for these, if there are any."""
    return ("metadata_dropped",) if any(blocks) else ()


def dpi_of(dressing: Dressing) -> tuple[float, float] | None:
    """Returns the resolution, None for one that no format can say and no scanner has."""
    low, high = _DPI
    return dressing.dpi if dressing.dpi and all(low <= value <= high for value in dressing.dpi) else None


def _gathered(dressing: Dressing, strips: Iterator[Samples]) -> Samples:
    """Returns a page's samples as one array, without a copy where they come so."""
    whole: Samples | None = None
    seen = 0
    for strip in strips:
        _check(dressing, strip, seen + len(strip))
        if not seen and len(strip) == dressing.height:
            whole = np.ascontiguousarray(strip)
        else:
            if whole is None:
                whole = np.empty(_shape(dressing), _dtype(dressing))
            whole[seen : seen + len(strip)] = strip
        seen += len(strip)
    if whole is None or seen != dressing.height:
        raise ValueError(f"{seen} rows came of {dressing.height}")
    return whole


def _check(dressing: Dressing, strip: Samples, seen: int) -> None:
    """Raises ValueError unless a strip has the page's width, channels and depth, and is not one too many."""
    if strip.shape[1:] != _shape(dressing)[1:] or strip.dtype != _dtype(dressing) or seen > dressing.height:
        raise ValueError(f"a strip of {strip.shape} {strip.dtype} in a page of {_shape(dressing)} {_dtype(dressing)}")


def _shape(dressing: Dressing) -> tuple[int, int, int]:
    return dressing.height, dressing.width, 3 + dressing.alpha


def _dtype(dressing: Dressing) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    return np.dtype(np.uint8) if dressing.depth == 8 else np.dtype(np.uint16)
