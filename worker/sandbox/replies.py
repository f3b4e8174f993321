"""Replies: what a child says, believed only as far as it can be checked. Raises Garbled for anything else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.render import DeltaL
from models.windows import Windows, windows
from shared.errors import PictureError, errors
from worker.orders import Derivative, Order
from worker.sandbox.scarcity import SCARCE
from worker.sandbox.wire import MAX_HEAD, Frame, Garbled

#: Largest preview, bytes: some ten times what one takes.
MAX_PREVIEW = 8 << 20

#: What an error may bring beside its words, as JSON, and its words, characters.
_MAX_EXTRA = 20_000
_MAX_WORDS = 4_000
_MAX_WARNINGS = 200
_MAX_TIMINGS = 50

#: Windows of the longest picture there can be.
_MOST_WINDOWS = windows(1 << 40, 1).count

_TONES = ("gray", "toned", "color")
_JPEG = b"\xff\xd8\xff"

_PICTURE_ERRORS = {kind.code: kind for kind in errors() if issubclass(kind, PictureError)}


def most_bytes(net_side: int) -> int:
    """Returns the size of the largest body that a reply can have."""
    width, height = Windows(count=_MOST_WINDOWS, wide=True).size(net_side)
    return max(4 * width * height, 2 * MAX_PREVIEW)


def admitted(frame: Frame, order: Order) -> int:
    """Returns the number of pixels."""
    return _whole(frame.head.get("pixels"), 0, order.limits.max_pixels)


def question(frame: Frame, net_side: int) -> tuple[NDArray[np.float32], Windows]:
    """Returns what the net is asked: L*, float32[h, w], and the windows, whose size that is."""
    wide = frame.head.get("wide")
    if not isinstance(wide, bool) or len(frame.blobs) != 1:
        raise Garbled("a question to the net without windows")
    where = Windows(count=_whole(frame.head.get("count"), 1, _MOST_WINDOWS), wide=wide)
    width, height = where.size(net_side)
    blob = frame.blobs[0] or b""
    if len(blob) != 4 * width * height:
        raise Garbled(f"{len(blob)} bytes of lightness where the windows ask for {width} x {height}")
    return np.frombuffer(blob, np.float32).reshape(height, width).copy(), where


def failed(frame: Frame) -> PictureError:
    """Returns the error that the picture met with."""
    head = frame.head
    kind = _PICTURE_ERRORS.get(_text(head.get("code"), 100))
    extra = head.get("extra")
    if kind is None or not isinstance(extra, dict) or len(json.dumps(extra)) > _MAX_EXTRA:
        raise Garbled("an error that is none of ours")
    return kind(
        _text(head.get("detail"), _MAX_WORDS), **{k: v for k, v in extra.items() if k not in ("self", "detail")}
    )


def done(frame: Frame, order: Order) -> Derivative:
    """Returns what was made."""
    data = frame.head.get("derivative")
    if not isinstance(data, dict) or len(frame.blobs) != 2:
        raise Garbled("a derivative that is none")
    previews = [_preview(blob, wanted=order.previews) for blob in frame.blobs]
    try:
        made = Derivative.from_json(data, master_preview=previews[0], preview=previews[1])
    except Exception as error:
        raise Garbled(f"a derivative that is none: {error!r}") from error
    _whole(made.width, 1, order.limits.max_pixels)
    _whole(made.height, 1, order.limits.max_pixels // made.width)
    _whole(made.pages, 1, order.limits.max_pages)
    _check_delta(made.delta_l)
    if made.encoded_delta_l:
        _check_delta(made.encoded_delta_l)
    if made.tone not in _TONES or len(made.warnings) > _MAX_WARNINGS:
        raise Garbled("a derivative whose tone or warnings make no sense")
    for warning in made.warnings:
        _text(warning, _MAX_WORDS)
    if not isinstance(made.timings, Mapping) or len(made.timings) > _MAX_TIMINGS:
        raise Garbled("timings that are none")
    for stage, seconds in made.timings.items():
        _text(stage, 100)
        _number(seconds)
    return made


def cpu_seconds(frame: Frame) -> float:
    """Returns the processor time that the child says it took."""
    return _number(frame.head.get("cpu"))


def scarcity(frame: Frame) -> int:
    """Returns the number of the error by which the machine has too little of something."""
    number = frame.head.get("errno")
    if type(number) is not int or number not in SCARCE:
        raise Garbled("an error that is not the machine's")
    return number


def words(frame: Frame) -> str:
    """Returns what a child says of its failure, for the log."""
    return _text(frame.head.get("words"), MAX_HEAD)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise Garbled("a figure that is no number")
    return float(value)


def _check_delta(delta: DeltaL) -> None:
    for figure in (delta.maximum, delta.mean, delta.p999):
        _number(figure)


def _preview(blob: bytes | None, *, wanted: bool) -> bytes | None:
    if blob is not None and (not wanted or len(blob) > MAX_PREVIEW or not blob.startswith(_JPEG)):
        raise Garbled("a preview that is none")
    return blob


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise Garbled(f"a number that is not from {least} to {most}")
    return value


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise Garbled("words that are none")
    return value
