"""The database of a run: what SQLite says comes as an error of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from photochrom import NoSpace
from photochrom.bulk.database import Database
from photochrom.errors import StateDamaged


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    """Where no page more can be written the words are those of a full disk, and what was there stays."""
    database = Database(tmp_path / "a.sqlite3")
    database.script("CREATE TABLE texts (text TEXT)")
    database.run("INSERT INTO texts VALUES ('kept')")
    database.run("PRAGMA max_page_count = 4")
    with pytest.raises(NoSpace, match="Make room"):
        database.many("INSERT INTO texts VALUES (?)", (["x" * 4000] for _ in range(9)))
    assert database.rows("SELECT text FROM texts") == [("kept",)]
    database.close()


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    """What is no database is named, with what a person can do."""
    (tmp_path / "a.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StateDamaged, match="Move the folder"):
        Database(tmp_path / "a.sqlite3")
