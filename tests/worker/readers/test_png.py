"""The reader of PNG."""

from __future__ import annotations

import binascii
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shared.errors import Corrupt, Truncated, UnsupportedPicture
from tests.makers import (
    PNG_SIGNATURE,
    exif_block,
    iptc_records,
    photoshop_resources,
    png_chunk,
    png_file,
    png_head,
    scene,
    with_chunks,
)
from tests.masters_other import SRGB, XMP, masters
from tests.worker.readers.reading import compare, open_header, read, refuse, refuse_cut, survive
from worker.icc import read_matrix
from worker.pictures import Text
from worker.readers import png

FIXTURES = {name: fixture for name, fixture in masters().items() if name.startswith("png")}
PLAIN = png_file(scene(1), bits=8, color=0)
GAMMA = struct.pack(">I", 45455)


def pixels(
    samples: bytes, *, size: tuple[int, int] = (4, 2), bits: int = 8, color: int = 0, extra: bytes = b""
) -> bytes:
    """A PNG around a zlib stream that is put as it is."""
    body = png_chunk(b"IDAT", samples) + png_chunk(b"IEND", b"")
    return PNG_SIGNATURE + png_head(*size, bits=bits, color=color) + extra + body


def repaired(data: bytes) -> bytes:
    """A damaged PNG whose check sums are right again, as far as its chunks can be told."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out) and at + 12 + (length := int.from_bytes(out[at : at + 4], "big")) <= len(out):
        out[at + 8 + length : at + 12 + length] = struct.pack(">I", zlib.crc32(out[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_read_as_written(name: str) -> None:
    """Samples, kind, depth, alpha, resolution and profile of each fixture come back."""
    compare(png, FIXTURES[name])


@pytest.mark.parametrize("name", ["png-gray-16", "png-rgb-8", "png-palette-4-interlaced", "png-dressed"])
def test_a_cut_file_is_truncated(name: str) -> None:
    """A file that ends early is refused, wherever that is."""
    refuse_cut(png, FIXTURES[name].data)


@pytest.mark.parametrize("at", [20, 45, 60, len(PLAIN) // 2, len(PLAIN) - 20])
def test_a_wrong_check_sum_is_corrupt(at: int) -> None:
    """One wrong bit anywhere in a chunk is damage."""
    with pytest.raises(Corrupt, match="check sum"):
        read(png, PLAIN[:at] + bytes([PLAIN[at] ^ 4]) + PLAIN[at + 1 :])


@pytest.mark.parametrize("at", [0.3, 0.5, 0.8])
def test_a_hole_is_refused_even_with_right_check_sums(at: int) -> None:
    """Zeros in the middle of the stream are damage that zlib sees."""
    start = int(len(PLAIN) * at)
    refuse(png, repaired(PLAIN[:start] + bytes(64) + PLAIN[start + 64 :]))


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        pytest.param(zlib.compress(b"\0abcd"), Truncated, id="a row is missing"),
        pytest.param(zlib.compress(b"\0abcd\0efgh")[:-6], Truncated, id="the stream is cut"),
        pytest.param(zlib.compress(b"\0abcd\0efgh")[:-4] + b"none", Corrupt, id="its check sum is wrong"),
        pytest.param(zlib.compress(b"\0abcd\7efgh"), Corrupt, id="a filter does not exist"),
        pytest.param(b"no stream", Corrupt, id="it is none"),
    ],
)
def test_a_stream_that_is_not_whole_is_refused(stream: bytes, error: type[Exception]) -> None:
    """Rows that are not in the stream are not made up."""
    with pytest.raises(error):
        read(png, pixels(stream))


def test_a_file_without_pixels_is_truncated() -> None:
    """A file that goes from IHDR to IEND lacks its pixels."""
    with pytest.raises(Truncated, match="IDAT"):
        open_header(png, PNG_SIGNATURE + png_head(4, 2, bits=8, color=0) + png_chunk(b"IEND", b""))


def test_a_bomb_shows_its_size_in_the_header() -> None:
    """A small file that claims 400 megapixels is measured before anything is unpacked."""
    header = open_header(png, pixels(zlib.compress(bytes(20_001 * 100)), size=(20_000, 20_000)))
    assert header.pixels == 400_000_000
    assert header.size == 400_000_000


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(png_head(4, 2, bits=16, color=3), id="a palette of 16 bits"),
        pytest.param(png_head(4, 2, bits=8, color=5), id="an unknown color type"),
        pytest.param(png_head(0, 2, bits=8, color=0), id="no width"),
        pytest.param(png_head(4, 2_000_000, bits=8, color=0), id="a side beyond what the decoder takes"),
        pytest.param(png_head(4, 2, bits=8, color=3), id="a palette that is missing"),
        pytest.param(png_chunk(b"IHDR", bytes(5)), id="a short header"),
        pytest.param(png_chunk(b"gAMA", GAMMA), id="no header"),
    ],
)
def test_headers_that_cannot_be_are_corrupt(head: bytes) -> None:
    """An IHDR that PNG does not have is damage."""
    stream = png_chunk(b"IDAT", zlib.compress(b"\0abcd\0efgh"))
    with pytest.raises(Corrupt):
        open_header(png, PNG_SIGNATURE + head + stream + png_chunk(b"IEND", b""))


def test_a_critical_chunk_that_is_not_known_is_unsupported() -> None:
    """No reader may pass over a critical chunk; its name is told."""
    with pytest.raises(UnsupportedPicture, match="CgBI"):
        open_header(png, PNG_SIGNATURE + png_chunk(b"CgBI", bytes(4)) + PLAIN[8:])


def test_an_index_outside_the_palette_is_corrupt() -> None:
    """A pixel that asks for a color that is not there is damage, not black."""
    with pytest.raises(Corrupt, match="number 9"):
        read(png, pixels(zlib.compress(b"\0\1\2\3\x09\0\0\0\0\0"), color=3, extra=png_chunk(b"PLTE", bytes(12))))


@pytest.mark.parametrize(
    ("extra", "warnings"),
    [
        pytest.param(png_chunk(b"gAMA", GAMMA), (), id="1/2.2"),
        pytest.param(png_chunk(b"gAMA", struct.pack(">I", 55_556)), (), id="1/1.8, which is applied"),
        pytest.param(png_chunk(b"gAMA", bytes(4)), ("gamma_ignored",), id="none that can be"),
        pytest.param(png_chunk(b"gAMA", struct.pack(">I", 2_000_000)), ("gamma_ignored",), id="20"),
        pytest.param(
            png_chunk(b"sRGB", b"\0") + png_chunk(b"gAMA", struct.pack(">I", 100_000)), (), id="sRGB comes first"
        ),
        pytest.param(png_chunk(b"cICP", bytes([9, 16, 0, 1])), ("gamma_ignored",), id="perceptual quantizer"),
        pytest.param(png_chunk(b"cICP", bytes([1, 13, 0, 1])), (), id="sRGB by number"),
    ],
)
def test_a_gamma_that_is_not_applied_is_told(extra: bytes, warnings: tuple[str, ...]) -> None:
    """A tone curve far from sRGB's, without a profile, gives a warning."""
    assert open_header(png, with_chunks(PLAIN, extra)).warnings == warnings


