"""Palettes: colors that samples point to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.spaces import Samples
from shared.errors import Corrupt
from worker.pictures import Kind

#: Indices that are looked up at once.
_BAND = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Palette:
    """A palette that is gray if all its colors are."""

    #: uint8[n] for gray, uint8[n, channels] otherwise
    colors: NDArray[np.uint8]
    #: meaning of the channels
    kind: Kind
    #: whether an alpha channel follows them
    alpha: bool

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], *, opacity: bytes = b"") -> Palette:
        """Makes a palette of uint8[n, 3]; `opacity` is that of the first colors, the rest is opaque."""
        gray = bool((rgb == rgb[:, :1]).all())
        channels = [rgb[:, :1] if gray else rgb]
        if opacity:
            alpha = np.full((len(rgb), 1), 255, np.uint8)
            alpha[: len(opacity), 0] = np.frombuffer(opacity, np.uint8)[: len(rgb)]
            channels.append(alpha)
        colors = np.hstack(channels)
        return cls(
            colors=np.ascontiguousarray(colors[:, 0] if colors.shape[1] == 1 else colors),
            kind=Kind.GRAY if gray else Kind.RGB,
            alpha=bool(opacity),
        )

    def look_up(self, indices: Samples) -> Samples:
        """Returns the colors of uint8[h, w] indices. Raises Corrupt where one points outside the palette."""
        if indices.size and int(indices.max()) >= len(self.colors):
            raise Corrupt(
                f"The palette has {len(self.colors)} colors; a pixel asks for number {int(indices.max())}.",
                seen=int(indices.max()),
                limit=len(self.colors),
            )
        return look_up(self.colors, indices)


def look_up(table: Samples, indices: Samples) -> Samples:
    """Returns the entries of table[n] or [n, channels] that [h, w] or [h, w, c] indices point to.

    It goes by bands of rows: NumPy makes indices of 8 bytes of what it is given.
    """
    out: Samples = np.empty((*indices.shape, *table.shape[1:]), table.dtype)
    rows = max(1, _BAND // max(1, indices[:1].size))
    for top in range(0, len(indices), rows):
        out[top : top + rows] = table[indices[top : top + rows]]
    return out
