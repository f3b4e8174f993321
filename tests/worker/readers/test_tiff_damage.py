"""The reader of TIFF and damaged files: they are refused, never filled up, and nothing else happens."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest

from shared.errors import Corrupt, PictureError, Truncated, UnsupportedPicture
from tests import tiff_files
from tests.masters_tiff import HEIGHT, WIDTH, masters, packed, scene
from tests.tiff_files import LONG, LONG8, SHORT, Page, Value, gray_fields
from tests.worker.readers.reading import open_header, read, refuse, survive
from worker.readers import tiff, tiff_fax

MASTERS = masters()

#: Masters in whose segments damage can be told, for lack of redundancy not always where it is small.
COMPRESSED = [
    "gray-16-deflate", "gray-16-tiled-deflate", "rgb-16-planar-deflate", "gray-float32-predictor", "gray-8-lzw",
    "rgb-8-lzw-predictor", "gray-8-lzma", "ccitt-rle", "ccitt-group-3", "ccitt-group-3-two-dimensional",
    "ccitt-group-4", "bilevel-packbits", "cmyk-16-planar-tiled",
]  # fmt: skip
#: One of each way to store.
WAYS = [
    *COMPRESSED, "gray-16", "gray-16-bigtiff-big-endian", "gray-8-zstd", "gray-8-packbits", "gray-8-jpeg",
    "rgb-8-jpeg-tables-420", "gray-12-jpeg", "rgb-8-old-jpeg", "gray-16-jpeg2000", "rgb-8-webp", "palette-8",
    "rgb-16-planar-tiled-big-endian", "three-pages",
]  # fmt: skip


def segments(data: bytes) -> list[tuple[int, int]]:
    """Offset and length of each segment of the first page."""
    page = tiff.open_master(io.BytesIO(data)).pages[0]
    layout = page._layout  # type: ignore[attr-defined]
    return list(zip(layout.offsets.tolist(), layout.counts.tolist(), strict=True))


def rows(data: bytes) -> int:
    """Rows of all pages of a file, decoded."""
    return sum(len(strip) for page in tiff.open_master(io.BytesIO(data)).pages for strip in page.strips())


def one_strip(data: bytes, *, compression: int, **fields: Value) -> bytes:
    """A gray page whose one strip holds these bytes."""
    return tiff_files.tiff(Page(fields=gray_fields(WIDTH, HEIGHT, compression=compression, **fields), segments=[data]))


@pytest.mark.parametrize("name", WAYS)
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file that ends early is truncated, wherever that is."""
    data = MASTERS[name].data
    for length in np.linspace(4, len(data) - 1, 25).astype(int):
        with pytest.raises(Truncated):
            rows(data[:length])


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_segment_whose_tail_is_zeros_is_refused(name: str) -> None:
    """A download that was cut off and filled up with zeros is damage, in each third of the data."""
    data = MASTERS[name].data
    offset, length = max(segments(data), key=lambda segment: segment[1])
    for part in (0.2, 0.5, 0.8):
        start = offset + int(length * part)
        refuse(tiff, data[:start] + bytes(offset + length - start) + data[offset + length :])


@pytest.mark.parametrize("name", ["gray-8-jpeg", "rgb-8-jpeg-ycbcr", "cmyk-8-jpeg", "gray-12-jpeg", "rgb-8-old-jpeg"])
def test_a_hole_in_jpeg_is_refused(name: str) -> None:
    """JPEG is decoded strictly: half of a segment's data that is zeros is damage, whatever its end says."""
    data = MASTERS[name].data
    offset, length = max(segments(data), key=lambda segment: segment[1])
    start, end = offset + length // 2, offset + length - 2
    refuse(tiff, data[:start] + bytes(end - start) + data[end:])


@pytest.mark.parametrize("name", WAYS)
def test_mutations_do_no_harm(name: str) -> None:
    """Whatever is changed in a file, it is read or refused."""
    survive(tiff, MASTERS[name], count=40, seed=len(name))


@pytest.mark.parametrize("place", [4, 8, 60])
def test_mutated_directories_do_no_harm(place: int) -> None:
    """Whatever stands in the fields of a directory, the file is read or refused."""
    dice = np.random.default_rng(place)
    for name in ("gray-16-deflate", "rgb-8-tiled-lzw", "palette-8", "rgb-8-jpeg-tables-420", "orientation-6"):
        data = MASTERS[name].data
        (start,) = struct.unpack_from("<I", data, 4)
        for _ in range(40):
            out = bytearray(data)
            for at in dice.integers(start, min(start + 180, len(out)), dice.integers(1, 4)):
                out[at] = dice.choice([0, 1, 2, 127, 128, 255, dice.integers(256)])
            try:
                page = tiff.open_master(io.BytesIO(bytes(out))).pages[0]
                if page.header.pixels <= 5_000_000:
                    assert sum(len(strip) for strip in page.strips()) == page.header.height
            except PictureError:
                continue


