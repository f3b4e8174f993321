"""Placing: where the result of each scan of a collection lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from photochrom.bulk.database import Database
from photochrom.bulk.outputs import MARK
from photochrom.bulk.state import PAGE
from photochrom.files.names import cut, folded
from photochrom.scans.scan import EXTENSIONS

#: Nanoseconds by which two file systems may tell one file's time differently.
_SAME_TIME = 2_000_000_000

_UNPLACED = f"""
SELECT number, path, name, size, mtime_ns,
(SELECT COUNT(DISTINCT other.name) FROM run.found AS other WHERE other.twin = mine.twin)
FROM run.found AS mine WHERE twin IS NOT NULL AND target IS NULL AND number > ? ORDER BY number LIMIT {PAGE}
"""

_HOLDERS = f"""
SELECT items.path, digests.size, digests.mtime_ns FROM items LEFT JOIN digests ON digests.path = items.path
WHERE output COLLATE NOCASE IN ({", ".join("?" * len(EXTENSIONS))}) AND items.path != ?
"""


def place(database: Database) -> None:
    """Gives each picture that has none its place, without extension and relative to OUT: `<stem>_colorized`.

    Scans that differ only in their extension keep it in the stem: `a.jpg` and `a.tif` give `a.jpg_colorized` and
    `a.tif_colorized`. Scans of the same name are told apart by a number, those of earlier runs too; a stem that is too
    long is cut.
    """
    last = 0
    earlier = bool(database.rows("SELECT 1 FROM items WHERE output IS NOT NULL LIMIT 1"))
    while page := database.rows(_UNPLACED, last):
        with database.transaction():
            for number, path, name, size, mtime_ns, names in page:

                def held(target: str, path: str = path, size: int = size, mtime_ns: int = mtime_ns) -> bool:
                    return earlier and _held(database, target, path, size, mtime_ns)

                _place(database, number, PurePosixPath(name), held, alone=names == 1)
        last = page[-1][0]


def _place(database: Database, number: int, name: PurePosixPath, held: Callable[[str], bool], *, alone: bool) -> None:
    stem, count = cut(name.stem if alone else name.name), 1
    target = str(name.with_name(f"{stem}{MARK}"))
    while database.rows("SELECT 1 FROM run.found WHERE folded = ?", folded(target)) or held(target):
        count += 1
        target = str(name.with_name(f"{stem}-{count}{MARK}"))
    sql = "UPDATE run.found SET target = ?, folded = ? WHERE number = ?"
    database.run(sql, target, folded(target), number)


def _held(database: Database, target: str, path: str, size: int, mtime_ns: int) -> bool:
    """Tells whether the result of another scan lies there, and not that of this one before it was moved."""
    results = [f"{target}.{extension}" for extension in EXTENSIONS.values()]
    return any(
        Path(other).exists() or was != size or abs(then - mtime_ns) > _SAME_TIME
        for other, was, then in database.rows(_HOLDERS, *results, path)
    )
