"""Where the results of `colorize` lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.places import Place, Places
from models.files import WEIGHTS
from photochrom.files.names import folded
from shared.recipes import Recipe, resolve
from shared.registry import load_registry
from tests.house import write_picture


def recipe(**wishes: object) -> Recipe:
    """A recipe of the shipped net."""
    return resolve(wishes, load_registry(WEIGHTS).digest_of)


def names(*files: Path, out: Path | None = None, **wishes: object) -> list[str]:
    """The names of the first results."""
    if out:
        out.mkdir(exist_ok=True)
    places = list(Places(files, out=out, force=False, recipe=recipe(**wishes)).named())
    assert [each.refusal for each in places] == [None] * len(places)
    return [each.targets[0].name for each in places]


def only(*files: Path, force: bool = True, out: Path | None = None) -> Place:
    """The place of the first file."""
    return next(Places(files, out=out, force=force, recipe=recipe()).named())


def test_files_that_differ_in_their_extension_keep_it(tmp_path: Path) -> None:
    """They do where their results would have one name, and only there."""
    files = [write_picture(tmp_path / name) for name in ("a.jpg", "a.png", "b.png")]
    assert names(*files) == ["a_colorized.jpg", "a_colorized.png", "b_colorized.png"]
    kept = ["a.jpg_colorized.tif", "a.png_colorized.tif", "b_colorized.tif"]
    assert names(*files, out=tmp_path / "out", format="tiff") == kept


def test_files_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    """Those of several folders in one folder are; each beside its own file keeps its name."""
    files = [write_picture(tmp_path / name) for name in ("x/a.jpg", "y/a.jpg", "x/a-2.jpg")]
    assert names(*files) == ["a_colorized.jpg", "a_colorized.jpg", "a-2_colorized.jpg"]
    numbered = ["a_colorized.jpg", "a-2_colorized.jpg", "a-2-2_colorized.jpg"]
    assert names(*files, out=tmp_path / "out") == numbered


def test_names_that_a_file_system_may_fold_are_told_apart(tmp_path: Path) -> None:
    """Case and the two forms of an umlaut give no name that another system takes for the same."""
    files = [write_picture(tmp_path / name) for name in ("A.png", "a.png", "\u00fc.png", "u\u0308.png")]
    assert len({folded(name) for name in names(*files)}) == 4


def test_a_file_that_is_named_twice_has_one_place(tmp_path: Path) -> None:
    """It does under another path, and by a link of the same name; a link of another name has a result of its own."""
    photo = write_picture(tmp_path / "a.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.png").symlink_to(photo)
    (tmp_path / "b.png").symlink_to(photo)
    again = tmp_path / "x" / ".." / "a.png"
    files = (photo, again, tmp_path / "x/a.png", tmp_path / "b.png")
    assert names(*files, out=tmp_path / "out") == ["a_colorized.png", "b_colorized.png"]


def test_long_names_are_cut_and_told_apart(tmp_path: Path) -> None:
    """Names of up to 255 bytes give results of at most as many, each its own."""
    files = [write_picture(tmp_path / f"{stem}.png") for stem in ("a" * 251, "a" * 250 + "b", "\u6f22" * 80)]
    placed = names(*files)
    assert len(set(placed)) == 3
    assert max(len(name.encode()) for name in placed) <= 255


@pytest.mark.parametrize("force", [True, False])
def test_no_master_is_in_the_place_of_a_result(tmp_path: Path, force: bool) -> None:
    """A file that is named as well is never replaced: itself, the file that a link leads to, and a link to a file."""
    photo, other = write_picture(tmp_path / "a.png"), write_picture(tmp_path / "a_colorized.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "x/link.png").symlink_to(other)
    (tmp_path / "x/a_colorized.png").symlink_to(photo)
    for files, out in (
        ((photo, other), None),
        ((photo, tmp_path / "x/link.png"), None),
        ((photo, tmp_path / "x/a_colorized.png"), tmp_path / "x"),
    ):
        refusal = only(*files, force=force, out=out).refusal
        assert refusal is not None
        assert refusal[0] == "output_is_master"


def test_what_is_there_stays_without_force(tmp_path: Path) -> None:
    """A file, and a link that leads nowhere, are in the way of a result."""
    photo = write_picture(tmp_path / "a.png")
    (tmp_path / "a_colorized.png").symlink_to(tmp_path / "nowhere")
    refusal = only(photo, force=False).refusal
    assert refusal is not None
    assert refusal[0] == "output_exists"
    assert only(photo, force=True).refusal is None


def test_what_is_no_picture_is_said_without_waiting(tmp_path: Path) -> None:
    """A pipe is not read, which would last for ever; an empty file is called one."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty.jpg").touch()
    assert "pipe" in str(only(tmp_path / "pipe.jpg").refusal)
    assert only(tmp_path / "empty.jpg").refusal == ("not_a_picture", "It is empty.")


def test_a_folder_that_was_removed_is_not_made_again(tmp_path: Path) -> None:
    """Results that were to lie beside files that are gone need none."""
    gone = tmp_path / "gone"
    (place,) = Places([], out=None, force=False, recipe=recipe()).found([gone / "a.png"], gone)
    assert place.refusal == ("file_error", "No such file or directory")
    assert not gone.exists()