# Directories


@pytest.mark.parametrize("back_to", [0, 1, 2])
@pytest.mark.parametrize("big", [False, True])
def test_a_chain_that_loops_is_corrupt(back_to: int, big: bool) -> None:
    """A chain of pages that leads back into itself is refused."""
    page = Page(fields=gray_fields(8, 8), segments=[bytes(64)])
    out = tiff_files.write(page, page, page, big=big)
    out.data[-8 if big else -4 :] = struct.pack("<Q" if big else "<I", out.directories[back_to])
    with pytest.raises(Corrupt, match="back"):
        tiff.open_master(io.BytesIO(bytes(out.data)))


def test_a_chain_that_leaves_the_file_is_truncated() -> None:
    """A page that should follow beyond the end of the file is missing."""
    out = tiff_files.write(Page(fields=gray_fields(8, 8), segments=[bytes(64)]))
    out.data[-4:] = struct.pack("<I", 1_000_000)
    with pytest.raises(Truncated, match="1,000,000"):
        tiff.open_master(io.BytesIO(bytes(out.data)))


@pytest.mark.parametrize("count", [0, 5000, 65535])
def test_a_directory_with_no_or_too_many_fields_is_refused(count: int) -> None:
    """A directory claims 1 to 4,096 fields."""
    out = tiff_files.write(Page(fields=gray_fields(8, 8), segments=[bytes(64)]))
    struct.pack_into("<H", out.data, out.directories[0], count)
    with pytest.raises(Corrupt, match="fields"):
        tiff.open_master(io.BytesIO(bytes(out.data)))


@pytest.mark.parametrize("head", [b"II*\0\0\0\0\0", b"II+\0\x04\0\0\0" + bytes(8), b"II+\0\x08\0\x01\0" + bytes(8)])
def test_a_header_that_leads_nowhere_is_corrupt(head: bytes) -> None:
    """A file without a directory, or with offsets of another size, is damaged."""
    with pytest.raises(Corrupt):
        tiff.open_master(io.BytesIO(head))


#: Fields that a page cannot have.
WRONG: dict[str, dict[str, Value]] = {
    "no-width": {"t256": (LONG, [0])},
    "no-height": {"t257": (LONG, [0])},
    "width-of-another-type": {"t256": (tiff_files.FLOAT, [150.0])},
    "too-few-strips": {"t278": (LONG, [10])},
    "palette-cut": {"t262": (SHORT, [3]), "t320": (SHORT, [1, 2, 3])},
    "palette-missing": {"t262": (SHORT, [3])},
    "tiles-without-size": {"t322": (LONG, [0]), "t323": (LONG, [0])},
    "huge-tiles": {"t322": (LONG, [1 << 30]), "t323": (LONG, [1 << 30])},
}


@pytest.mark.parametrize("case", WRONG)
def test_fields_that_cannot_be_are_corrupt(case: str) -> None:
    """A page whose fields contradict each other is damaged."""
    page = Page(fields=gray_fields(WIDTH, HEIGHT, **WRONG[case]), segments=[scene().tobytes()])
    with pytest.raises(Corrupt):
        tiff.open_master(io.BytesIO(tiff_files.tiff(page)))


# Segments


@pytest.mark.parametrize(
    ("offsets", "counts", "words"),
    [
        ([0], [16500], "no bytes"),
        ([8], [0], "no bytes"),
        ([8], [99_999], "bytes 8 to 100,007"),
        ([90_000], [16500], "90,000"),
        ([0xFFFFFFFF], [0xFFFFFFFF], "4,294,967,295"),
    ],
    ids=["no-offset", "no-count", "long", "outside", "largest"],
)
def test_a_strip_outside_the_file_is_truncated(offsets: list[int], counts: list[int], words: str) -> None:
    """A strip without bytes or beyond the end is named with its bytes; a sparse file is not filled with zeros."""
    page = Page(fields=gray_fields(WIDTH, HEIGHT), segments=[scene().tobytes()], offsets=offsets, counts=counts)
    with pytest.raises(Truncated, match=words):
        tiff.open_master(io.BytesIO(tiff_files.tiff(page)))


