"""Memories: what earlier runs knew of files, read from a state that stays as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

#: Seconds for which another run's lock is waited for.
_PATIENCE = 0.2


class Memory:
    """The state in a folder, if there is one. While it is open no submission can begin there."""

    def __init__(self, folder: Path | None) -> None:
        """Opens the state in `folder`; without a folder, or a state in it, nothing is known."""
        file = folder / "state.sqlite3" if folder else None
        self._state = None
        if file and file.exists():
            self._state = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)

    def close(self) -> None:
        """Lets go of the state."""
        if self._state:
            self._state.close()

    def digest(self, path: Path) -> str | None:
        """Returns the SHA-256 that an unchanged file had."""
        found = path.stat()
        query = "SELECT sha256 FROM digests WHERE path = ? AND size = ? AND mtime_ns = ?"
        return self._look(query, str(path.resolve()), found.st_size, found.st_mtime_ns)

    def wrote(self, output: str) -> bool:
        """Tells whether earlier runs wrote a file in OUT, by its relative path."""
        return self._look("SELECT sha256 FROM outputs WHERE output = ?", output) is not None

    def _look(self, query: str, *values: Any) -> str | None:
        if not self._state:
            return None
        try:
            row = self._state.execute(query, values).fetchone()
        except sqlite3.Error:  # a run is at work there
            return None
        return str(row[0]) if row else None
