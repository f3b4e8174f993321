"""The reader of JPEG."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from tests.makers import exif_block, iptc_records, photoshop_resources, saved, scene, with_segments
from tests.masters_other import SRGB, XMP, masters
from tests.worker.readers.reading import compare, holed, open_header, read, refuse, refuse_cut, survive
from worker.pictures import Text
from worker.readers import jpeg

FIXTURES = {name: fixture for name, fixture in masters().items() if name.startswith("jpeg")}

#: A picture with grain, large enough that a hole of 512 bytes is a small part of it.
GRAINY = np.clip(
    scene(1, width=600, height=400).astype(int) + np.random.default_rng(3).integers(-9, 10, (400, 600)), 0, 255
).astype(np.uint8)
CODED = {
    "baseline": saved(GRAINY, "JPEG", quality=90),
    "optimized": saved(GRAINY, "JPEG", quality=80, optimize=True),
    "progressive": saved(GRAINY, "JPEG", quality=90, progressive=True),
    "color": saved(np.dstack([GRAINY] * 3), "JPEG", quality=90),
    "restarts": saved(GRAINY, "JPEG", quality=90, restart_marker_rows=1),
    "12 bits": imagecodecs.jpeg8_encode(GRAINY.astype(np.uint16) * 16, level=90, bitspersample=12),
    "lossless": imagecodecs.jpeg8_encode(GRAINY.astype(np.uint16) * 257, bitspersample=16, lossless=True),
}
PLAIN = saved(scene(3), "JPEG", quality=95, subsampling=0)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, resolution and profile of each fixture come back."""
    compare(jpeg, FIXTURES[name])


@pytest.mark.parametrize(
    "name",
    ["jpeg-gray", "jpeg-420-progressive", "jpeg-ycck", "jpeg-12-gray", "jpeg-lossless-16-rgb", "jpeg-arithmetic"],
)
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file that ends early is refused, wherever that is."""
    refuse_cut(jpeg, FIXTURES[name].data)


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_a_hole_is_refused(name: str, fill: bytes) -> None:
    """A hole of 512 bytes in the coded data is no picture, though both ends of the file are whole."""
    for at in np.linspace(0.2, 0.7, 12):
        refuse(jpeg, holed(CODED[name], at=at, fill=fill))


@pytest.mark.parametrize("shift", range(8))
def test_a_short_hole_is_told_wherever_it_lies(shift: int) -> None:
    """Sixty-four bytes of zeros in the coded data are called a hole, at an even place or an odd one."""
    data = CODED["baseline"]
    start = len(data) // 2 + shift
    with pytest.raises(Corrupt, match="hole of zeros"):
        read(jpeg, data[:start] + bytes(64) + data[start + 64 :])


@pytest.mark.parametrize("way", [{}, {"optimize": True}, {"progressive": True}])
def test_a_blank_page_is_no_hole(way: dict[str, bool]) -> None:
    """A picture that is white but for one corner is read, though zeros are what such data are made of."""
    page = np.full((2000, 1600), 255, np.uint8)
    page[:64, :64] = GRAINY[:64, :64]
    _, samples = read(jpeg, saved(page, "JPEG", quality=90, **way))
    assert (samples[100:] == 255).all()


def test_a_blank_lossless_page_is_no_hole() -> None:
    """A lossless picture of one value is read."""
    page = np.full((500, 500), 40_000, np.uint16)
    _, samples = read(jpeg, imagecodecs.jpeg8_encode(page, bitspersample=16, lossless=True))
    assert (samples == page).all()


def test_bytes_between_segments_are_refused() -> None:
    """Garbage before a marker is damage."""
    with pytest.raises(Corrupt, match="marker"):
        open_header(jpeg, PLAIN[:2] + b"garbage" + PLAIN[2:])


def test_parts_of_a_profile_may_come_in_any_order() -> None:
    """A profile is joined by the numbers of its parts."""
    halves = [(0xE2, b"ICC_PROFILE\0\2\2" + SRGB[200:]), (0xE2, b"ICC_PROFILE\0\1\2" + SRGB[:200])]
    assert open_header(jpeg, with_segments(PLAIN, *halves)).profile == SRGB


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"\1\2" + SRGB[:200]], id="the second is missing"),
        pytest.param([b"\2\2" + SRGB[200:]], id="the first is missing"),
        pytest.param([b"\1\2" + SRGB[:200], b"\2\3" + SRGB[200:]], id="their counts differ"),
        pytest.param([b"\0\1" + SRGB], id="it has number 0"),
    ],
)
def test_a_profile_with_a_part_missing_is_ignored_and_told(parts: list[bytes]) -> None:
    """Half a profile is none, and the header warns of it."""
    header = open_header(jpeg, with_segments(PLAIN, *((0xE2, b"ICC_PROFILE\0" + part) for part in parts)))
    assert header.profile is None
    assert header.warnings == ("profile_unreadable",)


def test_metadata_come_along() -> None:
    """EXIF, XMP and IPTC stand in the header, each as its own standard has it."""
    metadata = open_header(jpeg, FIXTURES["jpeg-dressed"].data).metadata
    assert metadata.exif is not None
    assert b"A. Nother" in metadata.exif
    assert metadata.exif[:4] in (b"II*\0", b"MM\0*")
    assert metadata.xmp == XMP
    assert metadata.iptc == b"\x1c\x02\x78\0\x09A caption"


@pytest.mark.parametrize(
    ("unit", "density", "dpi"),
    [(1, (300, 150), (300.0, 150.0)), (2, (100, 200), (254.0, 508.0)), (0, (1, 1), None), (1, (0, 300), None)],
)
def test_density_is_read_in_its_unit(unit: int, density: tuple[int, int], dpi: tuple[float, float] | None) -> None:
    """JFIF's density counts where it has a unit and a size."""
    at = PLAIN.index(b"JFIF\0") + 7
    data = PLAIN[:at] + struct.pack(">BHH", unit, *density) + PLAIN[at + 5 :]
    assert open_header(jpeg, data).dpi == dpi


