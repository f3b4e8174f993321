"""Bombs: small files, or sparse ones, that claim or unfold into what no server can hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.makers import (
    PNG_SIGNATURE,
    bmp_file,
    box,
    enumerated,
    exif_block,
    jp2_file,
    png_chunk,
    png_file,
    png_head,
    saved,
    scene,
    webp_file,
    with_chunks,
    with_segments,
)
from tests.tiff_files import BYTE, LONG, SHORT, UNDEFINED, Page, gray_fields, tiff, write

GIGABYTE = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Bomb:
    """A file, and how it may end."""

    write: Callable[[Path], None]
    #: codes that are right, "succeeded" among them where the file is good without what is bad in it
    ends: frozenset[str]
    recipe: Mapping[str, str] = field(default_factory=dict)
    #: whether the header holds up, and only the pixels do not
    admitted: bool = False


def bombs() -> dict[str, Bomb]:
    """The catalog, by name; nothing is made before it is written."""
    return dict((*_pixels(), *_profiles(), *_chains(), *_blocks(), *_codestreams()))


def _bomb(make: Callable[[], bytes], *ends: str, admitted: bool = False, **recipe: str) -> Bomb:
    return Bomb(write=lambda path: _put(path, make()), ends=frozenset(ends), recipe=recipe, admitted=admitted)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sparse(path: Path, head: bytes, size: int, tail: bytes = b"") -> None:
    """Writes a file of `size` zeros between head and tail, which take no room on a disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        file.seek(len(head) + size)
        file.write(tail)


