"""Sections: a range of a file as the body of a request, which tells how much of it has gone out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

#: What is told of bytes as they go out; a negative number takes back what has to go out again. Any thread calls it.
Progress = Callable[[int], None]

_CHUNK = 1 << 20


class Section:
    """Bytes `start` to `start + size` of a file; may be read once."""

    def __init__(self, path: Path, start: int, size: int, progress: Progress) -> None:
        """Opens the file; raises OSError."""
        self._file = path.open("rb")
        self._file.seek(start)
        self._size = size
        self._progress = progress
        self.sent = 0

    def __enter__(self) -> Section:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes, at most `size`; empty at the end."""
        left = self._size - self.sent
        data = self._file.read(left if size < 0 else min(size, left))
        if left and not data and size:
            raise OSError(f"{self._file.name} is shorter than it was")
        self.sent += len(data)
        self._progress(len(data))
        return data


@contextmanager
def section(path: Path, start: int, size: int, progress: Progress) -> Iterator[Section]:
    """Opens a section; what was told of it is taken back where it does not arrive."""
    with Section(path, start, size, progress) as body:
        try:
            yield body
        except BaseException:
            progress(-body.sent)
            raise


def md5(path: Path, start: int, size: int) -> str:
    """Returns a section's MD5 in base64, as `Content-MD5` has it (RFC 1864): against damage, not against malice."""
    digest = hashlib.md5(usedforsecurity=False)
    with Section(path, start, size, lambda _: None) as body:
        for chunk in body:
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()
