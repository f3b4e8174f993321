"""Which files that are there are results of the same."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cli import earlier
from cli.earlier import made_before
from models.files import WEIGHTS
from shared.recipes import resolve
from shared.registry import load_registry

RECIPE = resolve({}, load_registry(WEIGHTS).digest_of)
MASTER = "5" * 64


def marks(master: str = MASTER, recipe: str = RECIPE.digest) -> bytes:
    """What a derivative says of itself."""
    return f"... documentID='sha256:{master}' ... 'recipe sha256:{recipe}' ...".encode()


def test_master_and_recipe_are_told_by_the_marks(tmp_path: Path) -> None:
    """Both must be named; a recipe that differs in its pipeline alone is the same wish."""
    file = tmp_path / "a.jpg"
    older = replace(RECIPE, pipeline=RECIPE.pipeline - 1).digest
    other = replace(RECIPE, temperature=0.2).digest
    for data, expected in (
        (marks(), True),
        (marks(recipe=older), True),
        (marks(recipe=other), False),
        (marks(master="6" * 64), False),
        (b"", False),
    ):
        file.write_bytes(data)
        assert made_before(file, master=MASTER, recipe=RECIPE) is expected


@pytest.mark.parametrize("before", range(0, 300, 7))
def test_marks_are_found_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """Wherever a block ends."""
    monkeypatch.setattr(earlier, "_BLOCK", 150)
    (tmp_path / "a.jpg").write_bytes(b"." * before + marks() + b"." * 100)
    assert made_before(tmp_path / "a.jpg", master=MASTER, recipe=RECIPE)


def test_what_cannot_be_read_is_no_result(tmp_path: Path) -> None:
    """A pipe is not waited for; a link that leads nowhere and a folder are no results."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    for name in ("pipe", "link", "."):
        assert not made_before(tmp_path / name, master=MASTER, recipe=RECIPE)
