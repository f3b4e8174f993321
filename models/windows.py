"""What the net sees: the whole picture in a square, or overlapping windows along a panorama.

The net takes 224 x 224 points and was trained on pictures of ordinary shape. A picture up to twice as long as wide is
squeezed into one window. A longer one is covered by windows of about 4:3 that overlap by half, and where they do, their
colors are blended, so that no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.decoding import annealed_mean
from models.nets import Net, logits_of

Array = NDArray[np.float32]

#: Makes float32[c, h, w] of the logits of one window, float32[1, 313, h, w].
Decoder = Callable[[Array], Array]

#: The longer side over the shorter from which on there is more than one window.
LONGEST = 2.0

#: Sides of a window of a panorama.
_SHAPE = 4 / 3

#: Windows at most: a strip of film of 1:40 is colored at what 60 pictures cost, anything longer is squeezed into that.
_MOST = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """Where the windows of a picture lie."""

    #: how many
    count: int
    #: whether they lie side by side, else one above the other
    wide: bool

    def size(self, side: int) -> tuple[int, int]:
        """Returns width and height that the whole picture is brought to, for windows of `side` points."""
        length = side * (self.count + 1) // 2
        return (length, side) if self.wide else (side, length)


def windows(width: int, height: int) -> Windows:
    """Returns the windows of a picture."""
    ratio = max(width, height) / min(width, height)
    halves = 2 if ratio <= LONGEST else min(_MOST + 1, round(2 * ratio / _SHAPE))
    return Windows(count=halves - 1, wide=width >= height)


def cells(net: Net, lightness: Array, where: Windows, temperature: float) -> Array:
    """Returns ab of the cells, float32[2, h/4, w/4], for L* float32[h, w] of the size that `where` asks for."""
    return decoded(net, lightness, where, lambda logits: annealed_mean(logits, temperature)[0])


def decoded(net: Net, lightness: Array, where: Windows, decode: Decoder) -> Array:
    """Returns what a decoder makes of the cells, float32[c, h/4, w/4], blended where windows overlap.

    `lightness` is L*, float32[h, w] of the size that `where` asks for. The net runs once a window.
    """
    if where.count == 1:
        return decode(logits_of(net, lightness))
    along = lightness if where.wide else lightness.T
    side = net.input_size
    found = []
    for number in range(where.count):
        window = along[:, number * side // 2 : number * side // 2 + side]
        part = decode(logits_of(net, np.ascontiguousarray(window if where.wide else window.T)))
        found.append(part if where.wide else part.swapaxes(1, 2))
    channels, height, width = found[0].shape
    # From a window's middle down to its ends, but never 0: at the picture's ends there is no other window.
    hat = 1 - np.abs(np.linspace(-1, 1, width, dtype=np.float32)) * np.float32(0.98)
    total = np.zeros((channels, height, width // 2 * (where.count + 1)), np.float32)
    weight = np.zeros(total.shape[2], np.float32)
    for number, part in enumerate(found):
        place = slice(number * width // 2, number * width // 2 + width)
        total[:, :, place] += part * hat
        weight[place] += hat
    blended = total / weight
    return np.ascontiguousarray(blended if where.wide else blended.swapaxes(1, 2))
