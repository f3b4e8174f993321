"""Color photos to learn from: a folder or a pack, read into one array and split by digest."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from models.lab import lab_of
from shared.errors import TrainingFailed

Bytes = NDArray[np.uint8]

#: Files with other endings are no photos and are not looked at.
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}

#: Side of the squares that photos of a folder are held as, pixels.
SIDE = 144

#: Mean chroma, in ab, below which a photo counts as gray: it would teach the net that gray is right.
GRAY = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Photos:
    """Photos in memory, in the order of their digests, so that names and folders do not matter."""

    #: uint8[n, 3, side, side], RGB in sRGB
    pixels: Bytes
    #: SHA-256 of each file's bytes: uint8[n, 32]
    digests: Bytes
    #: files that could not be read, and why
    unreadable: tuple[str, ...]
    #: photos left out because they have next to no color
    gray: int
    #: photos left out because the same bytes came before
    twice: int

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all digests: two runs with one fingerprint learn from the same photos."""
        return hashlib.sha256(self.digests.tobytes()).hexdigest()

    def split(self, share: float) -> tuple[Bytes, Bytes]:
        """Returns the photos to learn from and about `share` (0..1) of all to judge by.

        Low digests are held back, so a photo stays on its side however the collection grows; and since they come first,
        nothing is copied. Raises TrainingFailed where one side is empty.
        """
        held = int((self.digests[:, :8].copy().view(">u8")[:, 0] < share * 2.0**64).sum())
        if not 0 < held < len(self.pixels):
            raise TrainingFailed(
                f"{len(self.pixels):,} photos are too few to hold back {share:.1%} of them: add photos, or choose "
                "another share.",
                seen=len(self.pixels),
            )
        return self.pixels[held:], self.pixels[:held]


def read_photos(source: Path, *, side: int | None = None, limit: int | None = None, gray: float = GRAY) -> Photos:
    """Reads a folder (and the folders in it), or a pack: an .npz with `bytes` (uint8) and `offsets` (n + 1 of them).

    Each photo becomes a square of `side` pixels, its middle; by default SIDE for a folder, and for a pack the side of
    its first photo. Only the first `limit` are read. Profiles are not applied: samples are taken as sRGB. Raises
    TrainingFailed where there is nothing to learn from.
    """
    files = list(_pack(source) if source.suffix == ".npz" else _folder(source))[:limit]
    if not files:
        raise TrainingFailed(f"There are no photos in {source}.", seen=str(source))
    side = side or (_side(files[0][1]()) if source.suffix == ".npz" else SIDE)
    pixels = np.empty((len(files), 3, side, side), np.uint8)
    digests = np.empty((len(files), 32), np.uint8)

    def take(number: int) -> str:
        try:
            data = files[number][1]()
            pixels[number] = _square(data, side)
        except UnidentifiedImageError:
            return f"{files[number][0]}: no picture of a known format"
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return f"{files[number][0]}: {error}"
        digests[number] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        return ""

    with ThreadPoolExecutor() as pool:
        faults = list(pool.map(take, range(len(files))))
    read = np.array([not fault for fault in faults])
    colored = read & np.array([good and chroma(picture) >= gray for good, picture in zip(read, pixels, strict=True)])
    kept = np.flatnonzero(colored)
    if not len(kept):
        raise TrainingFailed(
            f"None of the {len(files):,} files in {source} is a color photo.", limit=gray, seen=len(files)
        )
    _, first = np.unique(digests[kept], axis=0, return_index=True)
    order = kept[first]
    return Photos(
        pixels=pixels[order],
        digests=digests[order],
        unreadable=tuple(fault for fault in faults if fault),
        gray=int(read.sum() - colored.sum()),
        twice=len(kept) - len(order),
    )


def chroma(picture: Bytes) -> float:
    """Returns the mean chroma of an RGB picture uint8[3, h, w], in the units of ab."""
    a, b = lab_of(picture.transpose(1, 2, 0))[1]
    return float(np.hypot(a, b).mean())


def _folder(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yields name and reader of each file in a folder that may be a photo, in the order of their paths."""
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            yield str(path.relative_to(source)), path.read_bytes


def _pack(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yields number and reader of each photo in a pack."""
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as pack:
            data, offsets = pack["bytes"], pack["offsets"].astype(np.int64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TrainingFailed(f"{source} is no pack of photos: {error}", seen=str(source)) from error
    for number, (start, end) in enumerate(pairwise(offsets)):
        yield f"photo {number}", data[start:end].tobytes


def _side(data: bytes) -> int:
    """Returns the shorter side of a picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return min(image.size)
    except OSError as error:
        raise TrainingFailed(f"The first photo of the pack cannot be read: {error}") from error


def _square(data: bytes, side: int) -> Bytes:
    """Returns the middle of a picture, upright, as RGB uint8[3, side, side]."""
    with Image.open(io.BytesIO(data)) as image:
        # JPEG is decoded at a fraction of its size where that is enough: several times faster.
        image.draft("RGB", (2 * side, 2 * side))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    square = ImageOps.fit(upright, (side, side), Image.Resampling.LANCZOS)
    return np.asarray(square).transpose(2, 0, 1)
