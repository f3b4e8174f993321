"""The layout of a TIFF page: what its samples are, and where its strips or tiles lie. Everything is checked here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from worker.readers import tiff_tags as tag
from worker.readers.tiff_directories import Directory, Order
from worker.readers.tiff_file import File
from worker.readers.tiff_tags import Compression, Photometric

#: Channels a pixel at most, with those that are dropped.
_MOST_SAMPLES = 32

#: A tile may be larger than its picture, but decoding one must stay affordable: bytes that are always allowed.
_TILE_BYTES = 1 << 26

#: Bits of whole samples that are read, by what they mean; another number is refused.
_BITS = {
    Photometric.WHITE_IS_ZERO: (1, 2, 4, 8, 10, 12, 14, 16, 32),
    Photometric.BLACK_IS_ZERO: (1, 2, 4, 8, 10, 12, 14, 16, 32),
    Photometric.RGB: (2, 4, 8, 10, 12, 14, 16, 32),
    Photometric.PALETTE: (1, 2, 4, 8),
    Photometric.SEPARATED: (8, 16),
    Photometric.YCBCR: (8, 12),
    Photometric.CIELAB: (8, 16),
    Photometric.ICCLAB: (8, 16),
}
_FLOAT_BITS = (16, 32, 64)
_FLOATS = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.RGB)

#: SampleFormat: whole numbers, negative ones as well, floating point, undefined (taken as whole).
_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Layout:
    """A page as it lies in the file: not yet upright, its samples as stored."""

    #: pixels
    width: int
    #: pixels
    height: int
    #: channels a pixel, with the extra ones
    samples: int
    #: bits a sample
    bits: int
    #: whether samples are floating point
    floating: bool
    #: meaning of the first channels
    photometric: Photometric
    #: ExtraSamples of the other channels, one each: 0 unspecified, 1 associated alpha, 2 unassociated alpha
    extras: tuple[int, ...]
    #: whether each channel lies by itself
    planar: bool
    #: how strips or tiles are compressed
    compression: Compression
    #: 1 none, 2 horizontal differences, 3 those of floating point
    predictor: int
    #: whether the lowest bit of a byte comes first
    reversed_bits: bool
    #: which byte of a number comes first
    order: Order
    #: whether segments are tiles, not strips
    tiled: bool
    #: pixels
    segment_width: int
    #: pixels; the last strip of a picture may have fewer rows
    segment_height: int
    #: where the segments lie in the file, bytes; uint64[planes * down * across]
    offsets: NDArray[np.uint64]
    #: bytes of the segments; uint64[planes * down * across]
    counts: NDArray[np.uint64]
    #: tables that JPEG segments share
    jpeg_tables: bytes | None
    #: T4Options: bit 0 says that rows may refer to their predecessor
    fax_options: int

    @property
    def across(self) -> int:
        """Segments in a row of them."""
        return -(-self.width // self.segment_width)

    @property
    def down(self) -> int:
        """Rows of segments."""
        return -(-self.height // self.segment_height)

    @property
    def segment_samples(self) -> int:
        """Channels a pixel in a segment."""
        return 1 if self.planar else self.samples

    @property
    def segment_row_bytes(self) -> int:
        """Bytes of a row of a segment, decoded; rows begin at full bytes (TIFF 6.0, section 3)."""
        return -(-self.segment_width * self.segment_samples * self.bits // 8)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of the picture in memory, as it is before samples are scaled."""
        return self.width * self.samples * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a sample in memory: unsigned or floating point, native byte order."""
        if self.floating:
            return np.dtype(f"f{self.bits // 8}")
        return np.dtype("u1" if self.bits <= 8 else "u2" if self.bits <= 16 else "u4")

    def name(self, index: int) -> str:
        """Returns what a segment is called in messages."""
        return f"{'Tile' if self.tiled else 'Strip'} {index + 1:,} of {len(self.offsets):,}"


def read_layout(directory: Directory, file: File) -> Layout:
    """Reads and checks how the page of a directory is laid out.

    Segments without bytes are refused, although some writers of sparse files mean zeros by them: rows that are not in
    the file are not invented. Raises UnsupportedPicture, Truncated or Corrupt.
    """
    width, height = directory.whole(tag.WIDTH, 0), directory.whole(tag.HEIGHT, 0)
    if not (width and height):
        raise Corrupt(f"The page claims {width:,} x {height:,} pixels.", seen=[width, height])
    if directory.whole(tag.DEPTH, 1) != 1:
        _refuse("a volume of several planes", "flat pictures", directory.whole(tag.DEPTH, 1))
    compression = _read_compression(directory)
    samples = directory.whole(tag.SAMPLES, 1)
    if not 1 <= samples <= _MOST_SAMPLES:
        _refuse(f"{samples} channels a pixel", f"1 to {_MOST_SAMPLES}", samples)
    photometric = _read_photometric(directory, samples, compression)
    bits, floating = _read_sample(directory, photometric, samples)
    planar = samples > 1 and directory.whole(tag.PLANAR, 1) == 2
    if photometric is Photometric.YCBCR and (planar or not compression.is_jpeg):
        _refuse("YCbCr samples", "YCbCr within JPEG, in one plane", int(photometric))
    tiled = tag.TILE_WIDTH in directory
    if tiled:
        segment_width, segment_height = directory.whole(tag.TILE_WIDTH, 0), directory.whole(tag.TILE_HEIGHT, 0)
    else:
        segment_width = width
        segment_height = min(directory.whole(tag.ROWS_PER_STRIP, height) or height, height)
    segment_bytes = -(-segment_width * (1 if planar else samples) * bits // 8) * segment_height
    most = max(_TILE_BYTES, 4 * width * height * samples * bits // 8)
    if not segment_bytes or (tiled and segment_bytes > most):
        raise Corrupt(
            f"The page claims tiles of {segment_width:,} x {segment_height:,} for {width:,} x {height:,} pixels."
        )
    if compression is Compression.OLD_JPEG:
        segment_height, tiled = height, False
    segments = -(-width // segment_width) * -(-height // segment_height) * (samples if planar else 1)
    layout = Layout(
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        floating=floating,
        photometric=photometric,
        extras=_read_extras(directory, samples - photometric.channels),
        planar=planar,
        compression=compression,
        predictor=_read_predictor(directory, compression, bits, floating=floating),
        reversed_bits=directory.whole(tag.FILL_ORDER, 1) == 2,
        order=directory.form.order,
        tiled=tiled,
        segment_width=segment_width,
        segment_height=segment_height,
        offsets=_read_offsets(directory, compression, segments, tiled=tiled),
        counts=_read_counts(directory, compression, segments, segment_bytes, tiled=tiled),
        jpeg_tables=directory.data(tag.JPEG_TABLES),
        fax_options=directory.whole(tag.T4_OPTIONS, 0),
    )
    _check_segments(layout, file)
    return _joined(layout)


def _refuse(seen: str, read: str, value: object) -> NoReturn:
    raise UnsupportedPicture(f"The page has {seen}; {read} are read.", seen=value)


def _read_compression(directory: Directory) -> Compression:
    code = directory.whole(tag.COMPRESSION, 1)
    try:
        return Compression(code)
    except ValueError:
        _refuse(f"compression {code}", ", ".join(str(int(known)) for known in Compression), code)


def _read_photometric(directory: Directory, samples: int, compression: Compression) -> Photometric:
    # Baseline TIFF demands the field; libtiff guesses like this where it is missing.
    guess = (
        Photometric.RGB
        if samples >= 3
        else Photometric.WHITE_IS_ZERO
        if compression.is_fax
        else Photometric.BLACK_IS_ZERO
    )
    code = directory.whole(tag.PHOTOMETRIC, guess)
    try:
        photometric = Photometric(code)
    except ValueError:
        _refuse(
            f"photometric interpretation {code}",
            "gray, RGB, palette, CMYK, YCbCr in JPEG, CIELab and ICCLab (0, 1, 2, 3, 5, 6, 8 and 9)",
            code,
        )
    if compression is Compression.OLD_JPEG and samples == 3:
        # Its writers say RGB of a file that holds YCbCr, as libtiff knows too.
        photometric = Photometric.YCBCR
    if photometric is Photometric.SEPARATED and directory.whole(tag.INK_SET, 1) != 1:
        _refuse("inks that are not CMYK", "cyan, magenta, yellow and black", directory.whole(tag.INK_SET, 1))
    if samples < photometric.channels:
        _refuse(
            f"{samples} channels a pixel for {photometric.name.lower()}", f"{photometric.channels} and more", samples
        )
    return photometric


def _read_sample(directory: Directory, photometric: Photometric, samples: int) -> tuple[int, bool]:
    """Returns the bits of a sample and whether it is floating point."""
    widths = set(directory.wholes(tag.BITS, (1,), most=2 * samples)[:samples])
    formats = set(directory.wholes(tag.SAMPLE_FORMAT, (_UNSIGNED,), most=2 * samples)[:samples])
    if photometric is Photometric.CIELAB:
        # Its a and b are signed by definition; some writers say so, most do not.
        formats -= {_SIGNED}
    if not formats <= {_UNSIGNED, _UNDEFINED} and formats != {_FLOAT}:
        _refuse(f"samples of format {sorted(formats)}", "unsigned and floating-point ones", sorted(formats))
    if len(widths) != 1:
        _refuse(f"channels of {sorted(widths)} bits", "channels of one width", sorted(widths))
    (bits,) = widths
    floating = formats == {_FLOAT}
    known = _BITS[photometric] if not floating else _FLOAT_BITS if photometric in _FLOATS else ()
    if bits not in known:
        _refuse(
            f"{photometric.name.lower()} samples of {bits} bits{', floating point' if floating else ''}",
            f"{', '.join(map(str, known)) or 'no such'} bits",
            bits,
        )
    return bits, floating


def _read_extras(directory: Directory, count: int) -> tuple[int, ...]:
    told = directory.wholes(tag.EXTRA_SAMPLES, most=2 * _MOST_SAMPLES)[:count] if count else ()
    return told + (0,) * (count - len(told))


def _read_predictor(directory: Directory, compression: Compression, bits: int, *, floating: bool) -> int:
    if not compression.predicts:
        return 1
    predictor = directory.whole(tag.PREDICTOR, 1)
    if predictor not in (1, 2, 3) or (predictor == 3) > floating or (predictor == 2 and bits % 8):
        _refuse(f"predictor {predictor} on {bits} bits", "none, 2 on whole bytes, 3 on floating point", predictor)
    return predictor


def _read_offsets(directory: Directory, compression: Compression, segments: int, *, tiled: bool) -> NDArray[np.uint64]:
    if compression is Compression.OLD_JPEG:
        return _old_jpeg(directory, segments)[:1]
    return _read_table(directory, tag.TILE_OFFSETS if tiled else tag.STRIP_OFFSETS, segments)


def _read_counts(
    directory: Directory, compression: Compression, segments: int, segment_bytes: int, *, tiled: bool
) -> NDArray[np.uint64]:
    if compression is Compression.OLD_JPEG:
        return _old_jpeg(directory, segments)[1:]
    which = tag.TILE_BYTES if tiled else tag.STRIP_BYTES
    if compression is Compression.NONE and segments == 1 and which not in directory:
        # Old writers leave it out, and it follows from the size.
        return np.array([segment_bytes], np.uint64)
    return _read_table(directory, which, segments)


def _read_table(directory: Directory, which: int, segments: int) -> NDArray[np.uint64]:
    table = directory.numbers(which, most=segments)
    if table is None or len(table) < segments or table.dtype.kind != "u":
        raise Corrupt(
            f"The page needs {segments:,} strips or tiles; field {which} tells of "
            f"{0 if table is None else len(table):,}.",
            seen=0 if table is None else len(table),
            limit=segments,
        )
    return table.astype(np.uint64)


def _old_jpeg(directory: Directory, segments: int) -> NDArray[np.uint64]:
    """Returns offset and length of the one JPEG stream of TIFF 6.0, section 22."""
    offset = directory.whole(tag.OLD_JPEG_OFFSET, 0)
    length = directory.whole(tag.OLD_JPEG_BYTES, 0)
    strips = directory.wholes(tag.STRIP_OFFSETS, (offset,), most=1)
    if segments != 1 or not (offset and length and offset <= strips[0] < offset + length):
        _refuse("old-style JPEG in loose parts", "old-style JPEG in one stream, and JPEG of TIFF Technical Note 2", 6)
    return np.array([offset, length], np.uint64)


def _check_segments(layout: Layout, file: File) -> None:
    """Raises Truncated unless each segment has bytes and lies within the file, Corrupt where it is too short."""
    offsets, counts = layout.offsets, layout.counts
    missing = (offsets == 0) | (counts == 0)
    if missing.any():
        index = int(missing.argmax())
        raise Truncated(
            f"{layout.name(index)} has no bytes: the file was not finished, or is sparse, which is not read.",
            seen=int(missing.sum()),
        )
    size = np.uint64(file.size)
    outside = (counts > size) | (offsets > size - np.minimum(counts, size))
    if outside.any():
        index = int(outside.argmax())
        file.require(int(offsets[index]), int(counts[index]), layout.name(index))
    if layout.compression is Compression.NONE:
        needed = _needed_bytes(layout)
        short = counts < needed
        if short.any():
            index = int(short.argmax())
            raise Corrupt(
                f"{layout.name(index)} has {int(counts[index]):,} bytes; its rows need {int(needed[index]):,}.",
                seen=int(counts[index]),
                limit=int(needed[index]),
            )


def _joined(layout: Layout) -> Layout:
    """Returns uncompressed strips that lie one behind the other as one strip, which takes far fewer reads."""
    if layout.compression is not Compression.NONE or layout.tiled or layout.planar:
        return layout
    if (layout.offsets[1:] != layout.offsets[:-1] + _needed_bytes(layout)[:-1]).any():
        return layout
    return replace(
        layout, segment_height=layout.height, offsets=layout.offsets[:1], counts=layout.counts.sum(keepdims=True)
    )


def _needed_bytes(layout: Layout) -> NDArray[np.uint64]:
    """Returns the bytes that the rows of each uncompressed segment take; those below the picture are not needed."""
    rows = np.full(layout.down, layout.segment_height, np.uint64)
    rows[-1] = layout.height - (layout.down - 1) * layout.segment_height
    planes = len(layout.offsets) // (layout.down * layout.across)
    return np.tile(np.repeat(rows, layout.across), planes) * np.uint64(layout.segment_row_bytes)
