"""The plan: format, depth and compression of a derivative."""

from __future__ import annotations

from typing import Any

import pytest

from shared.formats import BMP, JP2, JPEG, PNG, TIFF, WEBP, Format
from shared.recipes import resolve
from worker.pictures import Header, Kind
from worker.plans import plan


def header(depth: int = 8, *, alpha: bool = False, compression: str = "lossless") -> Header:
    """A header of a gray page."""
    return Header(
        width=4, height=4, kind=Kind.GRAY, depth=depth, stored_depth=depth, alpha=alpha, compression=compression
    )


@pytest.mark.parametrize(
    ("fmt", "depth", "stored", "recipe", "wanted"),
    [
        pytest.param(TIFF, 16, "lzw", {}, ("tiff", 16, "lzw"), id="the master's own"),
        pytest.param(TIFF, 8, "lossy", {}, ("tiff", 8, "deflate"), id="never JPEG inside TIFF"),
        pytest.param(TIFF, 8, "other", {}, ("tiff", 8, "deflate"), id="a way that is not written"),
        pytest.param(TIFF, 8, "none", {"compression": "zstd"}, ("tiff", 8, "zstd"), id="as asked"),
        pytest.param(JPEG, 8, "lossy", {}, ("jpeg", 8, "lossy"), id="JPEG"),
        pytest.param(JPEG, 8, "lossy", {"compression": "zstd"}, ("jpeg", 8, "lossy"), id="what JPEG cannot"),
        pytest.param(JPEG, 8, "lossy", {"format": "tiff"}, ("tiff", 8, "deflate"), id="JPEG to TIFF"),
        pytest.param(PNG, 16, "lossless", {"bit_depth": "8"}, ("png", 8, "lossless"), id="fewer bits as asked"),
        pytest.param(PNG, 8, "lossless", {"bit_depth": 16}, ("png", 16, "lossless"), id="more bits as asked"),
        pytest.param(JP2, 16, "lossy", {}, ("jp2", 16, "lossy"), id="a lossy master's way"),
        pytest.param(TIFF, 16, "none", {"format": "jp2"}, ("jp2", 16, "lossless"), id="lossless first"),
        pytest.param(WEBP, 8, "lossless", {"compression": "lossy"}, ("webp", 8, "lossy"), id="lossy WebP"),
    ],
)
def test_what_is_written(fmt: Format, depth: int, stored: str, recipe: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    """Format, depth and compression are the master's, or the recipe's where the format can."""
    made = plan(header(depth, compression=stored), fmt, resolve(recipe))
    assert (made.format.name, made.depth, made.compression) == wanted
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("fmt", "seen", "recipe", "warning"),
    [
        pytest.param(BMP, header(), {}, "format_changed", id="BMP cannot be marked"),
        pytest.param(JPEG, header(16), {}, "depth_reduced", id="a JPEG of 12 bits"),
        pytest.param(TIFF, header(16), {"format": "webp"}, "depth_reduced", id="16 bits in WebP"),
        pytest.param(PNG, header(alpha=True), {"format": "jpeg"}, "alpha_dropped", id="transparency in JPEG"),
    ],
)
def test_what_a_format_cannot_hold_is_told(fmt: Format, seen: Header, recipe: dict[str, Any], warning: str) -> None:
    """What is lost is named by a warning."""
    assert plan(seen, fmt, resolve(recipe)).warnings == (warning,)


def test_transparency_comes_along() -> None:
    """Formats that hold alpha keep it."""
    assert plan(header(alpha=True), PNG, resolve({})).alpha
    assert not plan(header(alpha=True), PNG, resolve({"format": "jpeg"})).alpha
