"""Blocks beside the pixels, taken out of a file: never more than any setting would let through; and their words."""

from __future__ import annotations

from shared.errors import MetadataTooLarge

#: Largest block that is read, bytes: PHOTOCHROM_MAX_METADATA_BYTES goes no higher. What a file has beyond is not held
#: in memory to be measured.
MOST_BYTES = 64 << 20


def taken(data: memoryview, name: str) -> bytes:
    """Returns the bytes of a block; `name` is what it is called. Raises MetadataTooLarge."""
    require_small(len(data), name)
    return bytes(data)


def require_small(size: int, name: str) -> None:
    """Raises MetadataTooLarge for a block of more than MOST_BYTES."""
    if size > MOST_BYTES:
        raise MetadataTooLarge(
            f"The file has {size:,} bytes of {name}; up to {MOST_BYTES:,} are read.", limit=MOST_BYTES, seen=size
        )


def decoded(text: bytes) -> str:
    """Returns words in UTF-8, or else Latin-1: what is the former by chance means nothing in the latter."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
