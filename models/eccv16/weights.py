"""The weights file of the net, as an engine can take it."""

from __future__ import annotations

from pathlib import Path

from models.eccv16.caffemodel import read
from models.eccv16.layers import layers_of
from models.eccv16.onnx_file import to_onnx
from models.eccv16.prototxt import prototxt

#: How the names of weights files end.
SUFFIX = ".caffemodel"


def description(path: Path, *, space_to_batch: bool) -> bytes:
    """Returns the prototxt that belongs to a weights file, its width told by the arrays; raises ModelDamaged."""
    return prototxt(layers_of(read(path)), space_to_batch=space_to_batch).encode()


def converted(path: Path) -> bytes:
    """Returns the net with the weights of this file as an ONNX file; raises ModelDamaged or EngineUnavailable."""
    content: bytes = to_onnx(read(path)).SerializeToString()
    return content
