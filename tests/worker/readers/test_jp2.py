"""The reader of JPEG 2000."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from models.spaces import Samples
from shared.errors import Corrupt, Truncated, UnsupportedPicture
from tests.makers import (
    box,
    enumerated,
    exif_block,
    iptc_records,
    jp2_file,
    photoshop_resources,
    saved,
    scene,
)
from tests.masters_other import SRGB, XMP, masters
from tests.worker.icc_samples import GAMMA_18, matrix_profile, profile
from tests.worker.readers.reading import compare, holed, open_header, read, refuse_cut, survive
from worker.pictures import Kind
from worker.readers import jp2

FIXTURES = {name: fixture for name, fixture in masters().items() if name.startswith(("jp2", "j2k"))}
SIZE = (scene(1).shape[1], scene(1).shape[0])

#: A picture with grain, large enough that a hole of 512 bytes is a small part of it.
GRAINY = np.random.default_rng(3).integers(90, 160, (300, 400), dtype=np.uint8)


def stream(samples: Samples, **options: object) -> bytes:
    """A codestream without loss."""
    return imagecodecs.jpeg2k_encode(samples, 0, codecformat="j2k", **options)  # type: ignore[arg-type]


GRAY, RGB = stream(scene(1)), stream(scene(3))


def tiles(codestream: bytes) -> list[tuple[int, int]]:
    """Where each tile-part of a codestream begins and ends."""
    at = 2
    while codestream[at : at + 2] != b"\xff\x90":
        at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    found = []
    while codestream[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(codestream[at + 6 : at + 10], "big")
        found.append((at, at + length))
        at += length
    return found


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, alpha, resolution and profile of each fixture come back."""
    compare(jp2, FIXTURES[name])


