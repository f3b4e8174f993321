"""The plan: how a derivative is written, decided from the recipe and what the master is."""

from __future__ import annotations

from dataclasses import dataclass

from shared.formats import BMP, FORMATS, PNG, Format
from shared.recipes import AUTO, COMPRESSIONS, DEPTHS, MASTER, Recipe
from worker.pictures import Header

#: Formats whose pixels may have an alpha channel.
_WITH_ALPHA = ("tiff", "png", "jp2", "webp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a page is written."""

    #: file format
    format: Format
    #: bits a sample, 8 or 16
    depth: int
    #: whether the master's alpha channel comes along
    alpha: bool
    #: none, lzw, deflate, zstd, lossless or lossy
    compression: str
    #: 1..100, where the compression is lossy
    quality: int
    #: what the master has and the format cannot hold
    warnings: tuple[str, ...]

    @property
    def lossy(self) -> bool:
        """Whether the file's samples differ from those that were rendered."""
        return self.compression == "lossy"


def format_of(master: Format, recipe: Recipe) -> Format:
    """Returns the derivative's format for that of its master."""
    if recipe.format != MASTER:
        return next(fmt for fmt in FORMATS if fmt.name == recipe.format)
    # BMP has no place for the mark that a derivative is one.
    return PNG if master is BMP else master


def plan(header: Header, fmt: Format, recipe: Recipe) -> Plan:
    """Returns the plan for a page of a master of format `fmt`.

    What the recipe asks for is done where the format can; with the master's own format that may be less, and is told.
    """
    warnings = []
    target = format_of(fmt, recipe)
    if recipe.format == MASTER and target is not fmt:
        warnings.append("format_changed")
    wanted = header.depth if recipe.bit_depth == MASTER else int(recipe.bit_depth)
    depth = min(wanted, max(DEPTHS[target.name]))
    if depth < wanted:
        warnings.append("depth_reduced")
    alpha = header.alpha and target.name in _WITH_ALPHA
    if header.alpha and not alpha:
        warnings.append("alpha_dropped")
    return Plan(
        format=target,
        depth=depth,
        alpha=alpha,
        compression=_compression(header, fmt, target, recipe),
        quality=recipe.quality,
        warnings=tuple(warnings),
    )


def _compression(header: Header, fmt: Format, target: Format, recipe: Recipe) -> str:
    possible = COMPRESSIONS[target.name]
    if recipe.compression != AUTO and recipe.compression in possible:
        return recipe.compression
    return header.compression if target is fmt and header.compression in possible else possible[0]