def packed_zeros(count: int, step: int = 1 << 20) -> bytes:
    """Returns a zlib stream of `count` zeros, made without them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush nothing refers back (zlib.h), so that the bytes of one step are those of each.
    packed = packer.compress(bytes(step)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = rest.compress(bytes(count % step)) + rest.flush()
    # Adler-32 of zeros: the sum stays 1, the sum of sums counts the bytes (RFC 1950).
    return b"\x78\xda" + packed * (count // step) + end + struct.pack(">HH", count % 65521, 1)


def _pixels() -> Iterator[tuple[str, Bomb]]:
    """Sizes beyond every limit."""

    def png() -> bytes:
        head = PNG_SIGNATURE + png_head(20_000, 20_000, bits=8, color=0)
        return head + png_chunk(b"IDAT", packed_zeros(20_000 * 20_001)) + png_chunk(b"IEND", b"")

    def tall(rows: int) -> Callable[[], bytes]:
        return lambda: tiff(Page(fields=gray_fields(1000, rows), segments=[b"x"]))

    def sof() -> bytes:
        data = bytearray(saved(scene(1), "JPEG"))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = b"\xff\xff\xff\xff"
        return bytes(data)

    def canvas(side: int) -> Callable[[], bytes]:
        size = (side - 1).to_bytes(3, "little")
        frame = [(kind, data) for kind, data in _webp_chunks() if kind == b"VP8L"]
        return lambda: webp_file([(b"VP8X", bytes(4) + size + size), *frame])

    yield "png-20000x20000", _bomb(png, "too_many_pixels")
    yield "tiff-2^31-rows", _bomb(tall(1 << 31), "too_many_pixels", "corrupt")
    yield "tiff-2^32-1-rows", _bomb(tall((1 << 32) - 1), "too_many_pixels", "corrupt")
    yield "jpeg-65535x65535", _bomb(sof, "too_many_pixels", "unsupported_picture")
    yield "webp-canvas-16777216", _bomb(canvas(1 << 24), "too_many_pixels", "corrupt")
    yield "webp-canvas-of-a-dot", _bomb(canvas(5_000), "corrupt", admitted=True)
    for name, size in (
        ("negative", (100, -(1 << 31))),
        ("huge", (100, (1 << 31) - 1)),
        ("wide", ((1 << 31) - 1, 1)),
        ("negative-width", (-1, 1)),
    ):
        yield f"bmp-{name}", _bomb(lambda size=size: bmp_file(b"x", size, bits=24), "truncated", "corrupt")
    rle = bmp_file(b"\0\1", (1 << 30, 1 << 30), bits=8, compression=1, palette=scene(3)[0])
    yield "bmp-runs-2^60", _bomb(lambda: rle, "too_many_pixels", "truncated", "corrupt")


def _webp_chunks() -> list[tuple[bytes, bytes]]:
    out = io.BytesIO()
    Image.new("RGB", (1, 1)).save(out, "WEBP", lossless=True)
    data = out.getvalue()
    return [(data[12:16], data[20 : 20 + struct.unpack_from("<I", data, 16)[0]])]


def _profiles() -> Iterator[tuple[str, Bomb]]:
    """Profiles and metadata of a gigabyte: claimed, sparse, and packed."""
    good = {**gray_fields(8, 8)}

    def claimed(tag: int, kind: int) -> Callable[[], bytes]:
        page = Page(fields={**good, tag: (kind, b"x" * 8)}, segments=[bytes(64)])

        def make() -> bytes:
            data = bytearray(tiff(page))
            entry = data.index(struct.pack("<HHI", tag, kind, 8))
            struct.pack_into("<I", data, entry + 4, GIGABYTE)
            return bytes(data)

        return make

    def sparse_tiff(tag: int, kind: int) -> Callable[[Path], None]:
        return lambda path: _sparse(path, claimed(tag, kind)(), GIGABYTE + 4096)

    def sparse_webp(path: Path) -> None:
        head = webp_file([(b"VP8X", bytes(10)), *_webp_chunks()])
        whole = len(head) + GIGABYTE
        head = head[:4] + struct.pack("<I", whole) + head[8:] + b"ICCP" + struct.pack("<I", GIGABYTE)
        _sparse(path, head, GIGABYTE)

    def sparse_jp2(path: Path) -> None:
        whole = jp2_file(_codestream(8, 8), (8, 8), colr=enumerated(17), channels=1)
        start, rest = whole[: whole.index(b"jp2h") - 4], whole[whole.index(b"jp2c") - 4 :]
        ihdr = box(b"ihdr", struct.pack(">IIHBBBB", 8, 8, 1, 7, 7, 0, 0))
        colr = struct.pack(">I4sBBB", 8 + 3 + GIGABYTE, b"colr", 2, 0, 0)
        head = struct.pack(">I4s", 8 + len(ihdr) + len(colr) + GIGABYTE, b"jp2h")
        _sparse(path, start + head + ihdr + colr, GIGABYTE, rest)

    def sparse_bmp(path: Path) -> None:
        extra = bytearray(84)
        extra[16:20] = b"DEBM"
        head = bytearray(bmp_file(bytes(8 * 24), (8, 8), bits=24, extra=bytes(extra)))
        struct.pack_into("<II", head, 14 + 112, len(head) - 14, GIGABYTE)
        _sparse(path, bytes(head), GIGABYTE)

    unfolded = packed_zeros(GIGABYTE)
    icc = with_chunks(png_file(scene(1), bits=8, color=0), png_chunk(b"iCCP", b"x\0\0" + unfolded))
    text = with_chunks(png_file(scene(1), bits=8, color=0), png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + unfolded))
    left_out = ("succeeded",)
    for name, tag, kind in (("icc", 34675, UNDEFINED), ("xmp", 700, BYTE), ("iptc", 33723, UNDEFINED)):
        yield f"tiff-{name}-claims-1-GB", _bomb(claimed(tag, kind), "metadata_too_large")
        yield f"tiff-{name}-has-1-GB", Bomb(write=sparse_tiff(tag, kind), ends=frozenset({"metadata_too_large"}))
    yield "webp-icc-has-1-GB", Bomb(write=sparse_webp, ends=frozenset({"metadata_too_large"}))
    yield "jp2-icc-has-1-GB", Bomb(write=sparse_jp2, ends=frozenset({"metadata_too_large"}))
    yield "bmp-icc-has-1-GB", Bomb(write=sparse_bmp, ends=frozenset({"metadata_too_large"}))
    yield "png-icc-unfolds-to-1-GB", _bomb(lambda: icc, *left_out)
    yield "png-xmp-unfolds-to-1-GB", _bomb(lambda: text, *left_out)


def _chains() -> Iterator[tuple[str, Bomb]]:
    """Chains of directories: long, endless, and of fields without end."""

    def pages(count: int) -> Callable[[], bytes]:
        # One field each, and 18 bytes.
        directory = struct.pack("<HHHII", 1, 256, SHORT, 1, 1)
        links = (struct.pack("<I", 8 + 18 * number if number < count else 0) for number in range(1, count + 1))
        return lambda: struct.pack("<2sHI", b"II", 42, 8) + b"".join(directory + link for link in links)

    def loop(back_to: int) -> Callable[[], bytes]:
        def make() -> bytes:
            page = Page(fields=gray_fields(1, 1), segments=[b"x"])
            made = write(*[page] * 3)
            data, end = made.data, made.directories[-1]
            (count,) = struct.unpack_from("<H", data, end)
            struct.pack_into("<I", data, end + 2 + 12 * count, made.directories[back_to])
            return bytes(data)

        return make

    def endless_sub() -> bytes:
        made = write(Page(fields=gray_fields(4, 4, t330=(LONG, [8])), segments=[bytes(16)]))
        data = made.data
        at = data.index(struct.pack("<HHI", 330, LONG, 1)) + 8
        struct.pack_into("<I", data, at, made.directories[0])
        return bytes(data)

    def exif_loop() -> bytes:
        made = write(Page(fields=gray_fields(4, 4, t34665=(LONG, [8])), segments=[bytes(16)]))
        data = made.data
        struct.pack_into("<I", data, data.index(struct.pack("<HHI", 34665, LONG, 1)) + 8, made.directories[0])
        return bytes(data)

    def many_fields() -> bytes:
        return struct.pack("<2sHIH", b"II", 42, 8, 65535) + bytes(12 * 65535 + 4)

    good = Page(fields=gray_fields(1, 1), segments=[b"x"])
    yield "tiff-10000-pages", _bomb(lambda: tiff(*[good] * 10_000), "too_many_pages", pages="all")
    yield "tiff-100001-directories", _bomb(pages(100_001), "too_many_pages")
    yield "tiff-loop-to-first", _bomb(loop(0), "corrupt")
    yield "tiff-loop-to-itself", _bomb(loop(2), "corrupt")
    yield "tiff-sub-directory-loop", _bomb(endless_sub, "succeeded")
    yield "tiff-exif-loop", _bomb(exif_loop, "succeeded")
    yield "tiff-65535-fields", _bomb(many_fields, "corrupt", "truncated", "unsupported_picture")
    claims = {**gray_fields(1000, 1000), 273: (LONG, [8]), 279: (LONG, [1])}
    yield (
        "tiff-strip-of-4-GB",
        _bomb(lambda: tiff(Page(fields=claims, segments=[b"x"], counts=[(1 << 32) - 1])), "truncated", "corrupt"),
    )


def _blocks() -> Iterator[tuple[str, Bomb]]:
    """Chunks, segments, strips and packets that are many, deep, or far larger unpacked."""
    png, jpeg = png_file(scene(1), bits=8, color=0), saved(scene(1), "JPEG")
    text = png_chunk(b"tEXt", b"a\0b")
    deep = b"<x>" * 200_000 + b"</x>" * 200_000
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(12)
    )
    laughs += b"]><x>&m;</x>"

    def exif_count() -> bytes:
        block = bytearray(exif_block(orientation=6, dpi=300, artist="A. Nother"))
        for at in range(len(block) - 12):
            if block[at : at + 4] in (b"\x01\x3b\x00\x02", b"\x3b\x01\x02\x00"):
                block[at + 4 : at + 8] = b"\xff\xff\xff\xff"
        return with_segments(jpeg, (0xE1, b"Exif\0\0" + bytes(block)))

    def xmp(packet: bytes) -> Callable[[], bytes]:
        return lambda: with_chunks(png, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))

    def strips() -> bytes:
        fields = gray_fields(1000, 1000, compression=8, t278=(LONG, [1000]))
        return tiff(Page(fields=fields, segments=[packed_zeros(GIGABYTE)]))

    def shared_xmp() -> bytes:
        # One packet, to which every page points.
        field = {"t700": (BYTE, b" " * (1 << 20))}
        made = write(Page(fields=gray_fields(1, 1, **field), segments=[b"x"]))
        data, (first,) = made.data, made.directories
        (count,) = struct.unpack_from("<H", data, first)
        fields = bytes(data[first : first + 2 + 12 * count])
        struct.pack_into("<I", data, first + 2 + 12 * count, len(data))
        size = len(fields) + 4
        links = [len(data) + size * number for number in range(1, 900)]
        return bytes(data) + b"".join(fields + struct.pack("<I", link) for link in (*links, 0))

    image = jp2_file(_codestream(8, 8), (8, 8), colr=enumerated(17), channels=1)
    documents = image[: image.index(b"jp2c") - 4] + box(b"xml ", b"") * 60_000 + image[image.index(b"jp2c") - 4 :]
    unfolds = b"\0\0" + packed_zeros(GIGABYTE)[: 40 << 10]
    digits = b"Raw profile type iptc\0\0" + zlib.compress(b"\niptc\n99\n" + b"ab " * (8 << 20))
    unfolding = b"".join(png_chunk(b"zTXt", b"a%d" % number + unfolds) for number in range(500))
    yield "jp2-60000-documents", _bomb(lambda: documents, "metadata_too_large")
    yield "png-60000-texts", _bomb(lambda: with_chunks(png, text * 60_000), "metadata_too_large")
    yield "png-500-texts-unfold", _bomb(lambda: with_chunks(png, unfolding), "succeeded")
    yield "png-profile-of-8-million-words", _bomb(lambda: with_chunks(png, png_chunk(b"zTXt", digits)), "succeeded")
    yield "tiff-900-pages-share-an-xmp", _bomb(shared_xmp, "metadata_too_large", pages="all")
    yield "png-10^6-texts", _bomb(lambda: with_chunks(png, text * 1_000_000), "corrupt")
    yield "jpeg-70000-comments", _bomb(lambda: with_segments(jpeg, *[(0xFE, b"")] * 70_000), "corrupt")
    yield "jpeg-exif-of-2^32-1", _bomb(exif_count, "succeeded")
    yield "png-xmp-200000-deep", _bomb(xmp(deep), "succeeded")
    yield "png-xmp-billion-laughs", _bomb(xmp(laughs), "succeeded")
    yield "tiff-strip-unfolds-to-1-GB", _bomb(strips, "corrupt", admitted=True)


def _codestreams() -> Iterator[tuple[str, Bomb]]:
    """JPEG 2000: sizes, tiles and precincts beyond reason."""
    most = (1 << 32) - 1

    def file(width: int, height: int, **how: int) -> Callable[[], bytes]:
        return lambda: jp2_file(_codestream(width, height, **how), (width, height), colr=enumerated(17), channels=1)

    yield "jp2-2^32-1", _bomb(file(most, most), "too_many_pixels", "corrupt")
    yield "jp2-a-tile-a-pixel", _bomb(file(9_000, 9_000, tile=1), "corrupt")
    yield "jp2-16384-components", _bomb(file(100, 100, components=16_384), "corrupt", "unsupported_picture")


def _codestream(width: int, height: int, *, tile: int = 0, components: int = 1) -> bytes:
    """A codestream whose one tile is empty."""
    siz = struct.pack(">H8IH", 0, width, height, 0, 0, tile or width, tile or height, 0, 0, components)
    segments = (
        (0xFF51, siz + b"\x07\x01\x01" * components),
        (0xFF52, struct.pack(">BBHBBBBBB", 0, 0, 1, 0, 0, 4, 4, 0, 1)),
        (0xFF5C, bytes((0x40, 8 << 3))),
    )
    head = b"".join(struct.pack(">HH", marker, len(data) + 2) + data for marker, data in segments)
    return b"\xff\x4f" + head + struct.pack(">HHHIBB", 0xFF90, 10, 0, 15, 0, 1) + b"\xff\x93\0" + b"\xff\xd9"