def test_the_resolution_of_exif_comes_first() -> None:
    """Where EXIF and JFIF differ, EXIF counts."""
    data = with_segments(saved(scene(1), "JPEG", dpi=(72, 72)), (0xE1, b"Exif\0\0" + exif_block(dpi=600)))
    assert open_header(jpeg, data).dpi == (600, 600)


def extended(rest: bytes, *, lost: bool = False) -> bytes:
    """A JPEG whose XMP goes on in two segments of an extension."""
    digest = b"0123456789ABCDEF0123456789ABCDEF"
    main = XMP.replace(
        b"<rdf:Description ",
        b'<rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s" ' % digest,
    )
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">I", len(rest))
    parts = [(0xE1, head + struct.pack(">I", at) + rest[at : at + 200]) for at in range(0, len(rest), 200)]
    first = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main)
    return with_segments(PLAIN, *(parts[:-1] if lost else parts[::-1]), first)


REST = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"><rdf:Description rdf:about="" photoshop:City="Oslo"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def test_extended_xmp_is_joined() -> None:
    """Properties of an extension stand in the packet, with the name spaces that they need."""
    header = open_header(jpeg, extended(REST))
    packet = header.metadata.xmp or b""
    assert packet.count(b"</rdf:RDF>") == 1
    assert packet.index(b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"') < packet.index(b'City="Oslo"')
    assert b'dc:format="image/jpeg"' in packet
    assert header.warnings == ()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(extended(REST, lost=True), id="a part is missing"),
        pytest.param(extended(b"<!DOCTYPE x>" + REST), id="it declares a document type"),
        pytest.param(extended(REST.replace(b"/1999/", b"/2999/")), id="its prefixes mean something else"),
    ],
)
def test_an_extension_that_cannot_be_joined_is_told(data: bytes) -> None:
    """The main packet stays alone, and the header warns of it."""
    header = open_header(jpeg, data)
    assert b"Oslo" not in (header.metadata.xmp or b"")
    assert b"dc:format" in (header.metadata.xmp or b"")
    assert header.warnings == ("metadata_unreadable",)


def test_iptc_that_is_cut_is_kept_as_far_as_it_is_whole() -> None:
    """As in every format: the whole records come through, and the rest is told of."""
    records = iptc_records("A caption")
    body = b"Photoshop 3.0\0" + photoshop_resources(records + records)[:-3]
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    header = open_header(jpeg, PLAIN[:2] + segment + PLAIN[2:])
    assert (header.metadata.iptc, header.warnings) == (records, ("metadata_unreadable",))


