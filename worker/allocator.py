"""The C library's allocator, told to use memory again: fresh pages from the kernel are what arrays cost most."""

from __future__ import annotations

import ctypes

#: Parameters of mallopt(3), `malloc.h` of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

#: Arrays below this come from memory that was used before, bytes: the largest value that glibc takes.
_LARGEST = 32 << 20

#: What is kept of it when it is free, bytes.
_KEPT = 64 << 20


def reuse_memory() -> None:
    """Has this process, and what it forks, keep memory for its next arrays; a C library without mallopt goes on as is.

    Without it the pages of a picture of 2 megapixels cost 7 of 80 ms in its sandbox.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