@pytest.mark.parametrize("name", ["j2k-gray-8", "jp2-rgb-16", "jp2-tiled", "jp2-precincts", "jp2-lossy", "jp2-palette"])
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file that ends early is refused, wherever that is."""
    refuse_cut(jp2, FIXTURES[name].data)


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
@pytest.mark.parametrize("at", [0.3, 0.5, 0.8])
def test_a_hole_is_corrupt(fill: bytes, at: float) -> None:
    """Zeros that no arithmetic coder writes, and bytes that look like markers, are damage; the decoder sees neither."""
    data = stream(GRAINY)
    with pytest.raises(Corrupt):
        read(jp2, holed(data, at=at, fill=fill))


def test_empty_packets_are_no_hole() -> None:
    """A codestream of 600 layers in which every packet is empty, one zero each, is read: it says all over gray."""
    layers = GRAY.index(b"\xff\x52") + 6
    start = tiles(GRAY)[0][0]
    levels = GRAY[layers + 3]
    part = GRAY[start : start + 6] + struct.pack(">I", 14 + 600 * (levels + 1)) + b"\0\1\xff\x93"
    data = GRAY[:layers] + struct.pack(">H", 600) + GRAY[layers + 2 : start] + part + bytes(600 * (levels + 1))
    _, samples = read(jp2, data + b"\xff\xd9")
    assert (samples == 128).all()


TILED = saved(scene(3), "JPEG2000", tile_size=(32, 32), no_jp2=True)


def test_a_tile_that_is_missing_is_truncated() -> None:
    """A codestream of which a tile was cut out, its end marker in place, is not filled with gray."""
    for start, end in tiles(TILED):
        with pytest.raises(Truncated, match="tiles"):
            read(jp2, TILED[:start] + TILED[end:])


def test_a_tile_that_stands_twice_is_corrupt() -> None:
    """A part of a tile that was there before is damage."""
    start, end = tiles(TILED)[1]
    with pytest.raises(Corrupt, match="wrong place"):
        read(jp2, TILED[:end] + TILED[start:end] + TILED[end:])


def test_an_end_marker_that_is_missing_is_truncated() -> None:
    """A bare codestream ends with its marker."""
    with pytest.raises(Truncated, match="end marker"):
        read(jp2, GRAY[:-2])


def test_the_last_tile_may_leave_its_length_open() -> None:
    """A length of 0 stands for all up to the end marker."""
    start = tiles(GRAY)[0][0]
    _, samples = read(jp2, GRAY[: start + 6] + bytes(4) + GRAY[start + 10 :])
    assert (samples == scene(1)).all()


def test_a_profile_is_given_and_not_applied() -> None:
    """Samples stay in the space of their profile: whoever reads them applies it, once."""
    wide = matrix_profile([GAMMA_18] * 3, [(0.6, 0.3, 0.1), (0.25, 0.6, 0.1), (0.1, 0.1, 0.6)])
    header, samples = read(jp2, jp2_file(RGB, SIZE, colr=b"\2\0\0" + wide, channels=3))
    assert header.profile == wide
    assert (samples == scene(3)).all()


def test_a_profile_that_is_none_is_ignored_and_told() -> None:
    """Bytes that are no profile leave the channels to be told by their number."""
    header, samples = read(jp2, jp2_file(RGB, SIZE, colr=b"\2\0\0not a profile", channels=3))
    assert (header.kind, header.profile, header.warnings) == (Kind.RGB, None, ("profile_unreadable",))
    assert (samples == scene(3)).all()


def test_a_color_box_that_is_not_understood_is_passed_over() -> None:
    """Of several color boxes the first that says something counts."""
    more = box(b"colr", enumerated(17))
    assert open_header(jp2, jp2_file(GRAY, SIZE, colr=b"\5\0\0vendor", channels=1, head=more)).kind is Kind.GRAY


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jp2_file(RGB, SIZE, colr=enumerated(14), channels=3), id="CIELab"),
        pytest.param(jp2_file(stream(scene(4)), SIZE, colr=enumerated(12), channels=4), id="CMYK by number"),
        pytest.param(jp2_file(RGB, SIZE, colr=enumerated(17), channels=3), id="gray of three channels"),
        pytest.param(jp2_file(RGB, SIZE, colr=b"\2\0\0" + profile(b"Lab ", []), channels=3), id="a profile for Lab"),
        pytest.param(stream(np.dstack([scene(4), scene(1)]), mct=False), id="five components"),
        pytest.param(stream(scene(1).astype(np.int16) - 100), id="signed"),
        pytest.param(
            jp2_file(
                stream(scene(2)),
                SIZE,
                colr=enumerated(17),
                channels=2,
                head=box(b"cdef", struct.pack(">7H", 2, 0, 0, 1, 1, 65535, 65535)),
            ),
            id="a channel that is not opacity",
        ),
        pytest.param(
            jp2_file(
                GRAY, SIZE, colr=enumerated(16), channels=1, head=box(b"pclr", struct.pack(">HB", 1, 3) + b"\x0b" * 9)
            ),
            id="a palette of 12 bits",
        ),
    ],
)
def test_rare_kinds_are_named_unsupported(data: bytes) -> None:
    """What is not read is refused at the header."""
    with pytest.raises(UnsupportedPicture):
        open_header(jp2, data)


def sized(at: int, fmt: str, value: int, data: bytes = GRAY) -> bytes:
    """A codestream with another number in its SIZ segment."""
    start = data.index(b"\xff\x51") + at
    return data[:start] + struct.pack(fmt, value) + data[start + struct.calcsize(fmt) :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sized(6, ">I", 0), id="no width"),
        pytest.param(sized(14, ">I", 10_000), id="an offset beyond the picture"),
        pytest.param(sized(22, ">I", 0), id="tiles without width"),
        pytest.param(sized(38, ">H", 0), id="no components"),
        pytest.param(sized(41, ">B", 0), id="samples without width"),
        pytest.param(sized(6, ">I", 1_000_000, sized(22, ">I", 1)), id="a million tiles"),
        pytest.param(GRAY[:2] + GRAY[4:], id="no size"),
        pytest.param(jp2_file(GRAY, SIZE, colr=None, channels=1, head=box(b"pclr", b"\0")), id="a cut palette"),
    ],
)
def test_headers_that_cannot_be_are_corrupt(data: bytes) -> None:
    """A main header that contradicts itself is damage."""
    with pytest.raises(Corrupt):
        open_header(jp2, data)


def test_a_claim_of_many_pixels_shows_in_the_header() -> None:
    """Size comes from the header alone, before anything is decoded."""
    header = open_header(jp2, sized(6, ">I", 60_000))
    assert (header.width, header.height) == (60_000, SIZE[1])


def test_resolution_as_captured_comes_first() -> None:
    """Of two resolutions the one of the scan counts; with powers of ten, in its own direction."""
    shown = box(b"resd", struct.pack(">HHHHbb", 72, 1, 72, 1, 0, 0))
    captured = box(b"resc", struct.pack(">HHHHbb", 11811, 1000, 23622, 100, 3, 2))
    data = jp2_file(GRAY, SIZE, colr=enumerated(17), channels=1, head=box(b"res ", shown + captured))
    assert open_header(jp2, data).dpi == (600.0, 300.0)


def test_metadata_come_along() -> None:
    """XMP, EXIF and IPTC of uuid boxes stand in the header, and EXIF's orientation turns it."""
    block = b"JpgTiffExif->JP2" + exif_block(orientation=6, artist="A. Nother")
    records = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + iptc_records("A caption")
    packet = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP
    tail = box(b"uuid", block) + box(b"uuid", records) + box(b"uuid", packet)
    header = open_header(jp2, jp2_file(GRAY, SIZE, colr=enumerated(17), channels=1, tail=tail))
    assert b"A. Nother" in (header.metadata.exif or b"")
    assert header.metadata.iptc == iptc_records("A caption")
    assert header.metadata.xmp == XMP
    assert (header.height, header.width) == SIZE


