"""EXIF: what is kept of a master's block, and what a derivative's says."""

from __future__ import annotations

import io
import random
import struct
from typing import Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.worker.metadata.blocks import SENTENCE, exif_block, exif_of
from worker.metadata import exif
from worker.metadata.directories import Directory, Field, Layout, header, long, pack, short, text
from worker.metadata.turns import Turn


def block_of(directory: Directory, layout: Layout | None = None) -> bytes:
    """Returns a block by hand."""
    start = header(8, layout or Layout())
    return start + pack(directory, 8, layout or Layout())


def described(
    block: bytes | None, *, dpi: tuple[float, float] | None = (300.0, 299.5), srgb: bool = False, jpeg: bool = False
) -> Image.Exif:
    """Returns a derivative's block of 40 x 30 pixels as Pillow reads it."""
    return exif_of(exif.described(block, SENTENCE, width=40, height=30, dpi=dpi, srgb=srgb, jpeg=jpeg))


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


GEO: Directory = {
    33550: Field(type=12, data=struct.pack("<3d", 0.5, 0.5, 0)),
    33922: Field(type=12, data=struct.pack("<6d", 0, 0, 0, 440_720, 3_751_320, 0)),
    34735: short(1, 1, 0, 1, 1024, 0, 1, 1),
    34737: text(b"UTM zone 11|"),
}


@pytest.mark.parametrize("orientation", [None, 1, 0, 3, 6])
def test_the_place_on_earth_stays_unless_the_picture_is_turned(orientation: int | None) -> None:
    """An aerial photo keeps its georeference; one that is turned loses it, as it holds for rows and columns."""
    fields: Directory = {315: text(b"Zoe Mueller"), 286: Field(type=5, data=struct.pack("<2I", 1, 1)), **GEO}
    if orientation is not None:
        fields[274] = short(orientation)
    start = header(8, Layout())
    data = start + pack(fields, 8, Layout())
    turn = Turn(orientation=orientation or 1, width=40, height=30)
    for block in (exif.of_tiff(io.BytesIO(data), 8, turn=turn), exif.clean(data)[1]):
        assert block is not None
        made = exif.fields(exif.described(block, SENTENCE, width=4, height=3, dpi=None))
        assert made[315] == text(b"Zoe Mueller")
        placed = orientation not in (3, 6)
        assert {tag: made.get(tag) for tag in GEO} == (GEO if placed else dict.fromkeys(GEO))
        assert (286 in made) is placed


@pytest.mark.parametrize(("unit", "inches"), [(3, 2.0), (2, 5.08), (1, 5.08), (None, 5.08)])
def test_the_place_on_the_page_is_in_inches_as_the_resolution(unit: int | None, inches: float) -> None:
    """Centimeters become inches together with the resolution's unit."""
    fields: Directory = {286: Field(type=5, data=struct.pack("<2I", 508, 100))}
    if unit is not None:
        fields[296] = short(unit)
    made = described(block_of(fields), dpi=(300.0, 300.0))
    assert float(made[286]) == pytest.approx(inches, abs=1e-4)
    assert made[296] == 2


@pytest.mark.parametrize("place", [(1, 0), (4_000_000_000, 1)])
def test_a_place_in_centimeters_that_nobody_can_turn_into_inches_goes(place: tuple[int, int]) -> None:
    """It would be taken for inches."""
    fields: Directory = {286: Field(type=5, data=struct.pack("<2I", *place)), 296: short(3)}
    assert 286 not in described(block_of(fields))


@pytest.mark.parametrize("otherwise", [1, 8])
@pytest.mark.parametrize("stated", [None, 0, 1, 3])
def test_what_lies_in_the_scene_is_turned_with_the_picture(stated: int | None, otherwise: int) -> None:
    """The subject's area is told before the picture is turned (EXIF 2.32, 4.6.5), by EXIF or by what else says so."""
    details: Directory = {0x9214: short(10, 20, 7), 0xA214: short(10, 20), 0x9209: short(0)}
    fields: Directory = {0x8769: details}
    if stated is not None:
        fields[274] = short(stated)
    turned, block = exif.clean(block_of(fields), size=(40, 30), otherwise=otherwise)
    assert block is not None
    x, y = {1: (10, 20), 3: (29, 9), 8: (20, 29)}[turned]
    assert exif.fields(block)[0x8769] == {0x9214: short(x, y, 7), 0xA214: short(x, y), 0x9209: short(0)}


@pytest.mark.parametrize("size", [(0, 0), (40, 20), (10, 30)])
def test_a_subject_told_for_a_picture_of_another_size_goes(size: tuple[int, int]) -> None:
    """Nobody knows where it is when the picture is turned: pixels outside, or of a picture that was larger."""
    details: Directory = {0x9214: short(10, 20), 0xA002: long(40), 0xA003: long(30)}
    fields: Directory = {0x8769: details, 274: short(6)}
    assert 0x9214 in within(exif.clean(block_of(fields), size=(40, 30))[1])
    assert 0x9214 not in within(exif.clean(block_of(fields), size=size)[1])
    fields[274] = short(1)
    assert 0x9214 in within(exif.clean(block_of(fields), size=size)[1])


def within(block: bytes | None) -> Directory:
    """The details of a block."""
    assert block is not None
    details = exif.fields(block)[0x8769]
    assert isinstance(details, dict)
    return details


