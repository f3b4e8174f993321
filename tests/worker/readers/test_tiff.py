"""The reader of TIFF: kinds, layouts, pages and what lies around the samples."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from shared.errors import TooManyPages, UnsupportedPicture
from shared.formats import TIFF
from tests import tiff_files
from tests.fixtures import Fixture
from tests.makers import iptc_records, photoshop_resources
from tests.masters_tiff import HEIGHT, WIDTH, masters, scene, written
from tests.tiff_files import ASCII, BYTE, LONG, RATIONAL, SHORT, UNDEFINED, Page, Value, gray_fields
from tests.worker.readers.reading import compare, open_header, read
from worker.metadata.turns import Turn
from worker.pictures import Kind
from worker.readers import tiff, tiff_directories

MASTERS = masters()
IPTC = iptc_records("A street")
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def gray_page(**fields: Value) -> Page:
    """A page of 150 x 110 gray pixels, uncompressed."""
    return Page(fields=gray_fields(WIDTH, HEIGHT, **fields), segments=[scene().tobytes()])


def opened(data: bytes) -> Sequence[Any]:
    """The pages of a file."""
    return tiff.open_master(io.BytesIO(data)).pages


@pytest.mark.parametrize("name", MASTERS)
def test_a_master_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, alpha, resolution and profile of each master of the catalog come back."""
    compare(tiff, MASTERS[name])


@pytest.mark.parametrize("name", MASTERS)
def test_strips_are_the_callers_and_can_be_taken_again(name: str) -> None:
    """Strips that the caller overwrote come back whole the next time, contiguous and of the page's width."""
    page = opened(MASTERS[name].data)[0]
    first = []
    for strip in page.strips():
        assert strip.flags.c_contiguous
        assert strip.shape[1] == page.header.width
        first.append(strip.copy())
        strip[:] = 0
    assert np.array_equal(np.concatenate(first), np.concatenate(list(page.strips())))


#: Compressions as headers tell them, where they are not "none".
WORDS = {
    "gray-8-lzw": "lzw",
    "gray-16-deflate": "deflate",
    "gray-8-old-deflate-last-strip-full": "deflate",
    "gray-8-zstd": "zstd",
    "gray-8-jpeg": "lossy",
    "rgb-8-old-jpeg": "lossy",
    "gray-8-packbits": "other",
    "gray-8-lzma": "other",
    "ccitt-group-4": "other",
    "gray-16-jpeg2000": "other",
    "rgb-8-webp": "other",
    "rgb-16": "none",
}


@pytest.mark.parametrize(("name", "word"), WORDS.items())
def test_the_header_names_the_compression(name: str, word: str) -> None:
    """A header has the recipe's word for the compression, or "other"."""
    assert open_header(tiff, MASTERS[name].data).compression == word


@pytest.mark.parametrize(
    ("name", "bits"), [("gray-12", 12), ("white-is-zero-1", 1), ("gray-32", 32), ("gray-float64-big-endian", 64)]
)
def test_the_header_tells_the_stored_depth(name: str, bits: int) -> None:
    """The bits of a sample in the file are told beside those of the strips."""
    assert open_header(tiff, MASTERS[name].data).stored_depth == bits


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("gray-float32-range-found", "range_scaled"),
        ("gray-float32-nan", "nan_as_black"),
        ("gray-8-two-extra", "extra_channels_dropped"),
        ("rgb-8-one-extra", "extra_channels_dropped"),
    ],
)
def test_what_is_odd_is_told(name: str, warning: str) -> None:
    """A warning tells of scaled floating-point samples, of NaN, and of channels that are left out."""
    page = opened(MASTERS[name].data)[0]
    for _ in page.strips():
        pass
    assert page.header.warnings == (warning,)


@pytest.mark.parametrize(
    "name", ["rgb-16", "gray-float32", "gray-float32-range-told", "rgba-8", "profile-and-resolution"]
)
def test_what_is_usual_gives_no_warning(name: str) -> None:
    """A plain master is read without a warning."""
    page = opened(MASTERS[name].data)[0]
    for _ in page.strips():
        pass
    assert page.header.warnings == ()


def test_one_warning_is_given_once() -> None:
    """Taking the strips twice does not double a warning."""
    page = opened(MASTERS["gray-float32-range-found"].data)[0]
    for _ in range(2):
        for _ in page.strips():
            pass
    assert page.header.warnings == ("range_scaled",)