def test_offsets_that_overflow_are_truncated() -> None:
    """Offset and length of a BigTIFF that add up to more than 64 bits do not come out small."""
    fields = gray_fields(WIDTH, HEIGHT, t273=(LONG8, [2**64 - 100]), t279=(LONG8, [200]))
    with pytest.raises(Truncated):
        tiff.open_master(io.BytesIO(tiff_files.tiff(Page(fields=fields), big=True)))


@pytest.mark.parametrize("short", [1, 100, 16000])
def test_an_uncompressed_strip_that_is_too_short_is_corrupt(short: int) -> None:
    """The byte count of an uncompressed strip covers its rows."""
    page = Page(fields=gray_fields(WIDTH, HEIGHT), segments=[scene().tobytes()], counts=[WIDTH * HEIGHT - short])
    with pytest.raises(Corrupt, match="16,500"):
        tiff.open_master(io.BytesIO(tiff_files.tiff(page)))


ENCODERS = {
    5: imagecodecs.lzw_encode,
    8: imagecodecs.deflate_encode,
    32773: imagecodecs.packbits_encode,
    34925: imagecodecs.lzma_encode,
    50000: imagecodecs.zstd_encode,
}


@pytest.mark.parametrize("compression", ENCODERS)
@pytest.mark.parametrize("rows", [0, 1, 109])
def test_a_strip_that_decodes_to_fewer_rows_is_refused(compression: int, rows: int) -> None:
    """No decoder's short output is filled up."""
    refuse(tiff, one_strip(ENCODERS[compression](scene()[:rows].tobytes()), compression=compression))


@pytest.mark.parametrize("compression", ENCODERS)
def test_a_strip_of_empty_bytes_or_noise_is_refused(compression: int) -> None:
    """Bytes that are no code of their compression are damage."""
    for data in (bytes(3), b"\x80" * 40, np.random.default_rng(1).bytes(60)):
        refuse(tiff, one_strip(data, compression=compression))


@pytest.mark.parametrize("compression", [*ENCODERS, 3, 4, 7, 34712, 50001])
def test_a_huge_claim_costs_nothing(compression: int) -> None:
    """A page that claims 60,000 x 60,000 pixels in 100 bytes tells so before anything is decoded."""
    claim = gray_fields(60_000, 60_000, bits=1 if compression in (3, 4) else 8, compression=compression)
    assert open_header(tiff, tiff_files.tiff(Page(fields=claim, segments=[bytes(100)]))).pixels == 3_600_000_000


@pytest.mark.parametrize("compression", [5, 8, 32773])
def test_more_than_a_code_can_hold_is_refused_before_it_is_made_room_for(compression: int) -> None:
    """A strip of 100 bytes that should decode to 3.6 GB is damage by arithmetic."""
    data = tiff_files.tiff(Page(fields=gray_fields(60_000, 60_000, compression=compression), segments=[bytes(100)]))
    with pytest.raises(Corrupt, match="claims to hold"):
        read(tiff, data)