@pytest.mark.parametrize("otherwise", [1, 8])
@pytest.mark.parametrize("stated", [None, 0, 1, 3])
def test_what_lies_beyond_the_page_goes_when_the_picture_is_turned(stated: int | None, otherwise: int) -> None:
    """The georeference is not turned; nor is the subject where the picture's size is not known."""
    details: Directory = {0x9214: short(10, 20), 0xA214: short(10, 20), 0x9209: short(0)}
    fields: Directory = {0x8769: details, **GEO}
    if stated is not None:
        fields[274] = short(stated)
    turned, block = exif.clean(block_of(fields), otherwise=otherwise)
    assert turned == (stated or otherwise)
    assert block is not None
    kept = exif.fields(block)
    within = kept[0x8769]
    assert isinstance(within, dict)
    assert set(within) == ({0x9214, 0xA214, 0x9209} if turned == 1 else {0x9209})
    assert (set(GEO) <= set(kept)) is (turned == 1)


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


def test_a_block_of_a_jpeg_file_has_what_exif_demands_of_one() -> None:
    """Resolution and positioning stand there; the resolution says square pixels of no size where there is none."""
    made = described(exif_block(), dpi=None, jpeg=True)
    assert (made[0x011A], made[0x011B], made[0x0128], made[0x0213]) == (1.0, 1.0, 1, 1)
    assert made.get_ifd(0x8769)[0x9101] == b"\1\2\3\0"
    assert described(exif_block(), jpeg=True)[0x011A] == 300.0


def test_how_the_master_was_compressed_is_not_told() -> None:
    """Components and bits a pixel of its JPEG file are not those of the derivative."""
    details: Directory = {
        0x9101: Field(type=7, data=b"\1\2\3\0"),
        0x9102: Field(type=5, data=struct.pack("<2I", 4, 1)),
        0x9201: Field(type=10, data=struct.pack("<2i", 7, 1)),
    }
    made = described(block_of({0x8769: details}))
    assert set(made.get_ifd(0x8769)) == {0x9201}


def test_details_of_which_nothing_stays_are_no_directory() -> None:
    """TIFF 6.0 knows no directory without a field (section 2)."""
    data = block_of({0x8769: {0x9102: Field(type=5, data=struct.pack("<2I", 4, 1))}})
    assert 0x8769 not in described(data)


@pytest.mark.parametrize(
    ("index", "srgb", "kept"),
    [
        pytest.param(b"R03", True, (1, False), id="Adobe RGB that became sRGB"),
        pytest.param(b"R98", True, (1, True), id="sRGB with a camera's rules"),
        pytest.param(b"R03", False, (65_535, True), id="a space that is kept"),
    ],
)
def test_the_color_space_is_that_of_the_derivative(index: bytes, srgb: bool, kept: tuple[int, bool]) -> None:
    """It is sRGB where the samples were brought there, and the camera's word for Adobe RGB goes."""
    data = block_of({0x8769: {0xA001: short(65_535), 0xA005: {1: text(index)}}})
    details = described(data, srgb=srgb).get_ifd(0x8769)
    assert (details[0xA001], 0xA005 in details) == kept


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_comment_of_16_bits_is_in_the_byte_order_of_its_block(order: Literal["<", ">"]) -> None:
    """Its bytes stay in a block of the same order, and are little-endian among the fields for a TIFF."""
    words = {"<": "utf-16-le", ">": "utf-16-be"}
    comment = Field(type=7, data=b"UNICODE\0" + "Mérida".encode(words[order]))
    place = Field(type=7, data=b"UNICODE\0" + "GPS".encode(words[order]))
    data = block_of({0x8769: {0x9286: comment}, 0x8825: {0x1B: place}}, Layout(order=order))
    _, block = exif.clean(data)
    assert block is not None
    assert exif_of(block).get_ifd(0x8769)[0x9286] == comment.data
    assert exif_of(block).get_ifd(0x8825)[0x1B] == place.data
    details = exif.fields(block)[0x8769]
    assert isinstance(details, dict)
    assert details[0x9286] == Field(type=7, data=b"UNICODE\0" + "Mérida".encode("utf-16-le"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("padding", [0, 1, 300])
def test_a_makers_note_stays_where_it_was(order: Literal["<", ">"], padding: int) -> None:
    """It may count from the start of the block: its offset is the same in the derivative's, whatever else is longer."""
    note = b"A note that points to itself" + bytes(padding)
    data = block_of({0x10F: text(b"A maker"), 0x8769: {0x927C: Field(type=7, data=note)}}, Layout(order=order))
    block = exif.clean(data)[1]
    assert block is not None
    made = exif.described(block, SENTENCE * 20, width=40, height=30, dpi=(300.0, 300.0))
    assert made.index(note) == block.index(note) == data.index(note)
    assert exif_of(made).get_ifd(0x8769)[0x927C] == note
    assert exif_of(made)[0x010E] == SENTENCE * 20


def test_a_makers_note_makes_no_block_too_large_for_jpeg() -> None:
    """Where a segment would not hold it otherwise, the note stands where there is room."""
    note = b"A note that points to itself" * 1_000
    data = block_of({0x8769: {0x9286: Field(type=7, data=bytes(25_000)), 0x927C: Field(type=7, data=note)}})
    block = exif.clean(data)[1]
    assert block is not None
    assert len(block) < 65_000
    assert exif_of(block).get_ifd(0x8769)[0x927C] == note


def test_a_makers_note_far_away_is_not_kept_there() -> None:
    """A block is not filled up with a page's samples for the sake of its offset."""
    note = b"A note that points to itself"
    far = 200_000
    data = header(far, Layout()).ljust(far, b"\0") + pack({0x8769: {0x927C: Field(type=7, data=note)}}, far, Layout())
    _, block = exif.clean(data)
    assert block is not None
    assert exif_of(block).get_ifd(0x8769)[0x927C] == note
    assert len(block) < 200


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