@pytest.mark.parametrize("constant", [5.0, -3.0, np.inf, np.nan])
def test_floats_without_a_range_become_black_or_white(constant: float) -> None:
    """A floating-point page of one value outside 0..1 is read, and not divided by nothing."""
    data = written(np.full((20, 30), constant, np.float32), photometric="minisblack")
    assert set(np.unique(read(tiff, data)[1])) <= {0, 65535}


@pytest.mark.parametrize("top", [1e300, 1e-300])
def test_floats_of_any_size_are_scaled(top: float) -> None:
    """The largest and the smallest ranges lose nothing to overflow."""
    stored = np.linspace(-top, top, 600).reshape(20, 30)
    assert (
        np.abs(read(tiff, written(stored, photometric="minisblack"))[1].ravel() - np.linspace(0, 65535, 600)).max() < 1
    )


# What is refused

OUTSIDE: dict[str, dict[str, Value]] = {
    "signed": {"t339": (SHORT, [2])},
    "complex": {"t339": (SHORT, [6]), "t258": (SHORT, [64])},
    "raw-camera": {"t262": (SHORT, [32803])},
    "unknown-compression": {"t259": (SHORT, [34887])},
    "two-channels-of-rgb": {"t262": (SHORT, [2]), "t277": (SHORT, [2]), "t258": (SHORT, [8, 8])},
    "no-channel": {"t277": (SHORT, [0])},
    "hundred-channels": {"t277": (SHORT, [100]), "t258": (SHORT, [8] * 100)},
    "channels-of-two-widths": {"t262": (SHORT, [2]), "t277": (SHORT, [3]), "t258": (SHORT, [5, 6, 5])},
    "uncompressed-ycbcr": {"t262": (SHORT, [6]), "t277": (SHORT, [3]), "t258": (SHORT, [8, 8, 8])},
    "volume": {"t32997": (LONG, [4])},
    "other-inks": {"t262": (SHORT, [5]), "t277": (SHORT, [4]), "t258": (SHORT, [8] * 4), "t332": (SHORT, [2])},
    "24-bit-floats": {"t339": (SHORT, [3]), "t258": (SHORT, [24])},
    "seven-bits": {"t258": (SHORT, [7])},
    "predictor-on-bits": {"t259": (SHORT, [5]), "t258": (SHORT, [4]), "t317": (SHORT, [2])},
    "unknown-predictor": {"t259": (SHORT, [5]), "t317": (SHORT, [34892])},
    "float-predictor-on-whole-numbers": {"t259": (SHORT, [5]), "t317": (SHORT, [3])},
    "only-a-reduced-copy": {"t254": (LONG, [1])},
    "only-a-mask": {"t254": (LONG, [4])},
    "old-jpeg-in-parts": {"t259": (SHORT, [6])},
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_is_outside_is_unsupported(case: str) -> None:
    """A page of a kind that is not read is refused by its header, in words."""
    with pytest.raises(UnsupportedPicture, match=r"read|no full page"):
        opened(tiff_files.tiff(gray_page(**OUTSIDE[case])))


# Pages


def test_pages_come_in_order() -> None:
    """Each full page of a file is there, with its own kind and depth."""
    pages = opened(MASTERS["three-pages"].data)
    assert [(page.header.kind, page.header.depth) for page in pages] == [
        (Kind.GRAY, 8),
        (Kind.RGB, 8),
        (Kind.GRAY, 16),
    ]
    assert np.array_equal(np.concatenate(list(pages[1].strips())), scene(3))
    assert np.array_equal(np.concatenate(list(pages[-1].strips())), scene(top=65535, dtype=np.uint16))


def test_pages_share_their_profile() -> None:
    """The same bytes on every page are held once."""
    pages = opened(tiff_files.tiff(*[gray_page(t34675=(UNDEFINED, bytes(200)))] * 2))
    assert len(pages[0].header.profile) == 200
    assert pages[0].header.profile is pages[1].header.profile


def test_pages_can_be_sliced() -> None:
    """A slice of the pages is a sequence of the same pages, and none lies beyond the last."""
    pages = opened(MASTERS["three-pages"].data)
    assert list(pages[1:]) == [pages[1], pages[2]]
    with pytest.raises(IndexError):
        pages[3]


@pytest.mark.parametrize(
    "fields",
    [
        {"t254": (LONG, [1])},
        {"t254": (LONG, [4])},
        {"t254": (LONG, [5])},
        {"t255": (SHORT, [2])},
        {"t262": (SHORT, [4])},
    ],
    ids=["reduced", "mask", "reduced-mask", "old-reduced", "photometric-mask"],
)
@pytest.mark.parametrize("first", [True, False])
def test_copies_and_masks_are_no_pages(fields: dict[str, Value], first: bool) -> None:
    """Reduced copies and masks are passed over, wherever they stand in the chain."""
    pages = [gray_page(**fields), gray_page()]
    assert len(opened(tiff_files.tiff(*(pages if first else pages[::-1])))) == 1


def test_pyramids_in_subifds_are_no_pages() -> None:
    """A picture with reduced copies under it has one page."""
    assert len(opened(MASTERS["pyramid-in-subifds"].data)) == 1


def test_the_first_of_many_pages_is_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 pages the number is known, and only the fields of the first were put in order."""
    read_directories = []

    class Counted(tiff_directories.Directory):
        def __init__(self, *args: Any) -> None:
            read_directories.append(args)
            super().__init__(*args)

    monkeypatch.setattr(tiff, "Directory", Counted)
    page = Page(fields=gray_fields(4, 4), segments=[bytes(16)])
    pages = opened(tiff_files.tiff(*[page] * 10_000, big=True))
    assert (len(pages), len(read_directories)) == (10_000, 1)


def test_a_chain_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of more directories than a derivative may have pages is given up."""
    monkeypatch.setattr(tiff_directories, "MOST_DIRECTORIES", 5)
    with pytest.raises(TooManyPages):
        opened(tiff_files.tiff(*[gray_page()] * 6))


# Strips


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 1},
        {"compression": "lzw", "rowsperstrip": 8},
        {"compression": "deflate", "rowsperstrip": 2000},
        {"tile": (16, 16)},
        {"tile": (1008, 1008), "compression": "deflate"},
    ],
    ids=str,
)
def test_strips_are_neither_small_nor_large(options: dict[str, Any]) -> None:
    """However a page is stored, its strips have 64 rows or more, the last aside, and 16 MB at most."""
    samples = np.zeros((2000, 3000), np.uint16)
    heights = []
    for strip in opened(written(samples, photometric="minisblack", **options))[0].strips():
        assert strip.nbytes <= 1 << 24
        heights.append(len(strip))
    assert sum(heights) == 2000
    assert min(heights[:-1]) >= 64