def test_iptc_is_found_among_photoshop_resources() -> None:
    """Photoshop's box is opened where there is none of IPTC alone."""
    body = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb") + photoshop_resources(iptc_records("A caption"))
    data = jp2_file(GRAY, SIZE, colr=enumerated(17), channels=1, tail=box(b"uuid", body))
    assert open_header(jp2, data).metadata.iptc == iptc_records("A caption")


def test_iptc_that_is_none_is_told() -> None:
    """What does not begin as a record is not carried into a derivative, where nobody could read it."""
    body = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + b"\xff" + iptc_records("A caption")
    header = open_header(jp2, jp2_file(GRAY, SIZE, colr=enumerated(17), channels=1, tail=box(b"uuid", body)))
    assert (header.metadata.iptc, header.warnings) == (None, ("metadata_unreadable",))


def test_of_several_codestreams_the_first_is_read() -> None:
    """A file with more pictures gives the first, with a warning."""
    other = box(b"jp2c", stream(scene(1, seed=5)))
    header, samples = read(jp2, jp2_file(GRAY, SIZE, colr=enumerated(17), channels=1, tail=other))
    assert header.warnings == ("multi_page",)
    assert (samples == scene(1)).all()


@pytest.mark.parametrize(("name", "word"), [("jp2-lossy", "lossy"), ("jp2-rgb-8", "lossless")])
def test_the_wavelet_tells_the_compression(name: str, word: str) -> None:
    """The wavelet that rounds is lossy, the other is not."""
    assert open_header(jp2, FIXTURES[name].data).compression == word


def test_a_large_box_is_read() -> None:
    """A box may have its length in eight bytes, or go to the end of the file."""
    start = jp2_file(b"", SIZE, colr=b"\2\0\0" + SRGB, channels=3)[:-8]
    for head in (struct.pack(">I4sQ", 1, b"jp2c", 16 + len(RGB)), struct.pack(">I4s", 0, b"jp2c")):
        _, samples = read(jp2, start + head + RGB)
        assert (samples == scene(3)).all()


@pytest.mark.parametrize("name", FIXTURES)
def test_mutations_are_read_or_refused(name: str) -> None:
    """Random damage raises nothing but errors of pictures."""
    survive(jp2, FIXTURES[name])
