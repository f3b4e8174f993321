"""Orders: what is to be made of one master, and what came of it. Small and JSON, since they cross to the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.nets import Net
from models.render import DeltaL
from models.windows import Windows, cells
from shared.formats import FORMATS, Format
from shared.recipes import Recipe
from shared.settings import Settings

#: Gives ab of the cells, float32[2, h/4, w/4], for L* float32[h, w] of the size that the windows ask for; may raise
#: NetFailed.
Colorist = Callable[[NDArray[np.float32], Windows], NDArray[np.float32]]

MEGAPIXEL = 1_000_000


def colorist_of(net: Net, recipe: Recipe) -> Colorist:
    """Returns the colorist that a net is under a recipe."""
    return lambda lightness, where: cells(net, lightness, where, recipe.temperature)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is refused before a pixel is decoded."""

    #: largest page, pixels
    max_pixels: int
    #: largest page that has to be held in memory as a whole, pixels
    max_whole_pixels: int
    #: most pages of one derivative
    max_pages: int
    #: largest profile, and largest sum of EXIF, IPTC and XMP, bytes
    max_metadata_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Returns the limits that the settings name."""
        return cls(
            max_pixels=settings.max_megapixels * MEGAPIXEL,
            max_whole_pixels=settings.max_whole_megapixels * MEGAPIXEL,
            max_pages=settings.max_pages,
            max_metadata_bytes=settings.max_metadata_bytes,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be made of one master."""

    #: SHA-256 of the master's bytes
    master: str
    #: how
    recipe: Recipe
    #: what people call the recipe's model: the derivative says it
    model_name: str
    #: what is refused
    limits: Limits
    #: side of the square that the net sees, points
    net_side: int
    #: whether previews are made
    previews: bool = True
    #: whether a lossy file is decoded once more and measured
    verify: bool = True

    def to_json(self) -> dict[str, Any]:
        """Returns the order for the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Order:
        """Reads an order from the wire."""
        return cls(**{**data, "recipe": Recipe.from_json(data["recipe"]), "limits": Limits(**data["limits"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Derivative:
    """What was made, beside the bytes of the file itself."""

    #: the file's format
    format: Format
    #: pixels of the first page, upright
    width: int
    #: pixels of the first page, upright
    height: int
    #: pages
    pages: int
    #: how far the lightness moved, measured on the samples before they were encoded; the worst page
    delta_l: DeltaL
    #: the same, measured on the lossy file decoded again; None for a lossless one or where it was not asked for
    encoded_delta_l: DeltaL | None
    #: what the master was: gray, toned or color
    tone: str
    #: what a person should know
    warnings: tuple[str, ...]
    #: seconds by stage
    timings: Mapping[str, float]
    #: JPEG of the master for browsers; None where none was asked for
    master_preview: bytes | None = field(default=None, repr=False)
    #: JPEG of the derivative for browsers
    preview: bytes | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Returns everything but the previews, which cross the wire as bytes."""
        data = asdict(self)
        del data["master_preview"], data["preview"]
        return {**data, "format": self.format.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, master_preview: bytes | None, preview: bytes | None) -> Derivative:
        """Reads what `to_json` wrote."""
        encoded = data["encoded_delta_l"]
        return cls(
            **{
                **data,
                "format": next(fmt for fmt in FORMATS if fmt.name == data["format"]),
                "delta_l": DeltaL(**data["delta_l"]),
                "encoded_delta_l": DeltaL(**encoded) if encoded else None,
                "warnings": tuple(data["warnings"]),
            },
            master_preview=master_preview,
            preview=preview,
        )