def patched(at: int, *values: int, data: bytes = PLAIN) -> bytes:
    """A JPEG with other bytes in its frame header: 0 is the marker's second, 3 the precision."""
    start = data.index(b"\xff\xc0") + 1 + at
    return data[:start] + bytes(values) + data[start + len(values) :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(patched(0, 0xC5), id="hierarchical"),
        pytest.param(patched(0, 0xCB), id="lossless in arithmetic coding"),
        pytest.param(patched(4, 0, 0), id="its height comes later"),
        pytest.param(patched(8, 2), id="two components"),
        pytest.param(patched(10, 0x31), id="color at a third of the width"),
    ],
)
def test_rare_kinds_are_named_unsupported(data: bytes) -> None:
    """What no decoder at hand reads strictly is refused at the header."""
    with pytest.raises(UnsupportedPicture):
        open_header(jpeg, data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(patched(3, 9), id="9 bits"),
        pytest.param(patched(6, 0, 0), id="no width"),
        pytest.param(patched(8, 3, data=patched(0, 0xC0, 0, 8)), id="a short frame header"),
        pytest.param(with_segments(PLAIN, (0xC0, b"\x08\0\x2f\0\x3d\1\1\x11\0")), id="two frame headers"),
    ],
)
def test_headers_that_cannot_be_are_corrupt(data: bytes) -> None:
    """A frame header that contradicts itself is damage."""
    with pytest.raises(Corrupt):
        open_header(jpeg, data)


def test_lossless_color_differences_are_unsupported() -> None:
    """A lossless file that claims YCbCr is refused by name: its decoder does not convert it."""
    data = FIXTURES["jpeg-lossless-8-rgb"].data
    transform = data.index(b"Adobe\0") + 11
    with pytest.raises(UnsupportedPicture, match="YCbCr"):
        read(jpeg, data[:transform] + b"\1" + data[transform + 1 :])


def test_a_claim_of_many_pixels_shows_in_the_header() -> None:
    """Size comes from the header alone, before anything is decoded."""
    header = open_header(jpeg, patched(4, 0xFF, 0xDC, 0xFF, 0xDC))
    assert (header.width, header.height, header.pixels) == (65_500, 65_500, 4_290_250_000)


def test_a_file_of_very_many_scans_is_corrupt() -> None:
    """Each scan costs a pass over the picture, so there is a limit to them."""
    data = FIXTURES["jpeg-420-progressive"].data
    last = data.rindex(b"\xff\xda")
    with pytest.raises(Corrupt, match="scans"):
        read(jpeg, data[:last] + data[last:-2] * 600 + data[-2:])


def test_each_call_of_strips_gives_its_own_samples() -> None:
    """A caller may write into a strip; the next call is not touched by it."""
    page = jpeg.open_master(io.BytesIO(PLAIN)).pages[0]
    (first,) = page.strips()
    kept = first.copy()
    first[:] = 0
    (second,) = page.strips()
    assert (second == kept).all()


def test_an_empty_file_is_truncated() -> None:
    """No byte at all is a file that ends early."""
    with pytest.raises(Truncated):
        open_header(jpeg, b"")


@pytest.mark.parametrize("name", FIXTURES)
def test_mutations_are_read_or_refused(name: str) -> None:
    """Random damage raises nothing but errors of pictures."""
    survive(jpeg, FIXTURES[name])


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        pytest.param("Inv. 12, Mérida".encode(), "Inv. 12, Mérida", id="UTF-8"),
        pytest.param("Inv. 12, Mérida".encode("latin-1"), "Inv. 12, Mérida", id="Latin-1"),
        pytest.param(b"Inv. 12\0", "Inv. 12", id="ended by a NUL"),
        pytest.param(b"\0\0", None, id="nothing"),
        pytest.param(b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n", None, id="how it was compressed"),
    ],
)
def test_a_comment_is_found(comment: bytes, words: str | None) -> None:
    """Its words stand in the header, whatever their characters are coded in."""
    header = open_header(jpeg, with_segments(saved(scene(), "JPEG"), (0xFE, comment)))
    assert header.metadata.texts == ((Text(keyword="Comment", words=words),) if words else ())