def test_strips_of_wide_pages_are_lower() -> None:
    """Where 64 rows have more than 16 MB, a strip has fewer."""
    data = written(np.zeros((100, 200_000), np.uint16), photometric="minisblack")
    assert max(strip.nbytes for strip in opened(data)[0].strips()) <= 1 << 24


@pytest.mark.parametrize("compression", [1, 8])
def test_memory_is_that_of_a_few_strips(compression: int, tmp_path: Path) -> None:
    """A picture of 300 MB, all of whose strips are the same bytes of the file, takes less than 20 MB to read."""
    rows, width, height = 50, 10_000, 15_000
    strip = np.arange(rows * width, dtype="<u2").tobytes()
    segment = imagecodecs.deflate_encode(strip) if compression == 8 else strip
    count = height // rows
    fields = gray_fields(width, height, bits=16, compression=compression, t278=(LONG, [rows]))
    page = Page(fields=fields, segments=[segment], offsets=[8] * count, counts=[len(segment)] * count)
    path = tmp_path / "large.tif"
    path.write_bytes(tiff_files.tiff(page))
    with path.open("rb") as source:
        tracemalloc.start()
        try:
            page_read = tiff.open_master(source).pages[0]
            assert page_read.header.streamed
            assert sum(len(each) for each in page_read.strips()) == height
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


def test_one_huge_uncompressed_strip_is_read_in_bands(tmp_path: Path) -> None:
    """An uncompressed picture in one strip of 100 MB is streamed, in less than 20 MB."""
    width, height = 10_000, 10_000
    path = tmp_path / "large.tif"
    fields = gray_fields(width, height, t273=(LONG, [4096]), t279=(LONG, [width * height]))
    path.write_bytes(tiff_files.tiff(Page(fields=fields)))
    with path.open("r+b") as source:
        source.truncate(4096 + width * height)
        tracemalloc.start()
        try:
            page = tiff.open_master(source).pages[0]
            assert page.header.streamed
            assert sum(len(strip) for strip in page.strips()) == height
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pages_that_are_turned_are_not_streamed(orientation: int) -> None:
    """Only upright and mirrored pages can be read by strips."""
    assert open_header(tiff, MASTERS[f"orientation-{orientation}"].data).streamed == (orientation <= 2)


