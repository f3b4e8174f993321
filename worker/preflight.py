"""The preflight: headers are read and judged before a byte of pixels is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from shared.errors import MetadataTooLarge, TooManyPages, TooManyPixels, UnsupportedPicture
from shared.formats import TIFF
from shared.recipes import Recipe
from worker.orders import Limits
from worker.pictures import MOST_TEXTS, Header, Master, Page
from worker.plans import Plan, plan
from worker.readers import open_master

#: How many times what one page may have beside its pixels all pages of a file may have together.
_PAGES_FULL = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """A master whose headers hold up."""

    #: the open master
    master: Master
    #: the pages that are colored
    pages: Sequence[Page]
    #: how each of them is written
    plans: Sequence[Plan]
    #: what of the file as a whole a person should know
    warnings: tuple[str, ...]

    @property
    def pixels(self) -> int:
        """Pixels of all pages that are colored."""
        return sum(page.header.pixels for page in self.pages)


def preflight(source: IO[bytes], recipe: Recipe, limits: Limits) -> Admitted:
    """Opens a seekable file at its start and decides whether it is colored.

    Raises NotAPicture, UnsupportedPicture, Truncated or Corrupt for its headers; TooManyPixels, TooManyPages or
    MetadataTooLarge with the limit and the value seen.
    """
    master = open_master(source)
    count = len(master.pages)
    first_only = recipe.pages == "first"
    if not first_only and count > limits.max_pages:
        raise TooManyPages(
            f"The file has {count:,} pages; this server colors up to {limits.max_pages:,} in one derivative "
            "(PHOTOCHROM_MAX_PAGES).",
            limit=limits.max_pages,
            seen=count,
        )
    pages: list[Page] = []
    plans: list[Plan] = []
    held = _Held(limits.max_metadata_bytes)
    # Page by page: what a file of many has too much is not read of all.
    for number, page in enumerate(master.pages[:1] if first_only else master.pages, 1):
        planned = plan(page.header, master.format, recipe)
        _admit(page.header, planned, limits, where=f"Page {number}" if count > 1 and not first_only else "The picture")
        held.add(page.header)
        pages.append(page)
        plans.append(planned)
    total = sum(page.header.pixels for page in pages)
    if len(pages) > 1 and total > limits.max_pixels:
        raise TooManyPixels(
            f"The {len(pages):,} pages have {total / 1e6:,.1f} megapixels together; this server accepts "
            f"{limits.max_pixels / 1e6:,.1f} (PHOTOCHROM_MAX_MEGAPIXELS).",
            limit=limits.max_pixels,
            seen=total,
        )
    return Admitted(
        master=master, pages=pages, plans=plans, warnings=("multi_page",) if first_only and count > 1 else ()
    )


class _Held:
    """What the pages of a file have beside pixels, all held until the last is written."""

    def __init__(self, limit: int) -> None:
        """Nothing is held yet. `limit` is what one page may have, bytes."""
        self._limit = _PAGES_FULL * limit
        self._size = 0
        self._profiles: set[bytes] = set()

    def add(self, header: Header) -> None:
        """Adds a page. Raises MetadataTooLarge where it is too much."""
        self._size += header.metadata.size
        if header.profile and header.profile not in self._profiles:
            self._profiles.add(header.profile)
            self._size += len(header.profile)
        if self._size > self._limit:
            raise MetadataTooLarge(
                f"The pages have {self._size:,} bytes of profiles, EXIF, IPTC and XMP together; this server accepts "
                f"{self._limit:,}, {_PAGES_FULL} times what one page may have (PHOTOCHROM_MAX_METADATA_BYTES).",
                limit=self._limit,
                seen=self._size,
            )


def _admit(header: Header, planned: Plan, limits: Limits, *, where: str) -> None:
    if not header.pixels:
        raise UnsupportedPicture(f"{where} has no pixels.", seen=0)
    size = f"{header.width:,} x {header.height:,} = {header.pixels / 1e6:,.1f} megapixels"
    if header.pixels > limits.max_pixels:
        raise TooManyPixels(
            f"{where} has {size}; this server accepts {limits.max_pixels / 1e6:,.1f} (PHOTOCHROM_MAX_MEGAPIXELS).",
            limit=limits.max_pixels,
            seen=header.pixels,
        )
    whole = not header.streamed or planned.format is not TIFF
    if whole and header.pixels > limits.max_whole_pixels:
        raise TooManyPixels(
            f"{where} has {size}; of files that cannot be read and written in strips this server accepts "
            f"{limits.max_whole_pixels / 1e6:,.1f} (PHOTOCHROM_MAX_WHOLE_MEGAPIXELS). A TIFF in strips or tiles may "
            "be larger.",
            limit=limits.max_whole_pixels,
            seen=header.pixels,
        )
    texts = len(header.metadata.texts) + len(header.metadata.documents)
    if texts > MOST_TEXTS:
        raise MetadataTooLarge(
            f"{where} has {texts:,} texts; up to {MOST_TEXTS:,} are carried.", limit=MOST_TEXTS, seen=texts
        )
    for name, bytes_ in (("profile", len(header.profile or b"")), ("EXIF, IPTC and XMP", header.metadata.size)):
        if bytes_ > limits.max_metadata_bytes:
            raise MetadataTooLarge(
                f"{where} has {bytes_:,} bytes of {name}; this server accepts {limits.max_metadata_bytes:,} "
                "(PHOTOCHROM_MAX_METADATA_BYTES).",
                limit=limits.max_metadata_bytes,
                seen=bytes_,
            )
