"""Content-Disposition: under which name a browser saves what it gets."""

from __future__ import annotations

from urllib.parse import quote


def attachment(filename: str) -> str:
    """Returns Content-Disposition for a download of that name (RFC 6266, with the extended form of RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
