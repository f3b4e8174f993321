"""Pages that their decoder gives only as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO

import numpy as np

from models.spaces import Samples
from shared.errors import Corrupt
from worker.metadata.turns import SIDEWAYS
from worker.pictures import Header, foreign_errors, oriented
from worker.readers.contents import contents
from worker.readers.palette import look_up

#: Makes the samples of the file's bytes, as they lie in the file: not yet upright.
Decode = Callable[[memoryview], Samples]


class WholePage:
    """A page that is decoded on each call of `strips` and given as one strip; it is not kept."""

    def __init__(self, source: IO[bytes], header: Header, decode: Decode, *, orientation: int = 1) -> None:
        """Decodes nothing yet. `orientation` is EXIF's, 1..8; the header is upright already."""
        self.header = header
        self._source = source
        self._decode = decode
        self._orientation = orientation

    def strips(self) -> Iterator[Samples]:
        """Yields the picture: [h, w] or [h, w, channels], upright. Raises UnsupportedPicture, Truncated or Corrupt."""
        # Not in a variable: a suspended generator would keep the picture for as long as it lives.
        yield self._upright()

    def _upright(self) -> Samples:
        with foreign_errors():
            samples = self._decode(contents(self._source))
        self._check(samples)
        return samples if self._orientation == 1 else np.ascontiguousarray(oriented(samples, self._orientation))

    def _check(self, samples: Samples) -> None:
        """Raises Corrupt unless the samples are what the header promised."""
        header = self.header
        size = (header.height, header.width)
        if self._orientation in SIDEWAYS:
            size = size[::-1]
        shape = size if header.channels == 1 else (*size, header.channels)
        if samples.shape != shape or samples.dtype.itemsize * 8 != header.depth:
            raise Corrupt(
                f"The header promises samples of {shape} at {header.depth} bits; decoded are {samples.shape} at "
                f"{samples.dtype.itemsize * 8}.",
                seen=list(samples.shape),
                limit=list(shape),
            )


def scaled(samples: Samples, bits: int) -> Samples:
    """Returns samples of 1..16 bits over the full range of 8 bits, of 9 and more over that of 16, rounded.

    Raises Corrupt where a sample has more bits than that.
    """
    if bits in (8, 16):
        return samples
    top = (1 << bits) - 1
    if int(samples.max()) > top:
        raise Corrupt(f"The samples have {bits} bits; one is {int(samples.max())}.", seen=int(samples.max()), limit=top)
    return look_up(spread(bits, 8 if bits < 8 else 16), samples)


def spread(bits: int, depth: int) -> Samples:
    """Returns each value of 1..16 bits over the full range of 8 or 16, rounded: uint8 or uint16[2**bits]."""
    dtype = np.uint8 if depth == 8 else np.uint16
    steps: Samples = np.rint(np.linspace(0, np.iinfo(dtype).max, 1 << bits)).astype(dtype)
    return steps
