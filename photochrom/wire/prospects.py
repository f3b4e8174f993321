"""Prospects: which failures a retry changes nothing about, and what has to change first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from photochrom.wire.records import Item

#: Codes of failures that come again with the same file, and of those that come again until somebody has raised a limit:
#: what the service knows, said again, since the client stands alone; a test compares the two.
OF_THE_FILE = frozenset(
    (
        "truncated",
        "corrupt",
        "unsupported_picture",
        "not_a_picture",
        "unsupported_media",
        "decode_crashed",
        "already_color",
    )
)
OF_A_LIMIT = frozenset(("too_large", "too_many_pixels", "too_many_pages", "metadata_too_large", "too_expensive"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """What a retry would make of failed items: code -> number of items, each item once."""

    #: the server has not kept their bytes, so that it leaves them out
    lost: Counter[str] = field(default_factory=Counter)
    #: their file is the reason
    file: Counter[str] = field(default_factory=Counter)
    #: a limit of the server is the reason
    limit: Counter[str] = field(default_factory=Counter)
    #: they may succeed
    open: Counter[str] = field(default_factory=Counter)

    @property
    def hopeless(self) -> bool:
        """Whether there are failures, and a retry would change nothing about any."""
        return bool(self.lost or self.file) and not (self.limit or self.open)


def prospect(items: Iterable[Item]) -> Prospect:
    """Returns what a retry would make of failed items."""
    found = Prospect()
    for item in items:
        code = item.code or ""
        lasting = code in OF_THE_FILE or code in OF_A_LIMIT
        if not lasting or item.data.get("source"):  # a source is looked at anew: another object may lie there by now
            found.open[code] += 1
        elif not item.data.get("master"):
            found.lost[code] += 1
        elif code in OF_THE_FILE:
            found.file[code] += 1
        else:
            found.limit[code] += 1
    return found
