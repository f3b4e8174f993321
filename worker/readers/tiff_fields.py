"""The fields of a TIFF page, read into its layout: what is not read here is refused, with what was seen."""

from __future__ import annotations

from typing import NoReturn

from shared.errors import Corrupt, UnsupportedPicture
from worker.readers import tiff_tags as tag
from worker.readers.tiff_directories import Directory
from worker.readers.tiff_file import File
from worker.readers.tiff_layout import Layout
from worker.readers.tiff_table import check, joined, read_counts, read_offsets
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
    tiled, segment_width, segment_height = _read_grid(directory, compression, width, height)
    segment_bytes = -(-segment_width * (1 if planar else samples) * bits // 8) * segment_height
    most = max(_TILE_BYTES, 4 * width * height * samples * bits // 8)
    if not segment_bytes or (tiled and segment_bytes > most):
        raise Corrupt(
            f"The page claims tiles of {segment_width:,} x {segment_height:,} for {width:,} x {height:,} pixels."
        )
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
        offsets=read_offsets(directory, compression, segments, tiled=tiled),
        counts=read_counts(directory, compression, segments, segment_bytes, tiled=tiled),
        jpeg_tables=directory.data(tag.JPEG_TABLES),
        fax_options=directory.whole(tag.T4_OPTIONS, 0),
    )
    check(layout, file)
    return joined(layout)


def _refuse(seen: str, read: str, value: object) -> NoReturn:
    raise UnsupportedPicture(f"The page has {seen}; {read} are read.", seen=value)


def _read_grid(directory: Directory, compression: Compression, width: int, height: int) -> tuple[bool, int, int]:
    """Returns whether segments are tiles, and their width and height."""
    if compression is Compression.OLD_JPEG:
        return False, width, height
    if tag.TILE_WIDTH in directory:
        return True, directory.whole(tag.TILE_WIDTH, 0), directory.whole(tag.TILE_HEIGHT, 0)
    rows = directory.whole(tag.ROWS_PER_STRIP, height)
    return False, width, min(rows or height, height)


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