@pytest.mark.parametrize(("gamma", "exponent"), [(100_000, 1.0), (55_556, 1.8), (20_000, 5.0)])
def test_a_gamma_far_from_a_screens_is_a_tone_curve(gamma: int, exponent: float) -> None:
    """As a profile it decides what lightness the samples have, as browsers and ImageMagick show them."""
    profile = open_header(png, with_chunks(PLAIN, png_chunk(b"gAMA", struct.pack(">I", gamma)))).profile
    assert profile is not None
    read_back = read_matrix(profile)
    assert read_back is not None
    levels = np.linspace(0, 1, 50)
    np.testing.assert_allclose(read_back.curve(levels), levels**exponent, atol=1e-4)


@pytest.mark.parametrize("extra", [b"", png_chunk(b"gAMA", GAMMA)])
def test_a_screens_gamma_is_no_profile(extra: bytes) -> None:
    """Samples without one, or with the usual one, are sRGB that nobody names."""
    assert open_header(png, with_chunks(PLAIN, extra)).profile is None


def test_texts_for_people_are_found() -> None:
    """Title, description and an archive's own names come in order, of any kind of chunk; a program's do not."""
    extra = (
        png_chunk(b"tEXt", "Title\0Calle en Mérida".encode("latin-1"))
        + png_chunk(b"zTXt", b"Inventory number\0\0" + zlib.compress(b"1907/12"))
        + png_chunk(b"iTXt", "Author\0\0\0es\0Autor\0José 日本".encode())
        + png_chunk(b"tEXt", b"Software\0A scanner")
        + png_chunk(b"tEXt", b"date:create\x002019-05-01")
        + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")
    )
    header = open_header(png, with_chunks(PLAIN, extra))
    assert header.metadata.texts == (
        Text(keyword="Title", words="Calle en Mérida"),
        Text(keyword="Inventory number", words="1907/12"),
        Text(keyword="Author", language="es", words="José 日本"),
    )
    assert header.warnings == ()


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(png_chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(99))[:-9]), id="cut"),
        pytest.param(png_chunk(b"iTXt", b"Title\0\0\0\0\0\xff"), id="not UTF-8"),
        pytest.param(png_chunk(b"iTXt", b"Title\0\0"), id="no words"),
    ],
)
def test_a_text_that_cannot_be_read_is_told(chunk: bytes) -> None:
    """It is left out, with a warning, and the picture is read."""
    header = open_header(png, with_chunks(PLAIN, chunk))
    assert header.metadata.texts == ()
    assert header.warnings == ("metadata_unreadable",)