@pytest.mark.parametrize(("field", "upright"), [(None, False), (1, True)])
def test_a_page_is_turned_as_its_xmp_says_where_it_has_no_orientation(field: int | None, upright: bool) -> None:
    """As in every format: XMP's word counts where there is no other."""
    packet = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    )
    stated: dict[str, Value] = {} if field is None else {"t274": (SHORT, [field])}
    data = tiff_files.tiff(gray_page(t700=(BYTE, packet), **stated))
    plain = read(tiff, tiff_files.tiff(gray_page()))[1]
    header, samples = read(tiff, data)
    assert (header.height, header.width) == samples.shape
    assert np.array_equal(samples, plain if upright else np.rot90(plain, -1))
    # The packet's places are turned later.
    turn = Turn(orientation=6, width=header.height, height=header.width)
    assert header.metadata.turn == (None if upright else turn)


def test_one_large_compressed_strip_is_not_streamed() -> None:
    """A page whose one compressed strip has more than 64 MB needs memory for all of it, and says so."""
    fields = gray_fields(10_000, 10_000, compression=8)
    data = tiff_files.tiff(Page(fields=fields, segments=[bytes(100)]))
    assert not open_header(tiff, data).streamed


def test_an_orientation_that_does_not_exist_is_upright() -> None:
    """Orientation 0 and 9 count as 1."""
    for orientation in (0, 9):
        _, samples = read(tiff, tiff_files.tiff(gray_page(t274=(SHORT, [orientation]))))
        assert np.array_equal(samples, scene())


def test_a_file_whose_position_moves_is_read_right() -> None:
    """Two pages can be read in turns, a strip each, whoever moves the file's position in between."""
    source = io.BytesIO(MASTERS["gray-16-deflate"].data)
    page = tiff.open_master(source).pages[0]
    rows = []
    for one, other in zip(page.strips(), page.strips(), strict=True):
        source.seek(3)
        assert np.array_equal(one, other)
        rows.append(one)
    assert np.array_equal(np.concatenate(rows), MASTERS["gray-16-deflate"].samples)


# What lies around the samples


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_metadata_is_carried(order: str, big: bool) -> None:
    """Artist, IPTC and XMP of a page are in its header, in either byte order and size of offsets."""
    page = gray_page(t315=(ASCII, b"A. Person\0"), t700=(BYTE, XMP + b"\0\0"), t33723=(UNDEFINED, IPTC))
    metadata = open_header(tiff, tiff_files.tiff(page, order=order, big=big)).metadata
    assert metadata.exif is not None
    assert b"A. Person" in metadata.exif
    assert (metadata.iptc, metadata.xmp) == (IPTC, XMP)


@pytest.mark.parametrize("turned", [False, True])
def test_iptc_as_numbers_is_read_in_either_order(turned: bool) -> None:
    """IPTC that was written as numbers of four bytes is turned back, and its padding is dropped."""
    whole = IPTC + bytes(-len(IPTC) % 4)
    if turned:
        whole = np.frombuffer(whole, ">u4").astype("<u4").tobytes()
    header = open_header(tiff, tiff_files.tiff(gray_page(t33723=(LONG, whole))))
    assert (header.metadata.iptc, header.warnings) == (IPTC, ())


@pytest.mark.parametrize(
    ("resources", "found"),
    [(b"", (IPTC, ("metadata_unreadable",))), (photoshop_resources(IPTC + IPTC), (IPTC + IPTC, ()))],
    ids=["alone", "beside whole ones"],
)
def test_iptc_that_is_cut_is_kept_as_far_as_it_is_whole(resources: bytes, found: tuple[bytes, tuple[str, ...]]) -> None:
    """The whole records of a cut field are kept, with a warning, unless Photoshop's resources have them all."""
    fields: dict[str, Value] = {"t34377": (BYTE, resources)} if resources else {}
    page = gray_page(t33723=(UNDEFINED, (IPTC + IPTC)[:-1]), **fields)
    header = open_header(tiff, tiff_files.tiff(page))
    assert (header.metadata.iptc, header.warnings) == found


def test_iptc_is_found_in_photoshop_resources() -> None:
    """Where field 33723 is missing, IPTC comes from Photoshop's resources."""
    header = open_header(tiff, tiff_files.tiff(gray_page(t34377=(BYTE, photoshop_resources(IPTC)))))
    assert header.metadata.iptc == IPTC


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"t33723": (UNDEFINED, b"no records here")}, "metadata_unreadable"),
        ({"t33723": (UNDEFINED, b"\x1c\x02\x78\x00\xffcut")}, "metadata_unreadable"),
        ({"t700": (BYTE, b"\xff\xfe<\0x\0")}, "metadata_unreadable"),
        ({"t34665": (LONG, [999_999])}, "metadata_unreadable"),
    ],
    ids=["iptc", "iptc-cut", "xmp", "exif"],
)
def test_damaged_metadata_is_left_out(fields: dict[str, Value], warning: str) -> None:
    """A block that cannot be read costs a warning, not the picture."""
    header, samples = read(tiff, tiff_files.tiff(gray_page(**fields)))
    assert header.warnings == (warning,)
    assert np.array_equal(samples, scene())


