"""A small SQLite database that several threads of one process use in turn."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from photochrom.errors import ClientError, InUse, NoSpace, StateDamaged

Row = tuple[Any, ...]


class Database:
    """One connection; each call is a transaction of its own.

    What a call wrote survives the end of this process at once, and a power cut from the next `durably` on.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the file; raises what each call may raise: NoSpace, StateDamaged."""
        self._guard = threading.RLock()
        self._path = path
        with self._ours():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            # Alone with it, SQLite needs no memory that processes share, which network drives do not have.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")

    def close(self) -> None:
        """Closes it."""
        with self._guard, self._ours():
            self._db.close()

    def script(self, text: str) -> None:
        """Runs statements."""
        with self._guard, self._ours():
            self._db.executescript(text)

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Returns all rows of a query, which its caller keeps small."""
        with self._guard, self._ours():
            return self._db.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> None:
        """Runs one statement."""
        with self._guard, self._ours():
            self._db.execute(sql, values)

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Runs a statement for each row, in one transaction."""
        with self.transaction():
            self._db.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes one transaction of the calls within; other threads wait."""
        with self._guard, self._ours():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def durably(self) -> Iterator[None]:
        """Makes one transaction that, with all before it, is on the disk when it ends."""
        with self._guard, self._ours():
            self._db.execute("PRAGMA synchronous=FULL")
            try:
                with self.transaction():
                    yield
            finally:
                self._db.execute("PRAGMA synchronous=NORMAL")

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Raises what SQLite says as an error of ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise _explained(error, self._path) from error


def _explained(error: sqlite3.Error, path: Path) -> ClientError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return NoSpace(
            f"no space: {path.parent} is full. Make room and run the same command again; it goes on from here."
        )
    return StateDamaged(
        f"{path} cannot be used: {error}. Move the folder {path.parent} away and run the same command again: what the "
        "server has is not sent again, and results that are here are not fetched again."
    )


@contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder; the operating system lets go of it when this process ends, however.

    Raises InUse where another one is in.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(f"Another `photochrom submit` works in {folder.parent}: wait for it, or stop it.") from error
        yield
