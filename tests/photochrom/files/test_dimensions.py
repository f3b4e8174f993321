"""What headers say, against the libraries that wrote the files."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from photochrom.files.dimensions import header

SIDES = (61, 47)


def _array(dtype: type = np.uint8) -> np.ndarray:
    return np.arange(SIDES[0] * SIDES[1]).reshape(SIDES[1], SIDES[0]).astype(dtype)


def _write(folder: Path, kind: str) -> Path:
    path = folder / "a"
    image = Image.fromarray(_array())
    if kind in ("tiff-le", "tiff-be", "bigtiff"):
        order = ">" if kind == "tiff-be" else "<"
        tifffile.imwrite(path, _array(np.uint16), byteorder=order, bigtiff=kind == "bigtiff")
    elif kind == "jp2":
        path.write_bytes(imagecodecs.jpeg2k_encode(_array(), codecformat="jp2"))
    elif kind == "j2k":
        path.write_bytes(imagecodecs.jpeg2k_encode(_array(), codecformat="j2k"))
    elif kind.startswith("webp"):
        options = {"webp": {}, "webp-lossless": {"lossless": True}, "webp-extended": {"exif": b"Exif\0\0"}}[kind]
        image.convert("RGB").save(path, "WEBP", **options)
    elif kind == "jpeg-progressive":
        image.save(path, "JPEG", progressive=True, exif=b"Exif\0\0" + bytes(500))
    elif kind == "bmp-core":
        path.write_bytes(b"BM" + struct.pack("<IIIIHHHH", 26, 0, 26, 12, *SIDES, 1, 24))
    else:
        image.save(path, kind)
    return path


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("JPEG", "jpeg"),
        ("jpeg-progressive", "jpeg"),
        ("PNG", "png"),
        ("tiff-le", "tiff"),
        ("tiff-be", "tiff"),
        ("bigtiff", "bigtiff"),
        ("jp2", "jp2"),
        ("j2k", "j2k"),
        ("webp", "webp"),
        ("webp-lossless", "webp"),
        ("webp-extended", "webp"),
        ("BMP", "bmp"),
        ("bmp-core", "bmp"),
    ],
)
def test_every_format_tells_its_size(kind: str, named: str, tmp_path: Path) -> None:
    """Width and height are read from the header of each format that the service reads, and its kind."""
    found = header(_write(tmp_path, kind))
    assert found is not None
    assert (found.kind, found.width, found.height) == (named, *SIDES)
    assert found.megapixels == pytest.approx(61 * 47 / 1e6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "tiff-le", "bigtiff", "jp2", "j2k", "webp", "BMP"])
def test_a_cut_file_is_not_understood_or_right(kind: str, tmp_path: Path) -> None:
    """At whatever byte a file ends, its size is told as it is, or not at all."""
    whole = _write(tmp_path, kind).read_bytes()
    path = tmp_path / "cut"
    for length in range(0, min(len(whole), 600), 3):
        path.write_bytes(whole[:length])
        found = header(path)
        assert found is None or (found.width, found.height) == SIDES


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"RIFF", b"BM"]),
    st.binary(max_size=200),
)
@example(b"MM\0+", b"\0\x08\0\0" + b"\xff" * 20)
@example(b"MM\0+", b"\0\x08\0\0" + b"\x7f" * 20)
def test_nonsense_is_unknown(tmp_path_factory: pytest.TempPathFactory, magic: bytes, rest: bytes) -> None:
    """Whatever follows the first bytes, an answer comes at once, and it is a size or none."""
    path = tmp_path_factory.getbasetemp() / "nonsense"
    path.write_bytes(magic + rest)
    found = header(path)
    assert found is None or (found.width > 0 and found.height > 0)
