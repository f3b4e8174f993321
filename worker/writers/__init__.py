"""Writers of picture files: one module a format."""

from __future__ import annotations

from shared.formats import Format
from worker.pictures import Writer


def writer_of(fmt: Format) -> Writer:
    """Returns the writer of a format."""
    from worker.writers import jp2, jpeg, png, tiff, webp  # noqa: PLC0415 - only what writes pays for the encoders

    writers: dict[str, Writer] = {"jp2": jp2, "jpeg": jpeg, "png": png, "tiff": tiff, "webp": webp}
    return writers[fmt.name]
