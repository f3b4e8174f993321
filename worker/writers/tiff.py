"""TIFF (6.0) and BigTIFF, written strip by strip: a page's size does not matter to memory.

The directories are written last, when the size of the file is known: only then can it be told whether 32 bits are
enough for its offsets. tifffile has to decide that before it sees the first page, and writes no EXIF directories.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import imagecodecs
import numpy as np

from models.spaces import Samples
from worker.metadata import directories, exif, notes
from worker.metadata.directories import BYTE, LONG, UNDEFINED, Directory, Field, Layout, header, pack
from worker.pictures import Dressing
from worker.writers.pages import Pages, cut, dpi_of, dropped, exif_of, texts_of

#: Bytes of a strip before it is compressed, about. TIFF 6.0 asks for 8 KB; seeks and dictionaries want more.
_STRIP_BYTES = 1 << 20

#: On 6 MP of a photo with grain in RGB, one thread: libdeflate's level 1 makes 0.50 of 8 bits and 0.83 of 16 bits at
#: 120 to 130 MB/s, level 6 makes 0.48 and 0.82 at half of that.
_DEFLATE_LEVEL = 1

#: Zstandard's own default; on the same photo 0.49 and 0.85 at 140 and 390 MB/s.
_ZSTD_LEVEL = 3

#: Places for the header of either kind: 8 bytes, or 16.
_HEADER_BYTES = 16

_RGB, _UNASSOCIATED_ALPHA, _HORIZONTAL = 2, 2, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compression:
    """A way to compress strips."""

    #: value of the tag Compression
    tag: int
    #: whether each sample is stored as its difference from its left neighbor (TIFF 6.0, section 14)
    predicted: bool
    #: makes bytes of samples [rows, w, channels], contiguous; the stubs of imagecodecs know bytes only
    encode: Callable[[Any], Any]


_COMPRESSIONS = {
    "none": _Compression(tag=1, predicted=False, encode=lambda samples: samples.data.cast("B")),
    "lzw": _Compression(tag=5, predicted=True, encode=imagecodecs.lzw_encode),
    "deflate": _Compression(
        tag=8, predicted=True, encode=lambda samples: imagecodecs.deflate_encode(samples, level=_DEFLATE_LEVEL)
    ),
    "zstd": _Compression(
        tag=50000, predicted=True, encode=lambda samples: imagecodecs.zstd_encode(samples, level=_ZSTD_LEVEL)
    ),
}


@dataclass(kw_only=True, slots=True)
class _Written:
    """A page whose strips are in the file."""

    #: what its directory says but where the strips are
    fields: Directory
    #: of each strip, bytes from the start of the file
    offsets: list[int] = field(default_factory=list)
    #: of each strip, bytes
    sizes: list[int] = field(default_factory=list)


def write(target: IO[bytes], pages: Pages) -> tuple[str, ...]:
    """Writes the pages into an empty file; see `worker.pictures.Writer`.

    Texts and XML have no place: they are left out, with the warning `metadata_dropped`.
    """
    target.write(bytes(_HEADER_BYTES))
    written = []
    warnings: tuple[str, ...] = ()
    for dressing, strips in pages:
        written.append(_page(target, dressing, strips))
        warnings = warnings or dropped(texts_of(dressing), dressing.metadata.documents)
    at = _aligned(target)
    layout, directories_ = _directories(written, at)
    for directory in directories_:
        target.write(directory)
    end = target.tell()
    target.seek(0)
    target.write(header(at, layout))
    target.seek(end)
    return warnings


def _page(target: IO[bytes], dressing: Dressing, strips: Iterator[Samples]) -> _Written:
    compression = _COMPRESSIONS[dressing.compression]
    rows = _rows(dressing)
    fields = _fields(dressing, compression, rows)
    if target.tell() == _HEADER_BYTES:
        # Only the first page has the start of the file for itself.
        fields, note = notes.pinned(fields, _HEADER_BYTES, Layout())
        target.write(note)
    page = _Written(fields=fields)
    for band in cut(dressing, strips, rows):
        samples = np.ascontiguousarray(band.astype(band.dtype.newbyteorder("<"), copy=False))
        data = compression.encode(_differences(samples) if compression.predicted else samples)
        page.offsets.append(_aligned(target))
        page.sizes.append(len(data))
        target.write(data)
    return page


def _rows(dressing: Dressing) -> int:
    """Returns the rows of a strip."""
    row = dressing.width * (3 + dressing.alpha) * dressing.depth // 8
    return min(max(_STRIP_BYTES // row, 1), dressing.height)


def _fields(dressing: Dressing, compression: _Compression, rows: int) -> Directory:
    channels = 3 + dressing.alpha
    metadata = dressing.metadata
    fields: Directory = {
        # TIFF 6.0 demands a resolution of every page (section 6).
        **exif.resolution_fields(dpi_of(dressing)),
        **exif.fields(exif_of(dressing)),
        256: directories.long(dressing.width),
        257: directories.long(dressing.height),
        258: directories.short(*[dressing.depth] * channels),
        259: directories.short(compression.tag),
        262: directories.short(_RGB),
        277: directories.short(channels),
        278: directories.long(rows),
        284: directories.short(1),
    }
    if compression.predicted:
        fields[317] = directories.short(_HORIZONTAL)
    if dressing.alpha:
        fields[338] = directories.short(_UNASSOCIATED_ALPHA)
    if metadata.xmp:
        fields[700] = Field(type=BYTE, data=metadata.xmp)
    if metadata.iptc:
        # libtiff, and who builds on it, takes this tag as words of 32 bits only.
        fields[33723] = Field(type=LONG, data=metadata.iptc + bytes(-len(metadata.iptc) % 4))
    if dressing.profile:
        fields[34675] = Field(type=UNDEFINED, data=dressing.profile)
    return fields


def _differences(samples: Samples) -> Samples:
    """Returns each sample's difference from its left neighbor of the same channel, modulo its range."""
    differences = np.empty_like(samples)
    differences[:, 0] = samples[:, 0]
    np.subtract(samples[:, 1:], samples[:, :-1], out=differences[:, 1:])
    return differences


def _directories(written: list[_Written], at: int) -> tuple[Layout, list[bytes]]:
    """Returns the directories that will stand at `at`, one behind the other, in the smaller layout that holds them."""
    try:
        return Layout(), _packed(written, at, Layout())
    except struct.error:
        big = Layout(big=True)
        return big, _packed(written, at, big)


def _packed(written: list[_Written], at: int, layout: Layout) -> list[bytes]:
    packed = []
    for number, page in enumerate(written, 1):
        fields = {
            **page.fields,
            273: directories.long(*page.offsets, big=layout.big),
            279: directories.long(*page.sizes, big=layout.big),
        }
        data = pack(fields, at, layout)
        if number < len(written):
            at += len(data)
            data = pack(fields, at - len(data), layout, following=at)
        packed.append(data)
    return packed


def _aligned(target: IO[bytes]) -> int:
    """Goes on to the next word, on which strips and directories begin; returns its offset."""
    at = target.tell()
    if at % 2:
        target.write(b"\0")
    return at + at % 2
