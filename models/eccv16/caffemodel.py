"""Caffe's weights file: reading and writing the arrays of each layer.

It is a protocol buffer, NetParameter of Caffe's caffe.proto, of which this is the part that carries arrays.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from models.eccv16 import wire
from models.eccv16.layers import Array, Blobs
from models.files import HEAD_BYTES, mistaken
from shared.errors import ModelDamaged

#: NetParameter: name, layers in the form of before 2014, layers.
_NET_NAME, _OLD_LAYERS, _LAYERS = 1, 2, 100

#: LayerParameter: name, type, blobs.
_NAME, _TYPE, _BLOBS = 1, 2, 7

#: BlobProto: num, channels, height and width of before 2014, the floats, the shape of today.
_OLD_SHAPE, _DATA, _SHAPE = (1, 2, 3, 4), 5, 7

#: BlobShape: the sides.
_SIDES = 1

#: Most dimensions of an array, Caffe's own limit.
_MOST_DIMENSIONS = 32


def read(path: Path) -> Blobs:
    """Returns the arrays of each layer that has some, float32, without copying them: the file stays mapped.

    Raises ModelDamaged for anything that is no Caffe weights file, with what was seen; FileNotFoundError.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise ModelDamaged(f"{path} is empty.", seen=0)
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return parse(data, str(path))


def parse(data: memoryview, name: str) -> Blobs:
    """Returns what `read` does for a file's bytes; `name` is for the words of ModelDamaged."""
    if words := mistaken(bytes(data[:HEAD_BYTES])):
        raise ModelDamaged(f"{name} {words}.", seen=words)
    try:
        found = dict(_layer(layer) for layer in _messages(data, _LAYERS))
        if not found and any(True for _ in _messages(data, _OLD_LAYERS)):
            raise wire.Broken("layers in the form of before 2014, which is not read")
    except wire.Broken as error:
        raise ModelDamaged(f"{name} is no Caffe model, or is damaged: it has {error}.", seen=str(error)) from error
    blobs = {layer: arrays for layer, arrays in found.items() if arrays}
    if not blobs:
        raise ModelDamaged(f"{name} has no layers with weights.", seen=len(found))
    return blobs


def write(file: IO[bytes], name: str, layers: Iterable[tuple[str, str, Sequence[Array]]]) -> None:
    """Writes a weights file: the net's name, then name, type and arrays of each layer."""
    file.write(wire.field(_NET_NAME, name.encode()))
    for layer, kind, arrays in layers:
        start = wire.field(_NAME, layer.encode()) + wire.field(_TYPE, kind.encode())
        heads = [_blob_head(array) for array in arrays]
        sizes = [len(head) + array.nbytes for head, array in zip(heads, arrays, strict=True)]
        whole = len(start) + sum(len(wire.head(_BLOBS, size)) + size for size in sizes)
        file.write(wire.head(_LAYERS, whole) + start)
        for head, size, array in zip(heads, sizes, arrays, strict=True):
            file.write(wire.head(_BLOBS, size) + head)
            file.write(np.ascontiguousarray(array, "<f4").data)


def _blob_head(array: Array) -> bytes:
    """Returns a BlobProto up to its floats."""
    sides = b"".join(wire.varint(side) for side in array.shape)
    return wire.field(_SHAPE, wire.field(_SIDES, sides)) + wire.head(_DATA, array.nbytes)


def _layer(message: memoryview) -> tuple[str, list[Array]]:
    name = ""
    arrays = []
    for number, value in wire.fields(message):
        if number == _NAME:
            name = _text(value)
        elif number == _BLOBS:
            arrays.append(_array(_bytes(value)))
    return name, arrays


def _array(message: memoryview) -> Array:
    shape: list[int] | None = None
    old = dict.fromkeys(_OLD_SHAPE, 1)
    parts = []
    for number, value in wire.fields(message):
        if number == _SHAPE:
            shape = _shape(_bytes(value))
        elif number in old:
            old[number] = _whole(value)
        elif number == _DATA:
            parts.append(_floats(_bytes(value)))
    data = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])
    sides = _old_sides(list(old.values())) if shape is None else shape
    if len(sides) > _MOST_DIMENSIONS or prod(sides) != data.size or max(sides, default=0) > data.size:
        raise wire.Broken(f"an array of {data.size:,} numbers under the shape {sides[:_MOST_DIMENSIONS]}")
    return data.reshape(sides)


def _old_sides(sides: list[int]) -> list[int]:
    """Returns the shape of an array of before 2014, all of which had four sides: a vector was 1 x 1 x 1 x n."""
    return sides[3:] if sides[:3] == [1, 1, 1] else sides


def _shape(message: memoryview) -> list[int]:
    sides: list[int] = []
    for number, value in wire.fields(message):
        if number == _SIDES:
            sides += wire.varints(value) if isinstance(value, memoryview) else [value]
    return sides


def _floats(packed: memoryview) -> Array:
    if len(packed) % 4:
        raise wire.Broken(f"{len(packed):,} bytes of 4-byte numbers")
    return np.frombuffer(packed, "<f4")


def _messages(message: memoryview, wanted: int) -> Iterable[memoryview]:
    return (_bytes(value) for number, value in wire.fields(message) if number == wanted)


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise wire.Broken("a number where bytes belong")
    return value


def _whole(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise wire.Broken("bytes where a number belongs")
    return value


def _text(value: int | memoryview) -> str:
    try:
        return bytes(_bytes(value)).decode()
    except UnicodeDecodeError as error:
        raise wire.Broken("a name that is no text") from error
