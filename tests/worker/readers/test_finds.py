"""What every reader makes of the blocks it found, and of the bytes it reads them from."""

from __future__ import annotations

import gzip
import io
import tempfile

import numpy as np
import pytest

from shared.errors import Corrupt, Truncated
from tests.makers import exif_block, saved, scene
from tests.masters_other import XMP
from worker.pictures import Header, Kind
from worker.readers import jpeg
from worker.readers.contents import contents
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.whole_page import WholePage, scaled


def packet(xmp: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """The packet that a header has of one in a file, and its warnings."""
    header, _ = Finds(xmp=xmp).header(width=1, height=1, kind=Kind.GRAY, depth=8, stored_depth=8)
    return header.metadata.xmp, header.warnings


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_xmp_is_given_in_utf_8(coding: str) -> None:
    """A packet in another encoding is brought to UTF-8, without its byte order mark."""
    assert packet(XMP.decode().encode(coding)) == (XMP, ())


def test_padding_behind_xmp_is_dropped() -> None:
    """Zeros behind a packet are no part of it."""
    assert packet(XMP + bytes(9)) == (XMP, ())


def test_xmp_in_no_known_encoding_is_told() -> None:
    """Bytes that are no text are left out, with a warning."""
    assert packet(b"<x>\xff\xfe\xfd</x>") == (None, ("metadata_unreadable",))


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        pytest.param(None, 6, id="no EXIF"),
        pytest.param(exif_block(artist="A. Nother"), 6, id="EXIF that says nothing"),
        pytest.param(exif_block(orientation=1), 1, id="EXIF that says upright"),
        pytest.param(exif_block(orientation=3), 3, id="EXIF that says otherwise"),
    ],
)
def test_a_picture_is_turned_as_xmp_says_where_exif_is_silent(exif: bytes | None, orientation: int) -> None:
    """Bridge and others turn a PNG or JPEG 2000 by its XMP alone; where EXIF says something, that counts."""
    sideways = XMP.replace(b'dc:format="image/jpeg"', b'xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="6"')
    header, told = Finds(exif=exif, xmp=sideways).header(width=3, height=2, kind=Kind.GRAY, depth=8, stored_depth=8)
    assert told == orientation
    assert (header.width, header.height) == ((2, 3) if orientation == 6 else (3, 2))


@pytest.mark.parametrize(
    ("exif", "warnings"),
    [
        pytest.param(exif_block(artist="A. Nother"), (), id="good"),
        pytest.param(b"II*\0\x08\0\0\0\0\0", (), id="one that says nothing"),
        pytest.param(b"", (), id="none"),
        pytest.param(b"\0\0\0\0" + exif_block(artist="A. Nother"), ("metadata_unreadable",), id="no EXIF"),
    ],
)
def test_exif_that_cannot_be_read_is_told(exif: bytes, warnings: tuple[str, ...]) -> None:
    """What is lost of a master's metadata is never lost in silence."""
    header, _ = Finds(exif=exif).header(width=1, height=1, kind=Kind.GRAY, depth=8, stored_depth=8)
    assert header.warnings == warnings


@pytest.mark.parametrize(
    ("per_meter", "dpi"),
    [
        ((11811, 11811), (300.0, 300.0)),
        ((2835, 5669), (72.01, 143.99)),
        ((0, 11811), None),
        ((-1, 11811), None),
        ((0.001, 0.001), None),
        ((float("inf"), 1), None),
    ],
)
def test_dots_a_meter_become_dots_an_inch(per_meter: tuple[float, float], dpi: tuple[float, float] | None) -> None:
    """Whole dots a meter give the round number that they stand for; what is no size gives none."""
    assert dots_per_inch(per_meter) == dpi


def test_a_file_of_the_system_is_read_like_bytes() -> None:
    """A mapped file gives the same rows, wherever it stands."""
    data = saved(scene(1), "JPEG")
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        (mapped,) = jpeg.open_master(file).pages[0].strips()
    (held,) = jpeg.open_master(io.BytesIO(data)).pages[0].strips()
    assert (mapped == held).all()


def test_a_packed_stream_is_read_unpacked() -> None:
    """Of a gzip file the bytes count that it gives, not those of the file below it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(gzip.compress(b"a picture"))
        file.flush()
        with gzip.open(file.name) as packed:
            assert bytes(contents(packed)) == b"a picture"


def test_an_empty_file_of_the_system_is_truncated() -> None:
    """A file without bytes cannot be mapped, and is named what it is."""
    with tempfile.TemporaryFile() as file, pytest.raises(Truncated):
        contents(file)


@pytest.mark.parametrize(
    ("bits", "values", "full"),
    [
        (1, [0, 1], [0, 255]),
        (3, [0, 1, 7], [0, 36, 255]),
        (8, [0, 99, 255], [0, 99, 255]),
        (10, [0, 1, 1023], [0, 64, 65535]),
        (16, [0, 7, 65535], [0, 7, 65535]),
    ],
)
def test_samples_are_spread_over_the_full_range(bits: int, values: list[int], full: list[int]) -> None:
    """Black stays 0, white becomes all bits set, and between them the nearest value is taken."""
    samples = np.array([values], np.uint8 if bits <= 8 else np.uint16)
    assert scaled(samples, bits).tolist() == [full]


def test_a_sample_with_too_many_bits_is_corrupt() -> None:
    """A decoder that gives more than the header says has read damage."""
    with pytest.raises(Corrupt):
        scaled(np.array([[4096]], np.uint16), 12)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2), np.uint8), np.zeros((2, 3), np.uint16)]
)
def test_samples_other_than_promised_are_corrupt(samples: np.ndarray) -> None:
    """A page that decodes to another size, other channels or another depth than its header has is damage."""
    header = Header(width=3, height=2, kind=Kind.GRAY, depth=8, stored_depth=8)
    with pytest.raises(Corrupt, match="promises"):
        next(WholePage(io.BytesIO(b"x"), header, lambda data: samples).strips())
