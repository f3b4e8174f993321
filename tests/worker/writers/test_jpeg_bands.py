"""JPEG in bands: the same picture as coded at once, for every decoder, and damage that ends with its band."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import cv2
import imagecodecs
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.worker.writers.dressed import picture, written
from worker.bands import rows_of
from worker.readers import open_master
from worker.writers import jpeg_bands
from worker.writers.jpeg_bands import coded


def banded(samples: np.ndarray, quality: int = 95) -> bytes:
    """Returns the file of a picture, without JFIF's segment."""
    height, width = samples.shape[:2]
    rows = rows_of(width)
    bands = (samples[top : top + rows] for top in range(0, height, rows))
    return b"\xff\xd8" + b"".join(coded(bands, width=width, height=height, quality=quality))


def grain(height: int, width: int, seed: int = 1907) -> np.ndarray:
    """Returns a colored wedge with grain, uint8[height, width, 3]."""
    wedge = np.linspace(20, 230, height)[:, None, None] + np.linspace(-20, 20, width)[:, None] * [1, 0, -1]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return np.clip(wedge + noise, 0, 255).astype(np.uint8)


def at_once(samples: np.ndarray, quality: int = 95) -> bytes:
    """Returns the file as it is without bands."""
    data: bytes = simplejpeg.encode_jpeg(samples, quality=quality, colorspace="RGB", colorsubsampling="444")
    return data


DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    "simplejpeg": lambda data: simplejpeg.decode_jpeg(data, strict=True),
    "Pillow": lambda data: np.asarray(Image.open(io.BytesIO(data))),
    "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR),
    "imagecodecs": imagecodecs.jpeg8_decode,
}


@given(st.integers(1, 3), st.integers(-1, 9), st.integers(4000, 9000), st.integers(1, 100), st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_bands_are_the_picture_that_is_coded_at_once(
    bands: int, more: int, width: int, quality: int, seed: int
) -> None:
    """Whatever the size, a restart changes no sample, and costs a few bytes."""
    samples = grain(bands * rows_of(width) + more, width, seed)
    data, whole = banded(samples, quality), at_once(samples, quality)
    decode = DECODERS["simplejpeg"]
    assert np.array_equal(decode(data), decode(whole))
    assert len(data) < len(whole) + 200


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_reads_more_bands_than_there_are_restart_markers(name: str) -> None:
    """Ten bands, so that the markers RST0 to RST7 come round again."""
    samples = grain(9 * 64 + 5, 4096)
    data = banded(samples)
    assert [data.count(bytes((0xFF, 0xD0 + number))) for number in range(8)] == [2, 1, 1, 1, 1, 1, 1, 1]
    assert np.array_equal(DECODERS[name](data), DECODERS[name](at_once(samples)))


def test_the_widest_band_is_no_longer_than_an_interval() -> None:
    """At 65,500 pixels a band has 65,504 units, and the format can say up to 65,535."""
    assert rows_of(65_500) == 64
    data = banded(np.full((65, 65_500, 3), 99, np.uint8))
    at = data.index(b"\xff\xdd\x00\x04")
    assert struct.unpack_from(">H", data, at + 4) == (65_504,)
    assert simplejpeg.decode_jpeg_header(data)[:2] == (65, 65_500)
    assert (simplejpeg.decode_jpeg(data, strict=True) == 99).all()


@pytest.mark.parametrize("rows", [1, 63, 64])
def test_a_picture_of_one_band_has_no_interval(rows: int) -> None:
    """A small file has nothing in it that it does not need."""
    data = banded(grain(rows, 4096))
    assert b"\xff\xdd" not in data
    assert not any(bytes((0xFF, 0xD0 + number)) in data for number in range(8))


def test_damage_ends_with_its_band() -> None:
    """A decoder that goes on at the next restart loses one band, not the rest of the picture."""
    samples = grain(4 * 64, 4096)
    data = bytearray(banded(samples))
    starts = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    data[starts[0] + 400 : starts[0] + 420] = bytes(20)
    off = np.abs(imagecodecs.jpeg8_decode(bytes(data)).astype(int) - imagecodecs.jpeg8_decode(banded(samples)))
    assert off[64:128].max() > 0
    assert off[:64].max() == off[128:].max() == 0


def test_our_own_reader_and_writer_agree() -> None:
    """A derivative of several bands is read strictly, and has the size that was written."""
    data, warnings = written("jpeg", picture(150, 4100), compression="lossy")
    assert warnings == ()
    header = open_master(io.BytesIO(data)).pages[0].header
    assert (header.height, header.width) == (150, 4100)
    assert sum(len(strip) for strip in open_master(io.BytesIO(data)).pages[0].strips()) == 150


def test_bands_of_other_tables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be one scan is not written as one."""
    qualities = iter([95, 90])
    monkeypatch.setattr(jpeg_bands, "_coded", lambda band, quality: at_once(band, next(qualities)))
    with pytest.raises(ValueError, match="tables"):
        banded(grain(65, 4096))
