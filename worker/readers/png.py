"""Reader of PNG (W3C PNG, third edition): 1 to 16 bits; gray, RGB and palettes, with or without alpha."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

import imagecodecs
import numpy as np

from models.spaces import Samples
from shared.errors import Corrupt, UnsupportedPicture
from shared.formats import PNG
from worker.pictures import Kind, Master
from worker.readers.contents import contents, for_codec, quoted
from worker.readers.palette import Palette
from worker.readers.png_blocks import find
from worker.readers.png_chunks import SIGNATURE, Chunk, make_chunk, read_chunks
from worker.readers.png_text import is_packed
from worker.readers.whole_page import WholePage

_GRAY, _RGB, _INDEXED, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6

#: Bits a sample of each color type (table 7).
_DEPTHS = {_GRAY: (1, 2, 4, 8, 16), _RGB: (8, 16), _INDEXED: (1, 2, 4, 8), _GRAY_ALPHA: (8, 16), _RGBA: (8, 16)}

#: Bytes of tRNS for the two types in which one color is transparent.
_TRANSPARENT_COLOR = {_GRAY: 2, _RGB: 6}

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")

#: Largest side that libpng takes, pixels.
_MOST_SIDE = 1_000_000

#: Compressed texts that the decoder may unpack and throw away, up to 8 MB each; for more, the file is copied without.
_FEW_TEXTS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class _Start:
    """What IHDR says."""

    width: int
    height: int
    depth: int
    color: int
    #: compression, filter and interlace methods
    methods: bytes


def open_master(source: IO[bytes]) -> Master:
    """Opens a PNG file; see `Reader.open_master`. Of an animated one the still picture is the page (`multi_page`)."""
    data = contents(source)
    chunks = read_chunks(data)
    start = _read_start(data, chunks)
    palette = _read_palette(data, chunks) if start.color == _INDEXED else None
    alpha = start.color in (_GRAY_ALPHA, _RGBA) or _has_transparent_color(start, chunks)
    gray = start.color in (_GRAY, _GRAY_ALPHA)
    header, orientation = find(data, chunks).header(
        width=start.width,
        height=start.height,
        kind=palette.kind if palette else Kind.GRAY if gray else Kind.RGB,
        depth=16 if start.depth == 16 else 8,
        stored_depth=start.depth,
        alpha=palette.alpha if palette else alpha,
        compression="lossless",
    )
    needed = [chunk for chunk in chunks if chunk.critical or chunk.kind == b"tRNS"]
    whole = sum(is_packed(chunk.kind, chunk.body(data)) for chunk in chunks) <= _FEW_TEXTS
    page = WholePage(
        source, header, lambda data: _decode(data, start, needed, palette, whole=whole), orientation=orientation
    )
    return Master(format=PNG, pages=(page,))


def _read_start(data: memoryview, chunks: list[Chunk]) -> _Start:
    if strange := next((chunk for chunk in chunks if chunk.critical and chunk.kind not in _CRITICAL), None):
        raise UnsupportedPicture(f"The file has a critical chunk {quoted(strange.kind)}, which PNG does not define.")
    first = chunks[0]
    if first.kind != b"IHDR" or first.end - first.start != 13:
        raise Corrupt(f"The file begins with {first.end - first.start:,} bytes of {quoted(first.kind)}, not with IHDR.")
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", first.body(data))
    if depth not in _DEPTHS.get(color, ()):
        raise Corrupt(f"The file claims color type {color} at {depth} bits, which PNG does not have.", seen=color)
    if not 0 < width <= _MOST_SIDE or not 0 < height <= _MOST_SIDE:
        raise Corrupt(
            f"The file claims {width:,} x {height:,} pixels; sides of 1 to {_MOST_SIDE:,} are read.",
            seen=max(width, height),
            limit=_MOST_SIDE,
        )
    return _Start(width=width, height=height, depth=depth, color=color, methods=bytes(methods))


def _read_palette(data: memoryview, chunks: list[Chunk]) -> Palette:
    bodies = {chunk.kind: bytes(chunk.body(data)) for chunk in chunks if chunk.kind in (b"PLTE", b"tRNS")}
    colors = bodies.get(b"PLTE", b"")
    if not colors or len(colors) % 3 or len(colors) > 768:
        raise Corrupt(f"The palette of the file has {len(colors):,} bytes.", seen=len(colors), limit=768)
    opacity = bodies.get(b"tRNS", b"")[: len(colors) // 3]
    return Palette.of(np.frombuffer(colors, np.uint8).reshape(-1, 3), opacity=opacity)


def _has_transparent_color(start: _Start, chunks: list[Chunk]) -> bool:
    """Tells whether one gray or color stands for transparent, as libpng would see it."""
    before = chunks[: next(number for number, chunk in enumerate(chunks) if chunk.kind == b"IDAT")]
    sizes = [chunk.end - chunk.start for chunk in before if chunk.kind == b"tRNS"]
    return sizes[:1] == [_TRANSPARENT_COLOR.get(start.color)]


def _decode(data: memoryview, start: _Start, needed: list[Chunk], palette: Palette | None, *, whole: bool) -> Samples:
    """Returns the samples; of the file's chunks the decoder gets those that are needed, or all of the `whole` file."""
    pixels = [chunk for chunk in needed if chunk.kind == b"IDAT"]
    for chunk in pixels:
        # libpng does not look at the last check sum once it has its pixels.
        chunk.check(data)
    if palette is None:
        samples: Samples = imagecodecs.png_decode(for_codec(data) if whole else _joined(data, needed))
        return samples
    # As gray the decoder gives the indices, spread over 8 bits; it would take those outside the palette for black.
    head = struct.pack(">IIBB", start.width, start.height, start.depth, _GRAY) + start.methods
    indices: Samples = imagecodecs.png_decode(_joined(data, pixels, make_chunk(b"IHDR", head)))
    return palette.look_up(indices // (255 // ((1 << start.depth) - 1)))


def _joined(data: memoryview, chunks: list[Chunk], head: bytes = b"") -> bytes:
    """Returns a file of these chunks behind `head`."""
    parts = [data[chunk.start - 8 : chunk.end + 4] for chunk in chunks if chunk.kind != b"IEND"]
    return b"".join([SIGNATURE, head, *parts, make_chunk(b"IEND", b"")])
