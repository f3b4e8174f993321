"""A picture file made by the tests, with what a reader must find in it."""

from __future__ import annotations

from dataclasses import dataclass

from models.spaces import Samples
from worker.pictures import Kind


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fixture:
    """A master, and what its first page is."""

    #: the file
    data: bytes
    #: the samples of the first page, upright: uint8 or uint16, [h, w] for one channel else [h, w, c], alpha last
    samples: Samples
    #: meaning of the channels
    kind: Kind
    #: bits of the samples that the reader gives, 8 or 16
    depth: int
    #: whether the last channel is alpha
    alpha: bool = False
    #: dots per inch, upright
    dpi: tuple[float, float] | None = None
    #: ICC profile
    profile: bytes | None = None
    #: levels by which a sample may be off at most: 0 for what is stored without loss
    tolerance: int = 0
