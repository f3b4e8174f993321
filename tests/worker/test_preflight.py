"""The preflight: what is refused before a pixel is decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from shared.errors import MetadataTooLarge, TooManyPages, TooManyPixels, UnsupportedPicture
from shared.formats import JPEG, TIFF, Format
from shared.recipes import resolve
from worker import preflight as module
from worker.orders import Limits
from worker.pictures import Header, Kind, Master, Metadata, Text
from worker.preflight import Admitted, preflight

LIMITS = Limits(max_pixels=1_000, max_whole_pixels=400, max_pages=3, max_metadata_bytes=50)

HEADER = Header(width=20, height=20, kind=Kind.GRAY, depth=8, stored_depth=8, streamed=True)


@dataclass(frozen=True)
class Claim:
    """A page that has a header and no pixels."""

    header: Header

    def strips(self) -> Iterator[np.ndarray]:
        """Must not be asked for."""
        raise AssertionError("a preflight decodes no pixel")


def judge(
    monkeypatch: pytest.MonkeyPatch, *headers: Header, fmt: Format = TIFF, limits: Limits = LIMITS, **recipe: object
) -> Admitted:
    """Runs the preflight over headers."""
    master = Master(format=fmt, pages=[Claim(header) for header in headers])
    monkeypatch.setattr(module, "open_master", lambda source: master)
    return preflight(io.BytesIO(), resolve(recipe), limits)


def test_what_fits_is_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page alone is colored, with a warning that there are more; or all, as the recipe says."""
    first = judge(monkeypatch, HEADER, HEADER)
    assert (len(first.pages), first.pixels, first.warnings) == (1, 400, ("multi_page",))
    every = judge(monkeypatch, HEADER, HEADER, pages="all")
    assert (len(every.pages), every.pixels, every.warnings) == (2, 800, ())


@pytest.mark.parametrize(
    ("headers", "fmt", "recipe", "error", "limit", "seen"),
    [
        pytest.param([replace(HEADER, width=51)], TIFF, {}, TooManyPixels, 1000, 1020, id="pixels"),
        pytest.param(
            [replace(HEADER, width=21, streamed=False)], TIFF, {}, TooManyPixels, 400, 420, id="read as a whole"
        ),
        pytest.param([replace(HEADER, width=21)], JPEG, {}, TooManyPixels, 400, 420, id="written as a whole"),
        pytest.param(
            [replace(HEADER, width=21)], TIFF, {"format": "png"}, TooManyPixels, 400, 420, id="TIFF written as PNG"
        ),
        pytest.param([HEADER] * 3, TIFF, {"pages": "all"}, TooManyPixels, 1000, 1200, id="pages together"),
        pytest.param([HEADER] * 4, TIFF, {"pages": "all"}, TooManyPages, 3, 4, id="pages"),
        pytest.param([replace(HEADER, profile=bytes(51))], TIFF, {}, MetadataTooLarge, 50, 51, id="profile"),
        pytest.param(
            [replace(HEADER, metadata=Metadata(exif=bytes(30), xmp=bytes(30)))],
            TIFF,
            {},
            MetadataTooLarge,
            50,
            60,
            id="metadata",
        ),
    ],
)
def test_what_is_too_much_is_refused(
    headers: list[Header],
    fmt: Format,
    recipe: dict[str, str],
    error: type[TooManyPixels],
    limit: int,
    seen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error has the limit and the value seen, and names the setting."""
    with pytest.raises(error) as caught:
        judge(monkeypatch, *headers, fmt=fmt, **recipe)
    assert (caught.value.extra["limit"], caught.value.extra["seen"]) == (limit, seen)
    assert "PHOTOCHROM_MAX_" in caught.value.detail


@pytest.mark.parametrize("more", ["texts", "documents"])
def test_texts_without_end_are_refused(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivative would have more segments or boxes than any reader takes, ours included."""
    kinds = {"texts": Text(keyword="a", words=""), "documents": b""}
    most = {"texts": (kinds["texts"],) * 5_000, "documents": (b"",) * 5_000}
    judge(monkeypatch, replace(HEADER, metadata=Metadata(**most)))
    most[more] += (kinds[more],)
    with pytest.raises(MetadataTooLarge) as caught:
        judge(monkeypatch, replace(HEADER, metadata=Metadata(**most)))
    assert (caught.value.extra["limit"], caught.value.extra["seen"]) == (10_000, 10_001)


def test_metadata_of_many_pages_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are held side by side: they may have four times together what one may have, a profile they share once."""
    limits = replace(LIMITS, max_pages=100, max_pixels=100_000)
    page = replace(HEADER, profile=bytes(50), metadata=Metadata(xmp=bytes(50)))
    assert len(judge(monkeypatch, *[page] * 3, limits=limits, pages="all").pages) == 3
    with pytest.raises(MetadataTooLarge) as caught:
        judge(monkeypatch, *[page] * 4, limits=limits, pages="all")
    assert (caught.value.extra["limit"], caught.value.extra["seen"]) == (200, 250)


def test_no_pixels_are_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without height is refused."""
    with pytest.raises(UnsupportedPicture):
        judge(monkeypatch, replace(HEADER, height=0))
