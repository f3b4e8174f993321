"""Reader of TIFF and BigTIFF: full pages in order, by strips.

What is read is in `tiff_tags` and `tiff_fields`. A segment that is missing, goes beyond the file or does not decode to
all of its rows refuses the page; nothing is filled up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, overload

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples
from shared.formats import TIFF
from worker.metadata.turns import SIDEWAYS
from worker.pictures import Header, Master, Page, oriented
from worker.readers.tiff_bands import bands, is_streamed
from worker.readers.tiff_blocks import read_dpi, read_metadata, read_profile
from worker.readers.tiff_directories import Directory, Form, read_pages
from worker.readers.tiff_fields import read_layout
from worker.readers.tiff_file import File
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_samples import Meaning, Range, find_range, read_meaning

#: Orientations that strips can be given in: upright, and mirrored from left to right.
_BY_STRIPS = (1, 2)
_MIRRORED = 2

#: Bytes of a strip of a page that had to be decoded as a whole.
_STRIP_BYTES = 1 << 22


def open_master(source: IO[bytes]) -> Master:
    """Opens a TIFF file; see `Reader.open_master`. Of all pages but the first only the place is read."""
    file = File(source)
    form, offsets = read_pages(file)
    pages = _Pages(file, form, offsets)
    # Its errors are those of the file.
    pages[0]
    return Master(format=TIFF, pages=pages)


class _Pages(Sequence[Page]):
    """The full pages of a file; each is read when it is asked for, and raises what is wrong with it then."""

    def __init__(self, file: File, form: Form, offsets: list[int]) -> None:
        self._file = file
        self._form = form
        self._offsets = offsets
        self._known: dict[int, _Page] = {}
        #: each profile once: pages of one scanner have the same
        self._profiles: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, number: int) -> Page: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Page]: ...

    def __getitem__(self, number: int | slice) -> Page | Sequence[Page]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        offset = self._offsets[number]
        if offset not in self._known:
            self._known[offset] = _Page(self._file, Directory(self._file, self._form, offset), self._profiles)
        return self._known[offset]


class _Page:
    """A page of a TIFF file."""

    def __init__(self, file: File, directory: Directory, profiles: dict[bytes, bytes]) -> None:
        """Reads what is known of it before a pixel is decoded; `profiles` are those of the pages before.

        Raises UnsupportedPicture, Truncated, Corrupt or MetadataTooLarge.
        """
        self._file = file
        self._layout = read_layout(directory, file)
        self._meaning = read_meaning(directory, self._layout)
        self._range: Range | None = None
        header, self._orientation = _header(directory, file, self._layout, self._meaning)
        profile = header.profile and profiles.setdefault(header.profile, header.profile)
        self._header = replace(header, profile=profile)

    @property
    def header(self) -> Header:
        """What is known of it; the warnings on floating-point samples join it with the first strip."""
        return self._header

    def strips(self) -> Iterator[Samples]:
        """Yields the rows; see `Page.strips`. The first time floating-point samples take a pass for their range."""
        where = self._find_range() if self._layout.floating else Range()
        converted = (self._meaning.convert(band, where) for band in self._bands(self._meaning.channels))
        if self._orientation in _BY_STRIPS:
            for strip in converted:
                yield np.ascontiguousarray(strip[:, ::-1] if self._orientation == _MIRRORED else strip)
            return
        whole = self._gathered(converted)
        rows = max(1, _STRIP_BYTES // whole[:1].nbytes)
        for top in range(0, len(whole), rows):
            # A copy, since a strip belongs to the caller.
            yield whole[top : top + rows].copy(order="C")

    def _bands(self, channels: tuple[int, ...]) -> Iterator[NDArray[Any]]:
        return bands(self._file, self._layout, channels)

    def _gathered(self, strips: Iterator[Samples]) -> Samples:
        """Returns the whole page, upright."""
        header = self._header
        size = (header.height, header.width)
        if self._orientation in SIDEWAYS:
            size = size[::-1]
        whole: Samples = np.empty(
            size if header.channels == 1 else (*size, header.channels), np.uint8 if header.depth == 8 else np.uint16
        )
        top = 0
        for strip in strips:
            whole[top : top + len(strip)] = strip
            top += len(strip)
        return oriented(whole, self._orientation)

    def _find_range(self) -> Range:
        if self._range is None:
            colors = self._bands(self._meaning.channels[: self._meaning.colors])
            self._range, warnings = find_range(colors, self._meaning.range)
            self._header = replace(self._header, warnings=(*self._header.warnings, *warnings))
        return self._range


def _header(directory: Directory, file: File, layout: Layout, meaning: Meaning) -> tuple[Header, int]:
    """Returns the upright header of a page, and its orientation."""
    width, height, dpi = layout.width, layout.height, read_dpi(directory)
    profile, of_profile = read_profile(directory)
    metadata, orientation, of_metadata = read_metadata(directory, file, (width, height))
    if orientation in SIDEWAYS:
        width, height = height, width
        dpi = dpi and (dpi[1], dpi[0])
    header = Header(
        width=width,
        height=height,
        kind=meaning.kind,
        depth=meaning.depth,
        stored_depth=layout.bits,
        alpha=meaning.alpha is not None,
        streamed=orientation in _BY_STRIPS and is_streamed(layout),
        compression=layout.compression.word,
        profile=profile,
        dpi=dpi,
        metadata=metadata,
        warnings=(*(("extra_channels_dropped",) if meaning.dropped else ()), *of_profile, *of_metadata),
    )
    return header, orientation