def jpeg(*, width: int = WIDTH, height: int = HEIGHT, channels: int = 1) -> bytes:
    """A JPEG of noise of another size than the page's."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return bytes(imagecodecs.jpeg8_encode(np.random.default_rng(2).integers(0, 255, shape, np.uint8), level=80))


@pytest.mark.parametrize(
    "data",
    [
        jpeg(width=149),
        jpeg(width=151),
        jpeg(height=109),
        jpeg(height=200),
        jpeg(channels=3),
        jpeg()[2:],
        jpeg()[:-2],
        jpeg()[: len(jpeg()) // 2] + b"\xff\xd9",
        b"\xff\xd8\xff\xd9",
    ],
    ids=["narrow", "wide", "low", "high", "three-channels", "no-start", "no-end", "half-with-end", "empty"],
)
def test_a_jpeg_that_is_not_the_segment_is_refused(data: bytes) -> None:
    """A JPEG of another size, with other channels, or without an end is no strip of the page."""
    refuse(tiff, one_strip(data, compression=7))


@pytest.mark.parametrize("shape", [(110, 149), (109, 150), (120, 150), (110, 150, 3)], ids=str)
def test_a_jpeg_2000_that_is_not_the_segment_is_refused(shape: tuple[int, ...]) -> None:
    """JPEG 2000 data of another size or with other channels are no strip of the page."""
    refuse(tiff, one_strip(imagecodecs.jpeg2k_encode(np.zeros(shape, np.uint8)), compression=34712))


@pytest.mark.parametrize("cut", [1, 10, 300])
def test_a_cut_jpeg_2000_is_refused(cut: int) -> None:
    """JPEG 2000 data that end early are not filled up with gray, although the decoder would."""
    data = imagecodecs.jpeg2k_encode(scene(), codecformat="J2K")
    refuse(tiff, one_strip(data[:-cut], compression=34712))


def test_a_hole_in_jpeg_2000_is_refused() -> None:
    """Zeros in the middle of JPEG 2000 data, of which the decoder makes something, are damage."""
    data = imagecodecs.jpeg2k_encode(scene(), codecformat="J2K")
    start = len(data) // 2
    data = data[:start] + bytes(1000) + data[start + 1000 :]
    assert imagecodecs.jpeg2k_decode(data).shape == (HEIGHT, WIDTH)
    with pytest.raises(Corrupt):
        read(tiff, one_strip(data, compression=34712))


def test_a_webp_that_is_not_the_segment_is_refused() -> None:
    """WebP data of another size are no strip of the page."""
    fields = gray_fields(WIDTH, HEIGHT, compression=50001, t258=(SHORT, [8] * 3), t262=(SHORT, [2]), t277=(SHORT, [3]))
    for shape in ((110, 149, 3), (1000, 1000, 3)):
        segment = imagecodecs.webp_encode(np.zeros(shape, np.uint8), lossless=True)
        refuse(tiff, tiff_files.tiff(Page(fields=fields, segments=[segment])))


# Runs of black and white


def group_4(name: str = "ccitt-group-4") -> bytes:
    """The one strip of a master."""
    data = MASTERS[name].data
    ((offset, length),) = segments(data)
    return data[offset : offset + length]


def test_runs_of_any_length_are_read() -> None:
    """Runs of 0 to 5,200 pixels of both colors come back, however their codes are put together."""
    longest = 5200
    codes = [tiff_fax._runs(text) for text in (tiff_fax._WHITE, tiff_fax._BLACK)]
    by_length = [{length: code for code, length in table.items()} for table in codes]

    def coded(length: int, color: int) -> str:
        long = "".join(by_length[color][2560] for _ in range(length // 2560))
        rest = length % 2560
        return long + (by_length[color][rest // 64 * 64] if rest >= 64 else "") + by_length[color][rest % 64]

    for length in [*range(130), *range(1700, 1860), 2559, 2560, 2561, 5119, 5120, 5199]:
        bits = coded(length, 0) + coded(2 * longest - length, 1)
        data = np.packbits(np.array(list(bits), np.uint8)).tobytes()
        row = np.repeat(np.array([0, 1], np.uint8), [length, 2 * longest - length])
        decoded = tiff_fax.decode(data, 1, 2 * longest, tiff_fax.Code.BYTE_ALIGNED)
        assert np.array_equal(decoded[0], row), length


@pytest.mark.parametrize("more", [1, 2, 100])
def test_rows_that_are_not_there_are_truncated(more: int) -> None:
    """A strip of CCITT code with fewer rows than the page needs is truncated."""
    code = group_4()
    with pytest.raises(Truncated):
        tiff_fax.decode(code[:-3], HEIGHT + more, WIDTH, tiff_fax.Code.GROUP_4)


@pytest.mark.parametrize("width", [WIDTH - 1, WIDTH + 1, 2 * WIDTH])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ccitt-rle", tiff_fax.Code.BYTE_ALIGNED),
        ("ccitt-group-3", tiff_fax.Code.GROUP_3),
        ("ccitt-group-4", tiff_fax.Code.GROUP_4),
    ],
)
def test_rows_of_another_width_are_damage(name: str, code: tiff_fax.Code, width: int) -> None:
    """Rows that do not fill the page's width exactly are damage."""
    with pytest.raises((Corrupt, Truncated)):
        tiff_fax.decode(group_4(name), HEIGHT, width, code)


def test_the_uncompressed_mode_is_unsupported() -> None:
    """T.6 has a mode for rows without compression, which no writer of files uses."""
    data = np.packbits(np.array(list("0000001111" + "0" * 40), np.uint8)).tobytes()
    with pytest.raises(UnsupportedPicture):
        tiff_fax.decode(data, 1, WIDTH, tiff_fax.Code.GROUP_4)


@pytest.mark.parametrize("bits", [2, 8])
def test_ccitt_holds_one_bit_a_pixel(bits: int) -> None:
    """CCITT compression of samples with more bits is a contradiction."""
    fields = gray_fields(WIDTH, HEIGHT, bits=bits, compression=4)
    page = Page(fields=fields, segments=[packed(scene(top=1), 1)])
    with pytest.raises(Corrupt, match="one bit"):
        read(tiff, tiff_files.tiff(page))
