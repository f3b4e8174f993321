"""docs/operations.md names every setting and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from shared.settings import PREFIX, Settings

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def test_the_table_has_every_setting() -> None:
    """The table of settings has a row for each setting, in their order, with the default that it has."""
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| (.*?) \| .+ \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [PREFIX + entry.name.upper() for entry in fields(Settings)]
    for (name, default), entry in zip(rows, fields(Settings), strict=True):
        if entry.name not in ("models_dir", "cache_dir", "host"):  # these depend on the machine
            value = entry.default
            text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
            assert default.strip("`") == text, name


def test_no_other_variable_is_named() -> None:
    """Each variable of ours on the page is a setting."""
    known = {PREFIX + entry.name.upper() for entry in fields(Settings)}
    assert set(re.findall(rf"{PREFIX}[A-Z0-9_]+", PAGE)) <= known


def test_it_says_what_was_not_tested() -> None:
    """The page is plain about images that were never built."""
    assert "never built" in PAGE.partition("## What was not tested")[2]
