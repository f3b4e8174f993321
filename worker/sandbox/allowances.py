"""Allowances: the time, processor time and file size that one picture gets."""

from __future__ import annotations

from dataclasses import dataclass

MEGAPIXEL = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowances:
    """What one picture gets until its headers are read, and anew once the number of its pixels is known."""

    #: until the headers are read, seconds
    header_seconds: float = 60
    #: from then on, seconds; the net's time does not count
    picture_seconds: float = 120
    #: the same of processor time, seconds
    header_cpu_seconds: int = 20
    picture_cpu_seconds: int = 60
    #: on top for each megapixel, seconds of either
    megapixel_seconds: float = 1
    #: largest file that may be written, bytes
    spare_file_bytes: int = 64 << 20
    #: on top for each pixel: four 16-bit channels, and a tenth for what compression can add, bytes
    pixel_file_bytes: float = 8 * 1.1

    def seconds(self, pixels: int | None) -> float:
        """Returns the seconds for a picture of so many pixels; for its headers where they are not known yet."""
        return self.header_seconds if pixels is None else self.picture_seconds + self._more_seconds(pixels)

    def cpu_seconds(self, pixels: int | None) -> int:
        """Returns the same of processor time, whole seconds as RLIMIT_CPU counts."""
        return self.header_cpu_seconds if pixels is None else self.picture_cpu_seconds + int(self._more_seconds(pixels))

    def file_bytes(self, pixels: int | None) -> int:
        """Returns the size of the largest file."""
        return self.spare_file_bytes + int(self.pixel_file_bytes * (pixels or 0))

    def _more_seconds(self, pixels: int) -> float:
        return self.megapixel_seconds * pixels / MEGAPIXEL
