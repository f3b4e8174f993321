"""TIFF: tags, pages, offsets of either size, and memory that knows nothing of the picture's size."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from models.spaces import Samples
from tests.worker.metadata.blocks import IPTC, SENTENCE
from tests.worker.writers.dressed import METADATA, PROFILE, Sink, dressing, picture, strips, written
from worker.metadata import exif
from worker.metadata.directories import Directory, Field, Layout, header, pack
from worker.pictures import Metadata
from worker.writers import tiff


def test_tifffile_finds_every_tag() -> None:
    """The tags of baseline TIFF and of the metadata have the values and types that TIFF asks for."""
    samples = picture(600, 700, depth=16, alpha=True)
    data, warnings = written("tiff", samples, compression="deflate")
    assert warnings == ()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        (page,) = file.pages
        tags = {tag.name: tag.value for tag in page.tags}
        assert not file.is_bigtiff
        assert file.byteorder == "<"
        codes = [tag.code for tag in page.tags]
    assert codes == sorted(codes)
    assert (tags["ImageWidth"], tags["ImageLength"], tags["BitsPerSample"]) == (700, 600, (16, 16, 16, 16))
    assert (tags["Compression"], tags["Predictor"], tags["PhotometricInterpretation"]) == (8, 2, 2)
    assert (tags["SamplesPerPixel"], tags["ExtraSamples"], tags["PlanarConfiguration"]) == (4, (2,), 1)
    assert (tags["XResolution"], tags["YResolution"], tags["ResolutionUnit"]) == ((300, 1), (599, 2), 2)
    assert tags["Orientation"] == 1
    assert tags["Software"] == "Photochrom"
    assert tags["Artist"] == "Zoe Mueller"
    assert tags["ImageDescription"] == SENTENCE
    assert tags["InterColorProfile"] == PROFILE
    assert tags["XMP"] == METADATA.xmp
    assert tags["IPTCNAA"].rstrip(b"\0") == IPTC
    assert tags["ExifTag"]["DateTimeOriginal"] == "1936:03:09 10:20:30"
    assert tags["GPSTag"]["GPSLatitudeRef"] == "N"
    assert "DateTime" not in tags


@pytest.mark.parametrize(
    ("compression", "tag", "predictor"), [("none", 1, None), ("lzw", 5, 2), ("deflate", 8, 2), ("zstd", 50000, 2)]
)
def test_compressions_are_named_as_others_name_them(compression: str, tag: int, predictor: int | None) -> None:
    """Each compression has its tag, and the horizontal predictor where it compresses."""
    data, _ = written("tiff", picture(60, 70), compression=compression)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        assert tags["Compression"].value == tag
        assert (tags["Predictor"].value if "Predictor" in tags else None) == predictor


@pytest.mark.parametrize(("width", "rows"), [(10_000, 34), (400_000, 1)])
def test_strips_have_about_a_megabyte(width: int, rows: int) -> None:
    """A strip is as many rows as fit into a megabyte, and at least one."""
    out = io.BytesIO()
    samples = np.zeros((2, width, 3), np.uint8)
    page = dressing(samples, compression="lzw", height=2 * rows)
    tiff.write(out, iter([(page, iter([samples] * rows))]))
    out.seek(0)
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].rowsperstrip == rows
        assert len(file.pages[0].dataoffsets) == 2


def test_letters_outside_ascii_are_written_as_they_came() -> None:
    """A sentence and a description in UTF-8 keep their bytes."""
    block = exif.described(None, "Eine Straße in Zürich", width=1, height=1, dpi=None)
    changes = {"metadata": Metadata(exif=block), "description": "Farbe: geschätzt", "compression": "none"}
    data, _ = written("tiff", picture(4, 4), **changes)
    assert "Eine Straße in Zürich\nFarbe: geschätzt\0".encode() in data


def test_every_page_has_its_own_size_and_metadata() -> None:
    """Pages of several sizes and depths stand in order, each with its own directory, and are read by two readers."""
    pages = [picture(40, 50), picture(30, 20, depth=16), picture(35, 25, alpha=True)]
    kinds = ["deflate", "none", "lzw"]
    out = io.BytesIO()
    tiff.write(
        out,
        iter(
            (dressing(page, compression=kind, description=kind), strips(page, [7]))
            for page, kind in zip(pages, kinds, strict=True)
        ),
    )
    out.seek(0)
    with tifffile.TiffFile(out) as file:
        assert len(file.pages) == 3
        for page, samples, kind in zip(file.pages, pages, kinds, strict=True):
            assert np.array_equal(page.asarray(), samples)
            assert page.tags["ImageDescription"].value == kind
            assert page.tags["ExifTag"].value["DateTimeOriginal"] == "1936:03:09 10:20:30"
    with Image.open(out) as image:
        assert image.n_frames == 3
        image.seek(2)
        assert np.array_equal(np.asarray(image), pages[2])


class Holes(Sink):
    """A file on disk in which zeros are holes, so that gigabytes of them cost nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("wb")

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if np.frombuffer(view, np.uint8).any():
            self._file.seek(self.tell())
            self._file.write(view)
        written = super().write(data)
        self._file.truncate(self.size)
        return written

    def close(self) -> None:
        self._file.close()
        super().close()


