"""Caffe's weights file: what is written is read, and nothing else becomes a model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.eccv16 import wire
from models.eccv16.caffemodel import parse, read, write
from shared.errors import ModelDamaged

DATA = [np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), np.array([1.5, -2], np.float32)]


def small() -> bytes:
    """A file of two layers, one of them without arrays."""
    file = io.BytesIO()
    write(file, "net", [("first", "Convolution", DATA), ("second", "ReLU", [])])
    return file.getvalue()


def of_blob(blob: bytes) -> bytes:
    """A file of one layer with this array."""
    return wire.field(100, wire.field(1, b"a") + wire.field(7, blob))


def shape(*sides: int) -> bytes:
    """The field of a shape."""
    return wire.field(7, wire.field(1, b"".join(map(wire.varint, sides))))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Names, shapes and numbers come back, as views of the file."""
    path = tmp_path / "a.caffemodel"
    path.write_bytes(small())
    blobs = read(path)
    assert list(blobs) == ["first"]
    for found, right in zip(blobs["first"], DATA, strict=True):
        assert np.array_equal(found, right)
        assert not found.flags.owndata
        assert not found.flags.writeable


def test_a_name_of_any_length_is_no_web_page() -> None:
    """A file may begin with a line feed and "<": the field of the name, and a length of 60."""
    file = io.BytesIO()
    write(file, "n" * 60, [("first", "Convolution", DATA)])
    assert file.getvalue().startswith(b"\n<")
    assert list(parse(file.getbuffer(), "a")) == ["first"]


def test_files_of_before_2014_are_read() -> None:
    """Their shapes have four sides, in fields of their own, and a vector is 1 x 1 x 1 x n."""
    sides = b"".join(wire.varint(number << 3) + wire.varint(side) for number, side in ((1, 2), (2, 3), (3, 1), (4, 1)))
    data = wire.field(5, np.arange(6, dtype="<f4").tobytes())
    assert parse(memoryview(of_blob(sides + data)), "a")["a"][0].shape == (2, 3, 1, 1)
    vector = wire.varint(4 << 3) + wire.varint(6)
    assert parse(memoryview(of_blob(vector + data)), "a")["a"][0].shape == (6,)


def test_data_in_several_pieces_is_joined() -> None:
    """A packed field may come in pieces; sides may come one by one."""
    one_by_one = wire.field(7, wire.varint(1 << 3) + wire.varint(2) + wire.varint(1 << 3) + wire.varint(1))
    pieces = b"".join(wire.field(5, np.array([value], "<f4").tobytes()) for value in (1, 2))
    assert parse(memoryview(of_blob(one_by_one + pieces)), "a")["a"][0].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"<!DOCTYPE html><title>404</title>", "web page", id="HTML"),
        pytest.param(b"\n\n  <html>", "web page", id="HTML after empty lines"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS", id="pointer"),
        pytest.param(b"PK\3\4" + bytes(20), "PyTorch", id="PyTorch"),
        pytest.param(b"\x08\x01", "no layers", id="no layers"),
        pytest.param(wire.field(100, wire.field(1, b"a")), "no layers with weights", id="no arrays"),
        pytest.param(wire.field(2, b""), "before 2014", id="old layers"),
        pytest.param(wire.head(100, 1 << 40) + b"abc", "1,099,511,627,776 bytes", id="length beyond the end"),
        pytest.param(b"\x08\x01\x0b", "wire type 3", id="a group"),
        pytest.param(b"\x0f", "wire type 7", id="no wire type"),
        pytest.param(b"\x02\x00", "without a number", id="field 0"),
        pytest.param(b"\x08" + b"\xff" * 20, "without an end", id="endless number"),
        pytest.param(b"\x09\x00", "8 bytes", id="half of eight bytes"),
        pytest.param(b"\xa0\x06\x01", "a number where bytes", id="a layer that is a number"),
        pytest.param(wire.field(100, wire.field(1, b"\xff\xfe")), "no text", id="name"),
        pytest.param(of_blob(shape(2) + wire.field(5, bytes(7))), "7 bytes", id="broken floats"),
        pytest.param(of_blob(shape(3) + wire.field(5, bytes(8))), "2 numbers under the shape", id="other shape"),
        pytest.param(of_blob(shape(1 << 62, 0)), "under the shape", id="a shape of no numbers"),
        pytest.param(of_blob(shape(*[1] * 40) + wire.field(5, bytes(4))), "under the shape", id="40 sides"),
        pytest.param(of_blob(wire.field(1, b"x")), "bytes where a number", id="an old side of bytes"),
        pytest.param(b"\x08\x00" * 100_001, "more than 100,000 fields", id="nothing but fields"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    """The words name the file and say what was seen."""
    path = tmp_path / "a.caffemodel"
    path.write_bytes(data)
    with pytest.raises(ModelDamaged, match=words) as caught:
        read(path)
    assert str(path) in caught.value.detail


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """It cannot even be mapped."""
    (tmp_path / "a.caffemodel").touch()
    with pytest.raises(ModelDamaged, match="is empty"):
        read(tmp_path / "a.caffemodel")


@given(st.integers(0, len(small()) - 1))
def test_a_truncated_file_is_never_the_model(length: int) -> None:
    """Cut anywhere, it is refused, or lacks only what held no arrays."""
    try:
        found = parse(memoryview(small()[:length]), "a")
    except ModelDamaged:
        return
    assert all(np.array_equal(*pair) for pair in zip(found["first"], DATA, strict=True))


@given(st.data())
def test_forged_bytes_end_in_words(data: st.DataObject) -> None:
    """Whatever bytes are changed, added or taken, it is read or refused; nothing else is raised."""
    forged = bytearray(small())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(forged)))
        forged[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        found = parse(memoryview(bytes(forged)), "a")
    except ModelDamaged:
        return
    assert all(array.dtype == np.float32 for arrays in found.values() for array in arrays)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_words(data: bytes) -> None:
    """Bytes of any kind are read or refused."""
    try:
        found = parse(memoryview(data), "a")
    except ModelDamaged:
        return
    assert found
