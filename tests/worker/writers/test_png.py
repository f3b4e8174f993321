"""PNG: chunks in their order with right checksums, memory of a band."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.worker.metadata.blocks import IPTC, SENTENCE
from tests.worker.writers.dressed import METADATA, PROFILE, Sink, dressing, picture, written
from worker.metadata import iptc
from worker.pictures import Metadata
from worker.writers import png


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields type and contents of each chunk; its checksum is right."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        assert crc == zlib.crc32(kind + body)
        yield kind, body
        at += 12 + length


def test_chunks_come_in_the_order_of_the_standard() -> None:
    """The profile, the resolution and all texts stand before the pixels, which stand together."""
    data, warnings = written("png", picture(400, 900, depth=16))
    assert warnings == ()
    kinds = [kind for kind, _ in chunks(data)]
    assert kinds[:7] == [b"IHDR", b"iCCP", b"pHYs", b"eXIf", b"iTXt", b"iTXt", b"zTXt"]
    assert kinds.count(b"IDAT") > 1
    assert kinds == [*kinds[:7], *[b"IDAT"] * kinds.count(b"IDAT"), b"IEND"]


def test_texts_are_found_by_pillow() -> None:
    """Sentence and packet are texts in UTF-8 under the names that programs look for."""
    data, _ = written("png", picture(5, 7), description="Farbe: geschätzt")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.text["Description"] == "Farbe: geschätzt"
        assert image.text["XML:com.adobe.xmp"].encode() == METADATA.xmp


def test_iptc_is_a_raw_profile_as_imagemagick_writes_it() -> None:
    """A name, a length and hexadecimal digits of the wrapped records."""
    data, _ = written("png", picture(5, 7))
    body = dict(chunks(data))[b"zTXt"]
    keyword, _, rest = body.partition(b"\0")
    assert keyword == b"Raw profile type iptc"
    _, name, length, *digits = zlib.decompress(rest[1:]).split(b"\n")
    wrapped = bytes.fromhex(b"".join(digits).decode())
    assert (name, int(length)) == (b"iptc", len(wrapped))
    assert iptc.records(wrapped) == (IPTC, False)


def test_the_profile_is_compressed_and_whole() -> None:
    """The profile's chunk has a name and the profile byte for byte."""
    data, _ = written("png", picture(5, 7))
    name, _, rest = dict(chunks(data))[b"iCCP"].partition(b"\0")
    assert 1 <= len(name) <= 79
    assert zlib.decompress(rest[1:]) == PROFILE


@pytest.mark.parametrize("alpha", [False, True])
def test_opencv_reads_the_same_16_bits(alpha: bool) -> None:
    """A second reader agrees on samples of 16 bits, which Pillow cuts to 8."""
    samples = picture(67, 131, depth=16, alpha=alpha)
    data, _ = written("png", samples)
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = [2, 1, 0, 3] if alpha else [2, 1, 0]
    assert np.array_equal(found[:, :, order], samples)


def test_memory_is_that_of_a_few_bands() -> None:
    """Writing 30 megapixels takes no more than some megabytes beside the strips that come."""
    strip = picture(250, 10_000)
    page = dressing(strip, height=250 * 12)
    tracemalloc.start()
    try:
        png.write(Sink(), iter([(page, iter([strip] * 12))]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20


def test_the_sentence_is_there_without_any_metadata_of_the_master() -> None:
    """A person who looks at the texts reads it."""
    data, _ = written("png", picture(5, 7), metadata=Metadata())
    assert SENTENCE.encode() in dict(chunks(data))[b"iTXt"]