@pytest.mark.parametrize(
    ("number", "warning"), [(34675, "profile_unreadable"), (700, "metadata_unreadable"), (282, None)]
)
def test_a_block_outside_the_file_is_left_out(number: int, warning: str | None) -> None:
    """A profile, packet or resolution that should lie beyond the end of the file is left out."""
    fields = gray_fields(WIDTH, HEIGHT, t282=(RATIONAL, [300]), t283=(RATIONAL, [300]))
    fields[number] = (BYTE, b"x" * 100) if number != 282 else fields[282]
    out = tiff_files.write(Page(fields=fields, segments=[scene().tobytes()]))
    moved(out, number, 0x7FFFFFF0)
    header, samples = read(tiff, bytes(out.data))
    assert header.warnings == ((warning,) if warning else ())
    assert (header.profile, header.metadata.xmp) == (None, None)
    assert (header.dpi is None) == (number == 282)
    assert np.array_equal(samples, scene())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"t282": (RATIONAL, [300])},
        {"t282": (RATIONAL, [0]), "t283": (RATIONAL, [300])},
        {"t282": (LONG, [0, 0]), "t283": (LONG, [0, 0])},
        {"t282": (RATIONAL, [300]), "t283": (RATIONAL, [300]), "t296": (SHORT, [7])},
    ],
    ids=["none", "one", "zero", "no-denominator", "unknown-unit"],
)
def test_a_resolution_without_sense_is_none(fields: dict[str, Value]) -> None:
    """A resolution that is missing in part, zero, or without a known unit is none."""
    assert open_header(tiff, tiff_files.tiff(gray_page(**fields))).dpi is None


def test_a_missing_photometric_interpretation_is_guessed() -> None:
    """As libtiff does: three channels are RGB, one is gray."""
    gray, rgb = gray_fields(WIDTH, HEIGHT), gray_fields(WIDTH, HEIGHT, t258=(SHORT, [8] * 3), t277=(SHORT, [3]))
    del gray[262], rgb[262]
    assert open_header(tiff, tiff_files.tiff(Page(fields=gray, segments=[scene().tobytes()]))).kind is Kind.GRAY
    assert open_header(tiff, tiff_files.tiff(Page(fields=rgb, segments=[scene(3).tobytes()]))).kind is Kind.RGB


def test_the_master_says_its_format() -> None:
    """An open master names TIFF."""
    assert tiff.open_master(io.BytesIO(MASTERS["gray-8"].data)).format is TIFF


#: Kinds that tifffile reads without scaling them, as another reader's opinion.
SECOND_OPINION = [
    "gray-16-lzw-predictor-big-endian", "gray-16-tiled-deflate", "rgb-16-planar-deflate", "rgb-8-jpeg-tables-420",
    "rgb-16-planar-tiled-big-endian", "cmyk-16-planar-tiled", "cmyk-8-jpeg", "rgb-8-webp", "gray-16-jpeg2000",
    "gray-16-lowest-bit-first", "rgb-8-jpeg", "icclab-8",
]  # fmt: skip


@pytest.mark.parametrize("name", SECOND_OPINION)
def test_tifffile_agrees(name: str) -> None:
    """Another reader, tifffile, gives the same samples."""
    fixture: Fixture = MASTERS[name]
    with tifffile.TiffFile(io.BytesIO(fixture.data)) as file:
        theirs = file.pages.first.asarray()
        if file.pages.first.planarconfig == 2:
            theirs = np.moveaxis(theirs, 0, 2)
    assert np.array_equal(read(tiff, fixture.data)[1], theirs)


def moved(out: tiff_files.Written, number: int, value: int) -> None:
    """Overwrites the value or offset of a field of the first page (classic, little-endian)."""
    at = out.directories[0]
    count = int.from_bytes(out.data[at : at + 2], "little")
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if int.from_bytes(out.data[entry : entry + 2], "little") == number:
            out.data[entry + 8 : entry + 12] = value.to_bytes(4, "little")
