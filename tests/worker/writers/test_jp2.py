"""JPEG 2000: boxes, resolution, opacity, and what a quality means."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from models.spaces import Samples
from tests.worker.metadata.blocks import IPTC, exif_of
from tests.worker.writers.dressed import METADATA, PROFILE, picture, written
from worker.writers.jp2 import decibels


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields type and contents of each box."""
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        assert length >= 8
        yield kind, data[at + 8 : at + length]
        at += length
    assert at == len(data)


def test_boxes_come_before_the_codestream() -> None:
    """Signature, type, header and metadata stand before the one codestream."""
    data, warnings = written("jp2", picture(30, 40))
    assert warnings == ()
    assert [kind for kind, _ in boxes(data)] == [b"jP  ", b"ftyp", b"jp2h", b"uuid", b"uuid", b"uuid", b"jp2c"]


def test_metadata_is_under_the_names_that_programs_know() -> None:
    """XMP, EXIF and IPTC have the identifiers of Adobe's programs and exiftool."""
    data, _ = written("jp2", picture(30, 40))
    found = {body[:16].hex(): body[16:] for kind, body in boxes(data) if kind == b"uuid"}
    assert found["be7acfcb97a942e89c71999491e3afac"] == METADATA.xmp
    assert found["33c7a4d2b81d4723a0baf1a3e097ad38"] == IPTC
    assert exif_of(found[b"JpgTiffExif->JP2".hex()])[0x013B] == "Zoe Mueller"


@pytest.mark.parametrize(("profile", "colr"), [(PROFILE, b"\2\0\0" + PROFILE), (None, b"\1\0\0\0\0\0\x10")])
@pytest.mark.parametrize("depth", [8, 16])
def test_the_header_names_size_depth_and_colors(profile: bytes | None, colr: bytes, depth: int) -> None:
    """Size and depth are the picture's; colors are the profile's, or sRGB."""
    data, _ = written("jp2", picture(30, 40, depth=depth), profile=profile)
    head = dict(boxes(dict(boxes(data))[b"jp2h"]))
    assert struct.unpack(">IIHBBBB", head[b"ihdr"]) == (30, 40, 3, depth - 1, 7, 0, 0)
    assert head[b"colr"] == colr
    assert b"cdef" not in head


def test_opacity_is_named() -> None:
    """The fourth channel is opacity, of which Pillow makes alpha."""
    data, _ = written("jp2", picture(30, 40, alpha=True))
    head = dict(boxes(dict(boxes(data))[b"jp2h"]))
    assert struct.unpack(">13H", head[b"cdef"])[0] == 4
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize("dpi", [(300.0, 600.0), (72.0, 299.97), (4800.0, 1.0), (100_000.0, 0.5)])
def test_pillow_reads_the_resolution(dpi: tuple[float, float]) -> None:
    """The capture resolution is right to five places, horizontally and vertically."""
    data, _ = written("jp2", picture(30, 40), dpi=dpi)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["dpi"] == pytest.approx(dpi, rel=1e-4)


@pytest.mark.parametrize("depth", [8, 16])
def test_opencv_reads_the_same_samples(depth: int) -> None:
    """A second reader agrees on what was written without loss."""
    samples = picture(67, 131, depth=depth)
    data, _ = written("jp2", samples)
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(found[:, :, ::-1], samples)


def codestream(data: bytes) -> Samples:
    """Returns the samples of the codestream: of a whole file imagecodecs converts them by the profile."""
    samples: Samples = imagecodecs.jpeg2k_decode(dict(boxes(data))[b"jp2c"])
    return samples


def decibels_of(samples: Samples, found: Samples) -> float:
    """Returns the peak signal-to-noise ratio, dB."""
    top = np.iinfo(samples.dtype).max
    return float(10 * np.log10(top**2 / ((samples.astype(float) - found) ** 2).mean()))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("quality", [1, 25, 50, 75, 95, 100])
def test_a_quality_is_a_ratio_of_signal_to_noise(depth: int, quality: int) -> None:
    """The decoded picture has the decibels that the quality stands for."""
    samples = picture(300, 400, depth=depth, noise=0.03)
    data, _ = written("jp2", samples, compression="lossy", quality=quality)
    # Rounding to 8 bits costs up to 2 dB of 50.
    assert decibels_of(samples, codestream(data)) == pytest.approx(decibels(quality), abs=2)


def test_qualities_rise_evenly() -> None:
    """1 stands for 30 dB, 100 for 50, and no quality for less than a lower one."""
    steps = [decibels(quality) for quality in range(1, 101)]
    assert (steps[0], steps[-1]) == (30, 50)
    assert steps == sorted(steps)
