"""Names: which of two files share a place wherever results are copied to, and what a file system takes."""

from __future__ import annotations

import os
import unicodedata

#: Bytes of a stem: a file system takes 255 of a name, and `-t0.700_colorized.premis.xml` and a number come behind.
STEM_BYTES = 220


def folded(name: str) -> str:
    """Returns what a file system that folds case and forms of Unicode tells a name by (Unicode 16.0, 3.13.5)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def cut(stem: str) -> str:
    """Returns a stem of at most 220 bytes, by whole characters."""
    encoded = os.fsencode(stem)
    return stem if len(encoded) <= STEM_BYTES else encoded[:STEM_BYTES].decode(errors="ignore")
