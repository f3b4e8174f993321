"""JPEG: segments in their order and within their size, full color resolution, strict readers."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from shared.errors import MetadataTooLarge, UnsupportedPicture
from tests.worker.metadata.blocks import IPTC, MARKS, SENTENCE, XMP, exif_block
from tests.worker.writers.dressed import METADATA, PROFILE, dressing, picture, strips, written
from worker.metadata import exif, iptc, packets, xmp
from worker.readers import open_master
from worker.writers import jpeg


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields marker and contents of each segment up to the start of scan."""
    at = 2
    while True:
        mark, marker, length = struct.unpack_from(">BBH", data, at)
        assert mark == 0xFF
        yield marker, data[at + 4 : at + 2 + length]
        if marker == 0xDA:
            return
        at += 2 + length


def file(**changes: object) -> tuple[bytes, tuple[str, ...]]:
    """Returns a small JPEG."""
    return written("jpeg", picture(30, 40), compression="lossy", **changes)


def test_segments_come_in_the_order_that_readers_know() -> None:
    """JFIF, EXIF, XMP, profile, IPTC and comment, each once, before the tables."""
    data, warnings = file()
    assert warnings == ()
    found = [(marker, body.split(b"\0")[0]) for marker, body in segments(data) if marker >= 0xE0]
    assert found == [
        (0xE0, b"JFIF"),
        (0xE1, b"Exif"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/"),
        (0xE2, b"ICC_PROFILE"),
        (0xED, b"Photoshop 3.0"),
        (0xFE, SENTENCE.encode()),
    ]


def test_color_has_full_resolution() -> None:
    """Chroma is not subsampled, at any quality."""
    for quality in (1, 95, 100):
        data, _ = file(quality=quality)
        assert simplejpeg.decode_jpeg_header(data, strict=True)[3] == "444"


def test_quality_reaches_the_encoder() -> None:
    """At 100 a level is off by less than 1 on the mean."""
    samples = picture(64, 64)
    data, _ = written("jpeg", samples, compression="lossy", quality=100)
    assert np.abs(simplejpeg.decode_jpeg(data, strict=True).astype(int) - samples).mean() < 1


def test_a_large_profile_is_cut_into_numbered_parts() -> None:
    """A profile of 200 kB comes back byte for byte."""
    profile = PROFILE + bytes(range(256)) * 800
    data, _ = file(profile=profile)
    parts = [body for marker, body in segments(data) if marker == 0xE2]
    assert [part[12:14] for part in parts] == [bytes((number, len(parts))) for number in range(1, len(parts) + 1)]
    assert b"".join(part[14:] for part in parts) == profile
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile


def test_a_profile_beyond_all_segments_is_refused() -> None:
    """A profile cannot be left out: the colors would be others."""
    samples = picture(4, 4)
    page = dressing(samples, compression="lossy", profile=bytes(17 << 20))
    with pytest.raises(UnsupportedPicture, match="profile"):
        jpeg.write(io.BytesIO(), iter([(page, strips(samples))]))


def test_exif_beyond_a_segment_is_dropped_and_told() -> None:
    """What is said here stays: sentence, orientation and resolution."""
    _, block = exif.clean(exif_block(tag_0x9C9C=b"x" * 70_000))
    data, warnings = file(metadata=replace(METADATA, exif=block))
    assert warnings == ("metadata_dropped",)
    with Image.open(io.BytesIO(data)) as image:
        made = image.getexif()
    assert (made[0x010E], made[0x0112], made[0x011A]) == (SENTENCE, 1, 300.0)
    assert 0x013B not in made


def test_a_makers_note_goes_before_the_rest_of_exif() -> None:
    """Where a segment holds all but a camera's note, date and artist stay; that something is lost is told."""
    note = Image.Exif()
    note.load(exif_block())
    note.get_ifd(0x8769)[0x927C] = b"N" * 66_000
    _, block = exif.clean(note.tobytes())
    data, warnings = file(metadata=replace(METADATA, exif=block))
    assert warnings == ("metadata_dropped",)
    with Image.open(io.BytesIO(data)) as image:
        kept = image.getexif()
    assert kept[0x013B] == "Zoe Mueller"
    details = kept.get_ifd(0x8769)
    assert details[0x9003] == "1936:03:09 10:20:30"
    assert 0x927C not in details


def test_xmp_beyond_a_segment_is_extended() -> None:
    """The marks stand in the first part; all parts together are the packet again."""
    log = "".join(f"line {number} " for number in range(20_000))
    more = f'<a:log xmlns:a="http://a.example/">{log}</a:log></rdf:Description>'.encode()
    packet, _ = xmp.merged(XMP.replace(b"</rdf:Description>", more, 1), MARKS)
    data, warnings = file(metadata=replace(METADATA, xmp=packet))
    assert warnings == ()
    bodies = [body for marker, body in segments(data) if marker == 0xE1]
    name = b"http://ns.adobe.com/xmp/extension/\0"
    parts = [body[len(name) :] for body in bodies if body.startswith(name)]
    main = next(body for body in bodies if body.startswith(b"http://ns.adobe.com/xap/1.0/\0"))
    assert MARKS.source_type.encode() in main
    extension = b"".join(part[40:] for part in parts)
    offset = 0
    for part in parts:
        digest, length, at = struct.unpack_from(">32sII", part)
        assert (length, at) == (len(extension), offset)
        assert digest.decode() == hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
        assert digest in main
        offset += len(part) - 40
    assert log.encode() in extension
    header = open_master(io.BytesIO(data)).pages[0].header
    assert header.metadata.xmp is not None
    again, unreadable = xmp.merged(header.metadata.xmp, MARKS)
    assert unreadable == ()
    assert log.encode() in again
    assert b"City Archive" in again


def test_xmp_that_cannot_be_split_is_refused() -> None:
    """A packet beyond all bounds is an error of ours."""
    packet, _ = xmp.merged(None, MARKS)
    huge = packet.replace(b"</rdf:Description>", b"<!--" + b"x" * packets.MOST_BYTES + b"--></rdf:Description>")
    samples = picture(4, 4)
    page = dressing(samples, compression="lossy", metadata=replace(METADATA, xmp=huge))
    with pytest.raises(MetadataTooLarge):
        jpeg.write(io.BytesIO(), iter([(page, strips(samples))]))


def test_iptc_beyond_a_segment_goes_on_in_the_next() -> None:
    """Records of 100 kB come back, as Photoshop joins them."""
    records = IPTC + b"".join(b"\x1c\x02\x19" + struct.pack(">H", 1000) + b"k" * 1000 for _ in range(100))
    data, _ = file(metadata=replace(METADATA, iptc=records))
    parts = [body.removeprefix(iptc.PREFIX) for marker, body in segments(data) if marker == 0xED]
    assert len(parts) == 2
    assert iptc.records(b"".join(parts)) == (records, False)


@pytest.mark.parametrize(
    ("dpi", "unit", "density"),
    [
        pytest.param((300.0, 299.5), 1, (300, 300), id="whole dots, as JFIF has them"),
        pytest.param(None, 0, (1, 1), id="none: square pixels"),
        pytest.param((0.3, 300.0), 0, (1, 1), id="less than a dot"),
        pytest.param((70_000.0, 70_000.0), 0, (1, 1), id="more than 16 bits"),
    ],
)
def test_density(dpi: tuple[float, float] | None, unit: int, density: tuple[int, int]) -> None:
    """The JFIF segment says what it can of the resolution."""
    data, _ = file(dpi=dpi)
    _, body = next(segments(data))
    assert struct.unpack_from(">BHH", body, 7) == (unit, *density)