@pytest.mark.parametrize(
    ("keyword", "language", "found"),
    [
        pytest.param(b"Inventory \xb0", b"", ("Inventory \xb0", ""), id="Latin-1"),
        pytest.param(b"  Shelf  mark ", b"", ("Shelf mark", ""), id="spaces"),
        pytest.param(b"Title", b"en_US", ("Title", "en-US"), id="a locale"),
        pytest.param(b"Title", b"\tes!", ("Title", ""), id="no language"),
        pytest.param(b"Title\x1b[2J", b"", None, id="control characters"),
        pytest.param(b" ", b"", None, id="nothing"),
    ],
)
def test_a_text_is_called_what_png_allows(keyword: bytes, language: bytes, found: tuple[str, str] | None) -> None:
    """A derivative says it anew, by the rules: printable Latin-1, single spaces within, a language of RFC 5646."""
    header = open_header(png, with_chunks(PLAIN, png_chunk(b"iTXt", keyword + b"\0\0\0" + language + b"\0\0a")))
    assert [(text.keyword, text.language) for text in header.metadata.texts] == ([found] if found else [])
    assert header.warnings == (() if found else ("metadata_unreadable",))


def test_a_text_that_is_utf_8_is_read_so() -> None:
    """Many programs write it where PNG means Latin-1, in which nobody means what it would say."""
    chunks = png_chunk(b"tEXt", "Title\0Mérida 日本".encode()) + png_chunk(b"tEXt", "Place\0Mérida".encode("latin-1"))
    texts = open_header(png, with_chunks(PLAIN, chunks)).metadata.texts
    assert [text.words for text in texts] == ["Mérida 日本", "Mérida"]


def test_a_nul_in_a_text_is_a_space() -> None:
    """PNG allows none, and what is behind it would be lost to many readers of the derivative."""
    chunks = png_chunk(b"tEXt", b"Title\0Plate\x0012") + png_chunk(b"iTXt", b"Author\0\0\0\0\0A.\0B.")
    texts = open_header(png, with_chunks(PLAIN, chunks)).metadata.texts
    assert [text.words for text in texts] == ["Plate 12", "A. B."]


