"""Placing: where the result of each scan of a collection lies."""

from __future__ import annotations

from pathlib import PurePosixPath

from photochrom.database import Database
from photochrom.state import PAGE

_UNPLACED = f"""
SELECT number, name, (SELECT COUNT(*) FROM run.found AS other WHERE other.twin = mine.twin)
FROM run.found AS mine WHERE twin IS NOT NULL AND target IS NULL AND number > ? ORDER BY number LIMIT {PAGE}
"""


def place(database: Database) -> None:
    """Gives each picture that has none its place, without extension and relative to OUT: `<stem>_colorized`.

    Scans that differ only in their extension keep it in the stem: `a.jpg` and `a.tif` give `a.jpg_colorized` and
    `a.tif_colorized`. Scans of the same name from different arguments are told apart by a number.
    """
    last = 0
    while page := database.rows(_UNPLACED, last):
        with database.transaction():
            for number, name, twins in page:
                _place(database, number, PurePosixPath(name), alone=twins == 1)
        last = page[-1][0]


def _place(database: Database, number: int, name: PurePosixPath, *, alone: bool) -> None:
    stem, count = name.stem if alone else name.name, 1
    target = name.with_name(f"{stem}_colorized")
    while database.rows("SELECT 1 FROM run.found WHERE folded = ?", str(target).casefold()):
        count += 1
        target = name.with_name(f"{stem}-{count}_colorized")
    sql = "UPDATE run.found SET target = ?, folded = ? WHERE number = ?"
    database.run(sql, str(target), str(target).casefold(), number)
