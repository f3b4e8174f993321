"""Which files that are there are results of the same."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cli import earlier
from cli.coloring import color_file
from cli.earlier import made_before
from cli.places import Place
from models.files import WEIGHTS
from shared.recipes import resolve
from shared.registry import load_registry
from shared.settings import load
from tests.house import write_picture

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


def test_what_a_master_hands_down_is_not_the_result_s_own(tmp_path: Path) -> None:
    """A master that is a derivative itself brings its history along; only the last recipe made this file."""
    file, other = tmp_path / "a.tif", replace(RECIPE, temperature=0.2)
    file.write_bytes(f"'recipe sha256:{RECIPE.digest}' ".encode() + marks(recipe=other.digest))
    assert not made_before(file, master=MASTER, recipe=RECIPE)
    assert made_before(file, master=MASTER, recipe=other)


def test_a_master_that_is_mentioned_elsewhere_is_none(tmp_path: Path) -> None:
    """A digest in a text of the master's metadata is not that of the master."""
    file = tmp_path / "a.tif"
    file.write_bytes(f"'from sha256:{'6' * 64}' ".encode() + marks())
    assert not made_before(file, master="6" * 64, recipe=RECIPE)


def test_marks_as_other_tools_write_them_count(tmp_path: Path) -> None:
    """Metadata that were changed since, as by ExifTool, have elements for attributes."""
    file = tmp_path / "a.tif"
    texts = f"<r:documentID>sha256:{MASTER}</r:documentID><e:parameters>recipe sha256:{RECIPE.digest}</e:parameters>"
    file.write_bytes(texts.encode())
    assert made_before(file, master=MASTER, recipe=RECIPE)


@pytest.mark.parametrize("fmt", ["jpg", "png", "tif", "jp2", "webp"])
def test_a_part_of_a_result_is_none(tmp_path: Path, fmt: str) -> None:
    """A copy that was broken off does not count, nor one of the usual formats that a crash has filled up with zeros."""
    photo = write_picture(tmp_path / "a.png")
    Image.open(photo).save(photo.with_suffix(f".{fmt}"))
    photo = photo.with_suffix(f".{fmt}")
    place = Place(path=photo, targets=(tmp_path / f"r.{fmt}",))
    assert color_file(place, force=False, recipe=RECIPE, settings=load()).state == "succeeded"
    file, master = place.targets[0], hashlib.sha256(photo.read_bytes()).hexdigest()
    assert made_before(file, master=master, recipe=RECIPE)
    whole = file.read_bytes()
    part = whole[: len(whole) * 7 // 8]
    for data in (part, part.ljust(len(whole), b"\0"))[: 1 if fmt == "jp2" else 2]:
        file.write_bytes(data)
        assert not made_before(file, master=master, recipe=RECIPE)


@pytest.mark.parametrize("head", [b"\0\0\0\x01uuid" + b"\xff" * 8, b"\0\0\0\x02uuid", b"\0\0\0\x01uuid", b"\xff" * 8])
def test_boxes_that_cannot_be_are_no_end(tmp_path: Path, head: bytes) -> None:
    """Whatever a JPEG 2000 file says of its boxes, it is answered."""
    (tmp_path / "a.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + head + marks())
    assert not made_before(tmp_path / "a.jp2", master=MASTER, recipe=RECIPE)


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
