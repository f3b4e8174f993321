"""Parts: files that are not all there yet."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the bytes of a part came from."""

    #: the address
    url: str
    #: the strong entity tag that the bytes had (RFC 9110, 8.8.3), or None
    tag: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A file that is not all there yet, and beside it a note of where its bytes came from."""

    #: the bytes so far
    path: Path
    #: bytes that the whole has; None where that is not known
    size: int | None
    #: whether a digest will tell if bytes of two addresses fit together
    proved: bool

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether it is known that nothing is missing."""
        return self.size is not None and self.done == self.size

    def remove(self) -> None:
        """Forgets the bytes."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def origin(self) -> Origin | None:
        """Returns where the bytes came from, if that was noted."""
        with suppress(OSError, ValueError, TypeError):
            return Origin(**json.loads(self._note.read_text()))
        return None

    def note(self, origin: Origin) -> None:
        """Notes where the bytes to come are from."""
        self._note.write_text(json.dumps(asdict(origin)))

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.origin")