def test_a_profile_in_a_text_comes_before_a_gamma() -> None:
    """An ICC profile says more than an exponent, wherever it stands."""
    digits = SRGB.hex().encode()
    text = png_chunk(b"tEXt", b"Raw profile type icc\0\nicc\n%8d\n" % len(SRGB) + digits)
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    assert open_header(png, with_chunks(PLAIN, gamma + text)).profile == SRGB


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"bomb\0\0" + zlib.compress(bytes(40 << 20)), id="it unpacks to 40 MiB"),
        pytest.param(b"cut\0\0" + zlib.compress(SRGB)[:-9], id="it is cut"),
        pytest.param(b"method\0\7" + zlib.compress(SRGB), id="it is packed in an unknown way"),
        pytest.param(b"no end of its name", id="it has no name"),
    ],
)
def test_a_profile_that_cannot_be_unpacked_is_ignored_and_told(body: bytes) -> None:
    """A damaged or outsized profile is left out, with a warning."""
    header = open_header(png, with_chunks(PLAIN, png_chunk(b"iCCP", body)))
    assert header.profile is None
    assert header.warnings == ("profile_unreadable",)


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), id="plain"),
        pytest.param(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0x\0" + zlib.compress(XMP)), id="packed"),
        pytest.param(png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(XMP)), id="in zTXt"),
        pytest.param(png_chunk(b"tEXt", b"XML:com.adobe.xmp\0" + XMP), id="in tEXt"),
    ],
)
def test_xmp_is_found(chunk: bytes) -> None:
    """The packet stands in the header, however its text is kept."""
    assert open_header(png, with_chunks(PLAIN, chunk)).metadata.xmp == XMP


def raw(name: bytes, block: bytes) -> bytes:
    """A profile as ImageMagick keeps it in a text."""
    digits = binascii.hexlify(block)
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\n%s profile\n%8d\n%s\n" % (name.upper(), len(block), lines)
    return png_chunk(b"zTXt", b"Raw profile type %s\0\0" % name + zlib.compress(text))


def test_raw_profiles_are_read() -> None:
    """EXIF, IPTC, XMP and ICC of ImageMagick's texts stand in the header."""
    artist = exif_block(artist="A. Nother")
    wrapped = photoshop_resources(iptc_records("A caption"))
    space = b"http://ns.adobe.com/xap/1.0/\0"
    for chunks in (
        [raw(b"exif", b"Exif\0\0" + artist), raw(b"iptc", wrapped), raw(b"xmp", XMP), raw(b"icc", SRGB)],
        [raw(b"APP1", b"Exif\0\0" + artist), raw(b"8bim", wrapped), raw(b"xmp", XMP), raw(b"icm", SRGB)],
        [raw(b"exif", artist), raw(b"iptc", iptc_records("A caption")), raw(b"APP1", space + XMP), raw(b"icc", SRGB)],
    ):
        header = open_header(png, with_chunks(PLAIN, *chunks))
        assert b"A. Nother" in (header.metadata.exif or b"")
        assert header.metadata.iptc == iptc_records("A caption")
        assert header.metadata.xmp == XMP
        assert header.profile == SRGB
        assert header.warnings == ()


def test_a_raw_profile_that_is_cut_is_told() -> None:
    """A text with fewer digits than it claims is left out, with a warning."""
    text = b"Raw profile type xmp\0\nxmp\n      99\n" + binascii.hexlify(XMP[:50])
    header = open_header(png, with_chunks(PLAIN, png_chunk(b"tEXt", text)))
    assert header.metadata.xmp is None
    assert header.warnings == ("metadata_unreadable",)


def test_metadata_behind_the_pixels_are_found() -> None:
    """Chunks between IDAT and IEND count."""
    data = PLAIN[:-12] + png_chunk(b"eXIf", exif_block(orientation=6)) + PLAIN[-12:]
    header = open_header(png, data)
    assert (header.width, header.height) == scene(1).shape


def test_resolution_without_a_unit_is_none() -> None:
    """A pHYs chunk that only tells the shape of a pixel is no resolution."""
    assert open_header(png, with_chunks(PLAIN, png_chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0)))).dpi is None


def test_of_an_animation_the_still_picture_is_read() -> None:
    """An animated PNG gives its first picture, with a warning."""
    frames = [Image.fromarray(scene(3, seed=seed)) for seed in (0, 1)]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    header, samples = read(png, out.getvalue())
    assert header.warnings == ("multi_page",)
    assert (samples == scene(3)).all()


def test_bytes_behind_the_end_are_no_matter() -> None:
    """What follows IEND is not looked at."""
    _, samples = read(png, PLAIN + b"trailing")
    assert (samples == scene(1)).all()


@pytest.mark.parametrize("name", FIXTURES)
def test_mutations_are_read_or_refused(name: str) -> None:
    """Random damage raises nothing but errors of pictures, with wrong check sums and with right ones."""
    survive(png, FIXTURES[name])
    survive(png, FIXTURES[name], repair=repaired, seed=2)
