"""EXIF: what is kept of a master's block, and what a derivative's says."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.worker.metadata.blocks import SENTENCE, exif_block, exif_of
from worker.metadata import exif
from worker.metadata.directories import Directory, Layout, header, pack, short, text


def block_of(directory: Directory, layout: Layout | None = None) -> bytes:
    """Returns a block by hand."""
    start = header(8, layout or Layout())
    return start + pack(directory, 8, layout or Layout())


def described(block: bytes | None, *, dpi: tuple[float, float] | None = (300.0, 299.5)) -> Image.Exif:
    """Returns a derivative's block of 40 x 30 pixels as Pillow reads it."""
    return exif_of(exif.described(block, SENTENCE, width=40, height=30, dpi=dpi))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_the_orientation_is_told_and_set_upright(orientation: int, prefix: bytes) -> None:
    """What the block said comes back beside a block that says 1."""
    data = prefix + exif_block(tag_0x0112=orientation).removeprefix(b"Exif\0\0")
    told, block = exif.clean(data)
    assert told == orientation
    assert block is not None
    assert exif_of(block)[0x0112] == 1


@pytest.mark.parametrize("wrong", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_upright(wrong: int) -> None:
    """Values but 1..8 count as 1."""
    assert exif.clean(exif_block(tag_0x0112=wrong))[0] == 1


def test_descriptions_stay_and_structure_goes() -> None:
    """Maker, artist, date and place are kept; size, strips, compression, XMP and the profile of the file are not."""
    data = exif_block(tag_0x0100=40, tag_0x0111=8, tag_0x0103=7, tag_0x02BC=b"<x/>", tag_0x8773=b"profile")
    _, block = exif.clean(data)
    assert block is not None
    kept = exif_of(block)
    assert (kept[0x010F], kept[0x013B]) == ("A maker", "Zoe Mueller")
    assert kept.get_ifd(0x8769)[0x9003] == "1936:03:09 10:20:30"
    assert kept.get_ifd(0x8825)[2] == (48.0, 51.0, 30.0)
    assert not {0x0100, 0x0111, 0x0103, 0x02BC, 0x8773} & set(kept)


def test_the_thumbnail_goes() -> None:
    """The second directory and its JPEG are left out."""
    thumbnail = b"\xff\xd8thumbnail\xff\xd9"
    first = pack({315: text(b"Zoe Mueller")}, 8, Layout())
    at = 8 + len(first)
    first = pack({315: text(b"Zoe Mueller")}, 8, Layout(), following=at)
    second = pack({259: short(6), 513: text(thumbnail)}, at, Layout())
    _, block = exif.clean(header(8, Layout()) + first + second)
    assert block is not None
    assert b"thumbnail" not in block
    assert exif_of(block)[315] == "Zoe Mueller"


@pytest.mark.parametrize("order", ["<", ">"])
def test_letters_outside_ascii_keep_their_bytes(order: str) -> None:
    """A name in UTF-8 or Latin-1 comes through as it was; Pillow would make question marks of it."""
    layout = Layout(order="<" if order == "<" else ">")
    data = block_of({315: text("Zoë".encode()), 270: text("Straße".encode("latin-1"))}, layout)
    _, block = exif.clean(data)
    assert block == data
    made = exif.described(block, SENTENCE, width=1, height=1, dpi=None)
    assert "Zoë".encode() in made
    assert "Straße".encode("latin-1") + b"\n" + SENTENCE.encode() in made


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_page_gives_its_descriptions(big: bool) -> None:
    """Descriptive tags and both subdirectories of a TIFF page become a block; the reader's place in the file stays."""
    fields: Directory = {
        256: short(4),
        269: text(b"Album 3"),
        315: text(b"Zoe Mueller"),
        273: short(8),
        34665: {0x9003: text(b"1936:03:09 10:20:30")},
        34853: {1: text(b"N")},
    }
    layout = Layout(big=big)
    start = header(16, layout).ljust(16, b"\0")
    source = io.BytesIO(start + pack(fields, 16, layout))
    source.seek(5)
    block = exif.of_tiff(source, 16)
    assert source.tell() == 5
    assert block is not None
    kept = exif_of(block)
    assert (kept[269], kept[315]) == ("Album 3", "Zoe Mueller")
    assert kept.get_ifd(0x8769)[0x9003] == "1936:03:09 10:20:30"
    assert kept.get_ifd(0x8825)[1] == "N"
    assert not {256, 273} & set(kept)


def test_the_second_page_of_a_tiff_gives_its_own() -> None:
    """What tifffile writes for a page is found by that page's offset."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for name in ("recto", "verso"):
            writer.write(np.zeros((4, 4), np.uint8), description=name, metadata=None, software=False)
    out.seek(0)
    with tifffile.TiffFile(out) as file:
        offsets = [page.offset for page in file.pages]
    blocks = [exif.of_tiff(out, offset) for offset in offsets]
    assert [exif_of(block or b"")[270] for block in blocks] == ["recto", "verso"]


@pytest.mark.parametrize(
    ("x", "y", "unit", "dpi"),
    [
        pytest.param(300.0, 600.0, 2, (300.0, 600.0), id="inches"),
        pytest.param(100.0, 100.0, 3, (254.0, 254.0), id="centimeters"),
        pytest.param(300.0, 300.0, None, (300.0, 300.0), id="inches where no unit is given"),
        pytest.param(1.0, 1.0, 1, None, id="no unit"),
        pytest.param(0.0, 300.0, 2, None, id="nothing across"),
        pytest.param(300.0, 300.0, 77, None, id="a unit that does not exist"),
    ],
)
def test_resolution(x: float, y: float, unit: int | None, dpi: tuple[float, float] | None) -> None:
    """The resolution is given in dots per inch, or not at all."""
    block = Image.Exif()
    block[0x011A], block[0x011B] = x, y
    if unit is not None:
        block[0x0128] = unit
    assert exif.resolution(block.tobytes()) == (dpi and pytest.approx(dpi))


def test_a_derivative_says_what_it_is_and_agrees_with_its_file() -> None:
    """Sentence, software, orientation, resolution and size are the derivative's; the rest is the master's."""
    made = described(exif.clean(exif_block(tag_0x0112=6, tag_0x010E="A street", tag_0x0131="A scanner"))[1])
    assert made[0x010E] == f"A street\n{SENTENCE}"
    assert made[0x0131] == "Photochrom"
    assert made[0x0112] == 1
    assert (made[0x011A], made[0x011B], made[0x0128]) == (300.0, 299.5, 2)
    details = made.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (40, 30)
    assert details[0x9003] == "1936:03:09 10:20:30"
    assert made[0x013B] == "Zoe Mueller"
    assert made.get_ifd(0x8825)[1] == "N"


def test_a_derivative_without_resolution_has_none() -> None:
    """The 72 dots of the master's block do not survive where the file itself had no resolution."""
    assert not {0x011A, 0x011B, 0x0128} & set(described(exif_block(), dpi=None))


def test_a_master_without_exif_gives_a_block_of_ours() -> None:
    """There is always a block with the sentence; sizes in pixels are not invented."""
    made = described(None)
    assert made[0x010E] == SENTENCE
    assert not made.get_ifd(0x8769)


def test_the_sentence_is_told_once() -> None:
    """A derivative that is colored again does not say so twice."""
    once = exif.described(None, SENTENCE, width=4, height=3, dpi=None)
    assert exif.described(once, SENTENCE, width=4, height=3, dpi=None) == once


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Exif\0\0", id="a prefix alone"),
        pytest.param(b"Exif\0\0GIF89a", id="something else"),
        pytest.param(b"II*\0\x08\0\0\0\0\0", id="no fields"),
        pytest.param(b"II*\0\x00\0\0\0", id="a directory within the header"),
        pytest.param(b"MM\0*\xff\xff\xff\xff", id="a directory beyond the end"),
    ],
)
def test_what_cannot_be_read_is_nothing(data: bytes) -> None:
    """There is no block and no resolution, and a derivative has its own alone."""
    assert exif.clean(data) == (1, None)
    assert exif.resolution(data) is None
    assert described(data)[0x010E] == SENTENCE
    assert exif.of_tiff(io.BytesIO(data), 8) is None


def test_directories_that_point_to_themselves_end() -> None:
    """A subdirectory that is the first directory again is read once, not for ever."""
    pointer = struct.pack("<HHII", 34665, 4, 1, 8)
    inner = struct.pack("<HHII", 40965, 4, 1, 8)
    loop = b"II*\0" + struct.pack("<IH", 8, 2) + pointer + inner + struct.pack("<I", 8)
    _, block = exif.clean(loop)
    assert block is not None
    assert len(block) < 300


def test_damaged_blocks_never_raise() -> None:
    """Of a thousand blocks with wrong bytes, each is read as far as it can be, and what is made of it can be read."""
    chance = random.Random(1888)
    original = exif_block(tag_0x010E="A street", tag_0x0112=3)
    for _ in range(1000):
        data = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(6, len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.randint(10, len(data))])
        orientation, block = exif.clean(cut)
        assert orientation in range(1, 9)
        assert block is None or len(block) <= 2 * len(original)
        exif.resolution(cut)
        exif.of_tiff(io.BytesIO(cut[6:]), 8)
        made = exif.described(block, SENTENCE, width=4, height=3, dpi=None)
        assert SENTENCE.encode() in made
        assert exif.clean(made)[1] is not None