def test_more_than_four_gigabytes_become_a_bigtiff(tmp_path: Path) -> None:
    """A file whose directories lie beyond 32 bits has offsets of 64, also for EXIF; its last rows are where it says."""
    height, width = 36_000, 40_000
    row = np.zeros((60, width, 3), np.uint8)
    last = picture(60, width)

    def rows() -> Iterator[Samples]:
        yield from (row for _ in range(height // 60 - 1))
        yield last

    path = tmp_path / "big.tif"
    page = dressing(row, height=height, compression="none")
    with Holes(path) as target:
        tiff.write(target, iter([(page, rows())]))
    assert path.stat().st_size > 2**32
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        (found,) = file.pages
        assert (found.imagelength, found.imagewidth) == (height, width)
        assert found.tags["ExifTag"].value["DateTimeOriginal"] == "1936:03:09 10:20:30"
        assert found.tags["InterColorProfile"].value == PROFILE
        rows_per_strip = found.rowsperstrip
        number = (height - 1) // rows_per_strip
        with path.open("rb") as source:
            source.seek(found.dataoffsets[number])
            data = source.read(found.databytecounts[number])
    count = height - number * rows_per_strip
    assert data == last[-count:].tobytes()
    with path.open("rb") as source:
        block = exif.of_tiff(source, found.offset)
    assert block is not None
    assert b"Zoe Mueller" in block


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_memory_is_that_of_a_few_strips(compression: str) -> None:
    """Writing 100 megapixels takes no more than some megabytes beside the strips that come."""
    strip = picture(250, 10_000)
    count = 40 if compression == "none" else 12
    page = dressing(strip, height=250 * count, compression=compression)
    tracemalloc.start()
    try:
        tiff.write(Sink(), iter([(page, iter([strip] * count))]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_the_file_ends_where_the_position_is() -> None:
    """The writer leaves the file's position at its end, as the caller goes on from there."""
    out = io.BytesIO()
    samples = picture(4, 4)
    tiff.write(out, iter([(dressing(samples, compression="none"), strips(samples))]))
    assert out.tell() == out.seek(0, os.SEEK_END)


def test_a_page_without_resolution_has_square_pixels_of_no_size() -> None:
    """TIFF demands the three fields of every page; a unit of 1 says that there are no inches."""
    data, _ = written("tiff", picture(5, 7), dpi=None, compression="none")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert (tags[282], tags[283], tags[296]) == ((1, 1), (1, 1), 1)


def test_a_makers_note_of_the_first_page_stays_where_it_was() -> None:
    """It may count from the start of the file: it stands at the offset that it had in its block, before the strips."""
    note = b"A note that points to itself"
    details: Directory = {0x927C: Field(type=7, data=note)}
    block = exif.clean(header(8, Layout()) + pack({0x8769: details}, 8, Layout()))[1]
    assert block is not None
    samples = picture(50, 70)
    data, _ = written("tiff", samples, compression="none", metadata=Metadata(exif=block))
    assert data.index(note) == block.index(note)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].tags[34665].value["MakerNote"] == note
        assert np.array_equal(file.pages[0].asarray(), samples)
